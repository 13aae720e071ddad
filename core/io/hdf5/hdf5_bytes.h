// HDF5 over bytes that we read, so that the library opens no file by itself.
#pragma once

#include <string>

#include "core/io/container/byte_source.h"

namespace H5 {
class H5File;
}

namespace quantoscope {

/// Opens `bytes` as an HDF5 file of this name. Files that links in it lead to, where these are
/// followed at all, are opened by openFileBytes(), too. Needs the Hdf5Lock; throws Hdf5Failure,
/// which tells what the library says.
H5::H5File openHdf5Bytes(const std::string& name, SharedByteSource bytes);

}  // namespace quantoscope
