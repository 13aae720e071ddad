// Listing everything in an HDF5 file.
#pragma once

#include "core/io/container/open_options.h"
#include "core/io/container/stored_file.h"

namespace H5 {
class H5File;
}  // namespace H5

namespace quantoscope {

/// Describes every array in the file and the attributes that tell frameworks apart, without reading
/// elements and, unless it is allowed, without leaving the file. Each group is entered once,
/// whatever names and cycles lead to it, and none below a depth of 100; its further names are
/// listed with that as their obstacle. Further names of an array (hard and soft links) are listed
/// as aliases; links that lead nowhere or into other files, and what cannot be opened, are listed
/// with that as their obstacle. `options.control` is told how many links were followed so far, and
/// may end the walk with an Hdf5Failure. Needs the Hdf5Lock; throws.
StoredFile walkHdf5(const H5::H5File& file, const OpenOptions& options = {});

}  // namespace quantoscope
