// The plan as a JSON file.
#pragma once

#include <string>

#include "core/base/file_output.h"
#include "core/base/json.h"
#include "core/base/result.h"
#include "core/quant/tuning_plan.h"

namespace quantoscope {

/// `{"format":"quantoscope-plan","version":1,...}`, as app/cli/README.md describes it.
Json planToJson(const TuningPlan& plan);

/// The plan in a JSON value; errors begin with `name`, a file for instance.
Result<TuningPlan> planFromJson(const Json& json, const std::string& name);

/// Reads a plan; the error names the file, the tensor and the key.
Result<TuningPlan> readPlan(const std::string& path);

/// Writes a plan, whole or not at all; see PendingFile.
Status writePlan(const TuningPlan& plan, const OutputPath& path);

}  // namespace quantoscope
