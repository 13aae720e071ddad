#include "app/cli/chosen_plan.h"

#include <map>
#include <utility>

#include "app/cli/context.h"
#include "core/exporting/plan_file.h"

namespace quantoscope::cli {

Result<TuningPlan> planOf(const std::string& planFile, const SpecOptions& options,
                          const TensorSource& source) {
  if (planFile.empty()) {
    auto spec = options.spec();
    if (!spec) return spec.error();
    TuningPlan plan;
    plan.defaultSpec = *spec;
    return plan;
  }
  if (options.given()) {
    return wrongUsage("--plan holds the specification; give no specification options with it");
  }
  auto plan = readPlan(planFile);
  if (!plan) return plan.error();
  // By the names in the file, under which specs are looked up: a plan may have them escaped, or
  // with a leading slash. Where it has both, the name itself goes first.
  std::map<std::string, TensorPlan> named;
  for (const auto& [name, tensor] : plan->tensors) {
    const auto info = findTensor(source, name);
    if (!info) return Error{info.error().code, planFile + ": " + info.error().message};
    if (info->name == name) {
      named.insert_or_assign(name, tensor);
    } else {
      named.emplace(info->name, tensor);
    }
  }
  plan->tensors = std::move(named);
  return plan;
}

}  // namespace quantoscope::cli
