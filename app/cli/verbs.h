// The verbs of the command line: a file each, named after the verb, and a row here.
#pragma once

#include <functional>

#include "app/cli/context.h"

namespace CLI {
class App;
}

namespace quantoscope::cli {

/// Runs a verb after parsing; the value is the exit status where it is not an error.
using Verb = std::function<Result<int>(const Context&)>;

Verb addList(CLI::App& verb);
Verb addInspect(CLI::App& verb);
Verb addSearch(CLI::App& verb);
Verb addCompare(CLI::App& verb);
Verb addOverview(CLI::App& verb);
Verb addQuantize(CLI::App& verb);
Verb addEncode(CLI::App& verb);
Verb addExport(CLI::App& verb);
Verb addTargets(CLI::App& verb);
Verb addVerify(CLI::App& verb);
Verb addDoctor(CLI::App& verb);

struct VerbRow {
  const char* name;
  const char* summary;          ///< for --help
  Verb (*add)(CLI::App& verb);  ///< adds the verb's options to it and returns what runs it
};

inline constexpr VerbRow kVerbs[] = {
    {"list", "List the tensors of a file that can be quantized", addList},
    {"inspect", "Quantize a tensor and show the errors", addInspect},
    {"search", "Find the clip ratio with the smallest error", addSearch},
    {"compare", "Measure another version of the same tensors, such as one dequantized elsewhere",
     addCompare},
    {"overview", "Quantize every tensor, show the errors, and write a plan", addOverview},
    {"quantize", "Write quantized tensors to a native HDF5 file", addQuantize},
    {"export", "Write a model in a form that other programs load", addExport},
    {"targets", "Show which export formats can carry a specification or plan", addTargets},
    {"encode", "Quantize a tensor with given scales", addEncode},
    {"verify", "Judge a quantized file, and compare it with its original", addVerify},
    {"doctor", "Show versions, kernels, machine, sandbox and formats, for bug reports", addDoctor},
};

}  // namespace quantoscope::cli
