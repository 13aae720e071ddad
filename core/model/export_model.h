// A model as a file that others read: checked before, read back after, whole or not there at all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/exporting/export_format.h"
#include "core/model/quantize_model.h"

namespace quantoscope {

/// What an export did to one tensor.
struct ExportedTensor {
  std::string name;
  QuantSpec spec;
  ErrorMetrics metrics;
  StorageCost storage;
  std::size_t groupsWithoutScale = 0;  ///< see the function of that name; a finding names the first
};

struct ExportReport {
  Findings findings;  ///< notes: what the target cannot carry, what a user should know
  std::vector<ExportedTensor> tensors;  ///< in the order of the job; none where only choices are
                                        ///< exported
};

/// Exports a job to `path` in these steps:
///  1. check: the target's rules are applied to the plan; a refusal is DoesNotFit that names the
///     tensor and the rule, and nothing is written; nor is it where the source is damaged or,
///     unless the job allows that, incomplete (proveWhole);
///  2. quantize and add, tensor after tensor, to a temporary name;
///  3. verify: what was written is read back through the sandboxed reader (see verifyExport);
///  4. commit: the file is flushed and gets its name, if the source is still as it was opened.
/// Where any of them fails or is cancelled, what had the name before is as it was, and nothing else
/// is left. A file that has the name already is replaced or kept as `path` says. The source is read
/// once more for its fingerprint where tensors are exported, unless the job has it. Errors: as
/// quantizeModel; OutputFailed; UnreadableFile for the source; Cancelled.
Result<ExportReport> exportModel(const ModelJob& job, const ExportFormat& format,
                                 const OutputPath& path, const QuantizeOptions& options,
                                 const Executor& executor, const ModelControl& control = {});

/// The same for tensors that are there already: `fill` adds those of the header. `source`, which
/// may be null, is what they come from; that it is whole is for the caller to prove.
Status writeExport(const ExportFormat& format, const ModelHeader& header, const OutputPath& path,
                   const std::function<Status(TensorSink&)>& fill, const CancelToken& cancel = {},
                   const TensorSource* source = nullptr);

/// Opens a finished file in a reader process and compares every array, bit for bit, with what its
/// writer handed over. OutputFailed, about `path`, names the first array that differs or cannot be
/// read.
Status verifyExport(const FinishedFile& file, const std::string& path,
                    const CancelToken& cancel = {});

}  // namespace quantoscope
