// A file some of whose tensors are quantized already.
#pragma once

#include <string_view>

#include "core/io/container/container.h"

namespace quantoscope {

/// How the reason of an array begins that holds the codes of a quantized tensor.
inline constexpr std::string_view kAlreadyQuantized = "already quantized";

/// Marks what is quantized (StoredFile::quantization, StoredArray::quantized), so that codes and
/// their parameters pass for no weights, and offers float8 with scales decoded (see
/// core/io/quantized/scaled_float8.h): such an array has the dtype "float8_e4m3fn x 128x128 block
/// scales" and is read as float32. Scales are read once for each array that is read, and kept until
/// another one is. All else is as in `container`, which is returned itself where nothing is
/// quantized.
///
/// Told by names, types and shapes of the arrays alone; files of this program are left alone.
SharedContainer withQuantizedParts(SharedContainer container);

}  // namespace quantoscope
