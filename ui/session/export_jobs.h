// Writing files beside the window: each function makes a job for Session::startExport.
#pragma once

#include <functional>
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

/// A model in one of the formats of core/exporting/registry.h.
ExportJob modelExport(std::string path, const ExportFormat& format, ModelJob job,
                      QuantizeOptions options, Executor executor);

}  // namespace quantoscope::ui
