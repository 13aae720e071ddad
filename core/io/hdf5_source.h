// Weights from HDF5 files.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/tensor_source.h"

namespace quantoscope {

/// Opens an HDF5 file and lists its arrays. The elements are read by load(), in pieces of some MiB
/// that are put in place at once, so that no second copy of the tensor ever exists.
Result<SharedSource> openHdf5Source(const std::string& path);

}  // namespace quantoscope
