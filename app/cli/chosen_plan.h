// The plan that a verb follows: of --plan, or of the options of a specification.
#pragma once

#include <string>

#include "app/cli/spec_options.h"
#include "core/io/tensor_source.h"
#include "core/quant/tuning_plan.h"

namespace quantoscope::cli {

/// The plan to follow: the one of the file, or, where that is "", one that gives every tensor the
/// spec of the options. Names are those of `source`. Errors: as readPlan(); InvalidArgument where
/// both are given; NotFound for a tensor of the plan that the source has not.
Result<TuningPlan> planOf(const std::string& planFile, const SpecOptions& options,
                          const TensorSource& source);

}  // namespace quantoscope::cli
