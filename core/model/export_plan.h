// What an export will be, before anything is quantized: checked against the rules of its target.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/exporting/export_format.h"
#include "core/model/model_job.h"
#include "core/parallel/executor.h"

namespace quantoscope {

/// Which remedies are taken without asking.
enum class Fix {
  Usual,  ///< those of usual findings about tensors that the job's plan does not name
  All,    ///< the first of each finding
};

/// A remedy that was taken.
struct TakenRemedy {
  Finding finding;
  Remedy remedy;
};

/// An export as it will be.
struct ExportPlan {
  ModelHeader header;                  ///< after the remedies
  Findings findings;                   ///< what is left: notes, and what nothing was done about
  std::vector<TakenRemedy> taken;      ///< in the order in which they were
  std::optional<std::uint64_t> bytes;  ///< of all files but the report; nothing where not known

  bool isRefused() const;
};

/// Checks a job against a target and takes remedies until none is left to take. What is not
/// quantized of a whole model is passed; arrays that the target has no type for are left out, which
/// a note tells. Errors: UnreadableFile for a companion file.
Result<ExportPlan> planExport(const ModelJob& job, const ExportFormat& format, Fix fix);

/// DoesNotFit with the first refusal, and how many more there are; else ok().
Status refusalOf(const ExportFormat& format, const ExportPlan& plan);

/// How long an export will take, in seconds, from the time that the first of its tensors take to be
/// quantized here and now: some tenths of a second are spent on that. Errors: as quantizeModel().
Result<double> estimateSeconds(const ModelJob& job, const ExportFormat& format,
                               const ModelHeader& header, const Executor& executor,
                               const TaskControl& control = {});

/// What a remedy changes.
struct RemedyCost {
  /// SQNR of the tensor after it less that before it, in dB: infinite where it stays in float.
  double decibels = 0;
  std::optional<std::int64_t> bytes;  ///< of the export; nothing where sizes are not known
};

/// Measures the tensor that the finding is about under both specifications. Errors: as loading and
/// measuring; NotFound for a finding that is about no tensor.
Result<RemedyCost> costOf(const Remedy& remedy, const Finding& finding, const ModelJob& job,
                          const ExportFormat& format, const ModelHeader& header,
                          const Executor& executor, const TaskControl& control = {});

}  // namespace quantoscope
