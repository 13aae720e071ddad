// The tensors of a model, quantized as a plan says.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/exporting/export_format.h"
#include "core/model/model_job.h"
#include "core/parallel/executor.h"

namespace quantoscope {

struct QuantizeOptions {
  bool withDequantized = false;  ///< ExportTensor::dequantized, too
  /// What the tensors go into: its scales are those of the file, and the error is measured on them.
  /// Null: scales are as the specification makes them.
  const ExportFormat* format = nullptr;
  /// Scales of tensors, by name, that are not their own; see Coding::withTensorScale(). Null: none.
  const std::map<std::string, float>* tensorScales = nullptr;
};

/// Quantizes one tensor: survey, clip search where the spec has one (minimising the weighted error
/// where there is `importance`), codes, and the exact metrics of what they decode to. Errors: an
/// invalid spec, NotFinite, DoesNotFit (no memory included), Cancelled. Thread-safe.
///
/// With a format, DoesNotFit also names the first group whose scale the format's type cannot hold:
/// one that overflows there, or vanishes although weights of the group are not 0.
Result<ExportTensor> quantizeTensor(const WeightTensor& tensor, const QuantSpec& spec,
                                    const QuantizeOptions& options, const Executor& executor,
                                    const TaskControl& control = {},
                                    std::span<const float> importance = {});

/// Takes each tensor when it is quantized, in the order of the job; an error ends the work.
using TakeTensor = std::function<Status(ExportTensor&&)>;

/// Quantizes the tensors of a job one after the other, one in memory at a time. The first error
/// ends the work, be it of the loader, of a tensor or of `take`.
Status quantizeModel(const ModelJob& job, const QuantizeOptions& options, const TakeTensor& take,
                     const Executor& executor, const ModelControl& control = {});

}  // namespace quantoscope
