// Models for transformers and vLLM in the 4-bit layout of bitsandbytes.
//
// nf4, and fp4 (fp4_e2m1_bnb), in blocks of a power of two. Arrays of a layer, with n weights and
// k = n / block blocks, by the name of its weight W:
//   W                   U8 [ceil(n / 2), 1], row-major, the first code in the high half
//   W.absmax            F32 [k]; nested: U8 [k], indices into nested_quant_map
//   W.quant_map         F32 [16], the levels by code
//   W.nested_absmax     F32 [ceil(k / 256)], nested only, as is the next
//   W.nested_quant_map  F32 [256]
//   W.quant_state.bitsandbytes__nf4 (or __fp4)  U8, JSON text: quant_type, blocksize, dtype, shape,
//                       and nested: nested_blocksize, nested_dtype, nested_offset; with spaces
//                       behind it where the offset has fewer digits than it might
// A specification with double quantization becomes the nested form, which has its own arithmetic:
// the mean is taken off the scales, and blocks of 256 are rounded to the levels of
// dynamicMap(). Source: bitsandbytes 0.50 (95f9af30), functional.py (quantize_4bit,
// create_dynamic_map, QuantState.as_dict), backends/default/ops.py; vLLM, bitsandbytes_loader.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/exporting/export_format.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

/// The row of the table: a folder for transformers and vLLM.
ExportFormat bitsandbytesFormat();

/// How it stores tensors. Only specs that the row's check lets pass.
const StateDictFormat& bitsandbytesLayout();

/// The 256 levels of bitsandbytes' dynamic 8-bit type, ascending from -0.993 to 1: to the bit what
/// create_dynamic_map() gives where its library computes eight numbers at a time.
const std::array<float, 256>& dynamicMap();

/// Scales in the nested form: scale i is dynamicMap()[codes[i]] * absmax[i / 256] + offset, in
/// float32, one rounding per operation.
struct NestedScales {
  std::vector<std::uint8_t> codes;
  std::vector<float> absmax;
  float offset = 0;  ///< the mean in float64, rounded once

  static NestedScales of(std::span<const float> scales);
  float at(std::size_t i) const;
};

}  // namespace quantoscope
