// Arrays as NumPy saves them.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/container.h"
#include "core/io/container/container_format.h"

namespace quantoscope {

/// Opens a .npy file (formats 1.0 to 3.0), whose one array is called as the file without its
/// ending; numpy.lib.format in NumPy's manual describes it. Numbers and truth values can be read,
/// in both byte orders and both orders of axes; other dtypes, pickled objects among them, are
/// listed with what keeps them from being read. `name` begins every error.
Result<SharedContainer> openNpy(const SharedByteSource& bytes, const std::string& name);

/// Opens a .npz archive of such files. Each array is called as its member without ".npy"; other
/// members are left out. What is compressed is decompressed into memory when it is opened.
Result<SharedContainer> openNpz(const SharedByteSource& bytes, const std::string& name);

/// Both.
extern const ContainerFormat kNumpyFormat;

}  // namespace quantoscope
