// A model as a file that others read: checked before, read back after, whole or not there at all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/exporting/export_format.h"
#include "core/model/export_plan.h"
#include "core/model/export_proof.h"
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
  std::vector<ExportedTensor> tensors;   ///< in the order of the job; none where only choices are
                                         ///< exported
  std::vector<TakenRemedy> taken = {};   ///< what was changed so that it fits
  std::vector<std::string> passed = {};  ///< arrays that went along as they are
  std::string sourceFile = {};
  std::string sourceSha256 = {};  ///< empty where only choices are exported
  bool isProven = false;          ///< whether the file was decoded and compared

  /// For machines; app/cli/README.md tells the keys.
  Json json(const ExportFormat& format) const;
  /// For people.
  std::string text(const ExportFormat& format) const;
};

/// What the report of an export is called inside a folder; beside a file, its name with
/// ".report.json" and ".report.txt".
inline constexpr const char* kFolderReport = "export.report";

/// Exports a job to `path` in these steps:
///  1. check: the target's rules are applied to the plan (planExport); what is refused then is
///     DoesNotFit that names the tensor and the rule, and nothing is written; nor is it where the
///     source is damaged or, unless the job allows that, incomplete (proveWhole);
///  2. quantize and add, tensor after tensor, to a temporary name; then pass on what stays as it
///  is;
///  3. prove: what was written is read back and decoded through the sandboxed reader (see
///     proveExport);
///  4. commit: the file is flushed and gets its name, if the source is still as it was opened. The
///     report goes into a folder before that.
/// Where any of them fails or is cancelled, what had the name before is as it was, and nothing else
/// is left. A file that has the name already is replaced or kept as `path` says. The source is read
/// once more for its fingerprint where tensors are exported, unless the job has it. Errors: as
/// quantizeModel; OutputFailed; UnreadableFile for the source; Cancelled.
struct ExportOptions {
  bool withDequantized = false;
  Fix fix = Fix::Usual;
};
Result<ExportReport> exportModel(const ModelJob& job, const ExportFormat& format,
                                 const OutputPath& path, const ExportOptions& options,
                                 const Executor& executor, const ModelControl& control = {});

/// The same for tensors that are there already: `fill` adds those of the header, after the target's
/// rules were applied to it. `source`, which may be null, is what they come from; that it is whole
/// is for the caller to prove.
Status writeExport(const ExportFormat& format, const ModelHeader& header, const OutputPath& path,
                   const std::function<Status(TensorSink&)>& fill, const Executor& executor,
                   const CancelToken& cancel = {}, const TensorSource* source = nullptr);

}  // namespace quantoscope
