// Quantized tensors of this program's own files, of version 2 and of version 1.
#pragma once

#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// The one format of a native file (StoredFile::format is kNativeFormat). app/cli/README.md tells
/// what the arrays and attributes are; what contradicts them is refused with the reason. Codes that
/// no level or no 16-bit integer stands for are found when they are read. A tensor is called by its
/// source's name and is [rows, cols], or [cols, rows] where the source's matrix was. It decodes to
/// what `dequantized` holds, to the bit but for the sign of zeros, which codes do not keep.
const QuantizedFormat& nativeQuantized();

/// Scales a row of a tensor that nativeQuantized() opened.
std::size_t nativeGroupsOf(const PackedInfo& info);

/// Whether the values that codes decode to stand beside them, as `dequantized`.
bool hasNativeValues(const Siblings& siblings);

/// Arrays that a native file passes on, called by their own names; one whose name another array or
/// group has stays where it is. Their group attributes, under that name, have it as sourceName.
/// `container` itself where there are none.
SharedContainer withNativeNames(SharedContainer container);

}  // namespace quantoscope
