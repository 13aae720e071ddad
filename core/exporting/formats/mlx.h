// Models for MLX (mlx-lm) on Apple silicon.
//
// Arrays of a layer M with W [out, in], by the specification of W:
//   int     M.weight U32 [out, in * b / 32], each row a dense stream of codes from 0; M.scales and
//           M.biases [out, in / g] of the type of W if that has 16 bits, else F32; a weight is
//           scale * code + bias. b is 2, 3, 4, 5, 6 or 8: 1 bit is stored in 2, 7 bits in 8. g is
//           128, 64 or 32: the largest that divides the group and the row, a scale repeated.
//           sym: bias = -2^(bits - 1) * scale, exactly (so an F32 scale has 24 - bits bits); asym:
//           fitted (core/quant/offset_fit.h)
//   mxfp4   M.weight likewise, patterns of e2m1; M.scales U8 [out, in / 32], exponents + 127
//   mxfp8   the same with patterns of e4m3
// config.json: "quantization", and the same as "quantization_config": group_size, bits and mode of
// most layers; the others by name. A layer is quantized where M.scales exists. Embeddings and heads
// may be. Source: MLX 0.32 (846d1762), ops.cpp, backend/cpu/quantized.cpp; mlx-lm 0.32, utils.py.
#pragma once

#include "core/exporting/export_format.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

/// The row of the table: a folder for mlx-lm.
ExportFormat mlxFormat();

/// How it stores tensors. Only specs that the row's check lets pass.
const StateDictFormat& mlxLayout();

}  // namespace quantoscope
