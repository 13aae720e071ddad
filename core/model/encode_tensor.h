// Codes from given scales.
#pragma once

#include <optional>

#include "core/exporting/export_format.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// The tensor coded with given scales, and zero points where there are any, both [rows, groups], by
/// quant_weight_w_scale: codes are not clamped, so integers are 32 bits wide. The metrics are those
/// of what the codes decode to. Errors: as quant_weight_w_scale, about the tensor; DoesNotFit where
/// a code does not fit into 32 bits, naming its place. Thread-safe.
Result<ExportTensor> encodeTensor(const WeightTensor& tensor, const QuantSpec& spec, Matrix scale,
                                  std::optional<Matrix> zeroPoint);

}  // namespace quantoscope
