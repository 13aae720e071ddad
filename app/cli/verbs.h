// The verbs of the command line. Each adds its options to the program and returns what to run.
#pragma once

#include <functional>

#include "app/cli/context.h"

namespace CLI {
class App;
}

namespace quantoscope::cli {

/// Runs a verb after parsing; the value is the exit status where it is not an error.
using Verb = std::function<Result<int>(const Context&)>;

Verb addList(CLI::App& program);
Verb addInspect(CLI::App& program);
Verb addSearch(CLI::App& program);
Verb addCompare(CLI::App& program);
Verb addOverview(CLI::App& program);
Verb addQuantize(CLI::App& program);
Verb addEncode(CLI::App& program);

}  // namespace quantoscope::cli
