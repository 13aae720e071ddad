// Writing files beside the window: each function makes a job for Session::startExport.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/model/export_model.h"
#include "core/parallel/executor.h"
#include "core/quant/tuning_plan.h"

namespace quantoscope::ui {

/// What a finished export has to say: notes about what the format cannot carry, one line each.
using ExportResult = Result<std::vector<std::string>>;

/// Runs on a worker thread, owns what it needs, asks `control.cancel` and reports progress
/// where there is any to see. Leaves no partial file behind.
using ExportJob = std::function<ExportResult(const TaskControl& control)>;

/// Text as a file.
ExportJob textExport(std::string path, std::string content);

/// The plan with the digest of the source it was made for, which is read for it. Refused like any
/// other export where the source is damaged, incomplete or changed.
ExportJob planExport(std::string path, TuningPlan plan, SharedSource source);

/// What an export of a model that ended has to say.
struct ExportOutcome {
  Result<ExportReport> report;
  std::string text = {};        ///< of the report, for people
  Status reportWritten = ok();  ///< beside the file
};

/// Where the report of an export is written beside it: none for a folder, which holds it.
std::vector<std::string> reportPaths(const ExportFormat& format, const std::string& path);

/// One export of a model under way, for whoever shows it: where it stands, and at last how it
/// ended. Thread-safe.
class ExportRun {
 public:
  enum class Phase {
    Preparing,   ///< checks, and the source's fingerprint
    Quantizing,  ///< tensor after tensor
    Passing,     ///< what stays as it is
    Proving,     ///< all is written: it is read back, compared and named
  };

  struct Progress {
    Phase phase = Phase::Preparing;
    std::string tensor;          ///< Phase::Quantizing: which one
    std::size_t index = 0;       ///< its place among them
    std::size_t count = 0;       ///< of tensors to be quantized
    std::uint64_t bytes = 0;     ///< of the source that are done
    std::uint64_t allBytes = 0;  ///< of the source that will be
  };

  /// `allBytes`: of the tensors and of what is passed, as they are in the source.
  explicit ExportRun(std::uint64_t allBytes);

  Progress progress() const;
  /// Null while it goes on.
  std::shared_ptr<const ExportOutcome> outcome() const;

  // ---- by those who do the work

  void beginTensor(const TensorInfo& info, std::size_t index, std::size_t count);
  /// Of the tensor that was begun; what was done already is not undone.
  void advance(std::uint64_t done, std::uint64_t total);
  void pass(std::uint64_t bytes);
  void end(ExportOutcome outcome);

 private:
  void raise(std::uint64_t bytes);

  mutable std::mutex mutex_;
  Progress progress_;
  std::uint64_t before_ = 0;   ///< bytes of the tensors before the one that was begun
  std::uint64_t current_ = 0;  ///< bytes of that one
  std::shared_ptr<const ExportOutcome> outcome_;
};

/// A model in one of the formats of core/exporting/registry.h. With a `run` it is watched by that,
/// and its report is written beside it.
ExportJob modelExport(OutputPath path, const ExportFormat& format, ModelJob job,
                      ExportOptions options, Executor executor,
                      std::shared_ptr<ExportRun> run = nullptr);

}  // namespace quantoscope::ui
