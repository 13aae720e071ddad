// Writing files beside the window: each function makes a job for Session::startExport.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/io/tensor_source.h"
#include "core/parallel/executor.h"
#include "core/quant/tuning_plan.h"
#include "ui/session/io_queue.h"

namespace quantoscope::ui {

/// What a finished export has to say: notes about what the format cannot carry, one line each.
using ExportResult = Result<std::vector<std::string>>;

/// Runs on a worker thread, owns what it needs, asks `control.cancel` and reports progress
/// where there is any to see. Leaves no partial file behind.
using ExportJob = std::function<ExportResult(const TaskControl& control)>;

/// Text as a file.
ExportJob textExport(std::string path, std::string content);

/// The plan with the fingerprint of its source file, which is read for it.
ExportJob planExport(std::string path, TuningPlan plan);

/// neural-compressor's configuration of the plan.
ExportJob neuralCompressorExport(std::string path, TuningPlan plan,
                                 std::vector<TensorInfo> tensors);

/// What quantizedExport works on.
struct QuantizedExport {
  std::string path;
  SharedSource source;
  std::vector<TensorInfo> tensors;                  ///< those to write; all quantizable
  TuningPlan plan;                                  ///< the spec of each
  std::map<std::string, Orientation> orientations;  ///< of tensors that are read otherwise
  bool withDequantized = false;
};

/// Quantizes tensors one after the other into a native file.
ExportJob quantizedExport(QuantizedExport what, std::shared_ptr<IoQueue> queue, Executor executor);

}  // namespace quantoscope::ui
