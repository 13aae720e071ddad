// Models for vLLM and transformers in the layout of compressed-tensors.
//
// Integers of 1 to 8 bits (pack-quantized), nvfp4, mxfp4, mxfp8, and fp8 e4m3 with a scale a row.
// Arrays of a layer, by the specification of its weight W [out, in]:
//   pack-quantized        weight_packed I32 [out, ceil(in * bits / 32)], codes from 0, dense along
//                         in; weight_scale [out, groups]; weight_shape I64 [2]; asym:
//                         weight_zero_point I32 [ceil(out * bits / 32), groups], dense along out
//   nvfp4-pack-quantized  weight_packed U8 [out, in / 2], the first code in the low half;
//                         weight_scale F8_E4M3 [out, in / 16]; weight_global_scale F32 [1], which
//                         divides
//   mxfp4-pack-quantized  weight_packed likewise; weight_scale U8 [out, in / 32], exponents + 127
//   mxfp8-quantized       weight F8_E4M3 [out, in]; weight_scale likewise
//   float-quantized       weight F8_E4M3 [out, in]; weight_scale [out, 1]
// weight_scale of the first and the last has the type of W if that has 16 bits, else float32.
// Source: compressed-tensors 0.18 (ac8e2ba8), compressors/ and quantization/; what loaders demand:
// vLLM, model_executor/layers/quantization/compressed_tensors.
#pragma once

#include "core/exporting/export_format.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

/// The row of the table: a folder for vLLM and transformers.
ExportFormat compressedTensorsFormat();

/// How it stores tensors. Only specs that the row's check lets pass.
const StateDictFormat& compressedTensorsLayout();

}  // namespace quantoscope
