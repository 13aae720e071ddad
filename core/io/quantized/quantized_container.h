// A file some of whose tensors are quantized already.
#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// How the reason of an array begins that holds the codes of a quantized tensor.
inline constexpr std::string_view kAlreadyQuantized = "already quantized";

/// What follows in it where the tensor is offered decoded under a path of its own, which comes
/// last: "already quantized: GPTQ, 4 bits; decoded as a.b.weight".
inline constexpr std::string_view kDecodedAs = "; decoded as ";

/// Marks what is quantized (StoredFile::quantization, StoredArray::quantized), so that codes and
/// their parameters pass for no weights, and offers what they decode to:
///
/// - Each tensor of packedTensorsOf() as a matrix of float32 (StoredArray::quantizedAs), before the
///   array of its codes, or in place of it where it has the same path. One whose path another array
///   has is not offered. The reason of codes that cannot be decoded says why.
/// - float8 with scales (see core/io/quantized/scaled_float8.h): such an array has the dtype
///   "float8_e4m3fn x 128x128 block scales" and is read as float32.
///
/// Only the rows that a box needs are decoded, some at a time. Parameters are read once for each
/// array that is read, and kept until another one is. All else is as in `container`, which is
/// returned itself where nothing is quantized. Errors: Cancelled.
///
/// Told by names, types and shapes of the arrays, by what the configuration says
/// (StoredFile::quantizationConfig), and by some contents. Files of this program say what they
/// hold: see core/io/quantized/native_packed.h. Where one has `dequantized` beside codes, that is
/// the tensor's array, and no other is offered; what it passes on is called by its own name.
Result<SharedContainer> withQuantizedParts(SharedContainer container,
                                           const TaskControl& control = {});

}  // namespace quantoscope
