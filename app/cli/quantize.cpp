// quantize: tensors as a native file.
#include <CLI/CLI.hpp>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/exporting/formats/native_file.h"
#include "core/exporting/plan_file.h"

namespace quantoscope::cli {

namespace {

struct QuantizeOptions {
  std::string file;
  std::vector<std::string> tensors;
  std::string plan;
  std::string out;
  bool withDequantized = false;
  SpecOptions spec;
};

/// The plan to follow: the one of --plan, or one that gives every tensor the spec of the options.
Result<TuningPlan> planOf(const QuantizeOptions& options, const TensorSource& source) {
  if (options.plan.empty()) {
    auto spec = options.spec.spec();
    if (!spec) return spec.error();
    TuningPlan plan;
    plan.defaultSpec = *spec;
    return plan;
  }
  if (options.spec.given()) {
    return wrongUsage("--plan holds the specification; give no options of one beside it");
  }
  auto plan = readPlan(options.plan);
  if (!plan) return plan.error();
  for (const auto& [name, tensor] : plan->tensors) {
    if (auto info = findTensor(source, name); !info) {
      return Error{info.error().code, options.plan + ": " + info.error().message};
    }
  }
  return plan;
}

Result<std::vector<TensorInfo>> chosenTensors(const QuantizeOptions& options,
                                              const TensorSource& source) {
  std::vector<TensorInfo> chosen;
  if (options.tensors.empty()) {
    for (const TensorInfo& info : source.tensors()) {
      if (info.quantizable) chosen.push_back(info);
    }
    if (chosen.empty()) {
      return Error{ErrorCode::DoesNotFit, source.path() +
                                              ": nothing in it can be quantized; "
                                              "list --all shows why"};
    }
    return chosen;
  }
  for (const std::string& name : options.tensors) {
    auto info = findTensor(source, name);
    if (!info) return info.error();
    for (const TensorInfo& earlier : chosen) {
      if (earlier.name == info->name) return wrongUsage(name + ": named twice");
    }
    chosen.push_back(*info);
  }
  return chosen;
}

Result<NativeTensor> quantizeOne(const WeightTensor& tensor, const QuantSpec& spec,
                                 const QuantizeOptions& options, const Context& context) {
  auto importance = loadImportance(context, options.spec.importance(), tensor);
  if (!importance) return importance.error();
  const Executor& executor = context.executor();
  const TaskControl control = context.control(tensor.info().name);
  auto health = healthOf(tensor, executor, control);
  if (!health) return health.error();
  if (!health->finite()) return notFiniteError(tensor.info().name, *health);
  auto choice = chooseClip(tensor, spec, executor, control,
                           *importance ? (*importance)->values() : std::span<const float>());
  if (!choice) return choice.error();
  auto codes = quantized(tensor, spec, choice->ratios, executor, control);
  if (!codes) return codes.error();
  auto sums = errorSumsOf(tensor, spec, codes->parameters, executor, control);
  if (!sums) return sums.error();

  NativeTensor native;
  native.info = tensor.info();
  native.metrics = ErrorMetrics::from(*sums);
  native.storage = storageCostOf(spec, tensor.rows(), tensor.cols());
  if (options.withDequantized) {
    auto values = dequantized(tensor, spec, codes->parameters, executor, control);
    if (!values) return values.error();
    native.dequantized = std::move(*values);
  }
  native.quantized = std::move(*codes);
  return native;
}

Result<int> quantize(QuantizeOptions options, const Context& context) {
  if (const FileAndPath parts = splitFileAndPath(options.file); !parts.path.empty()) {
    options.file = parts.file;
    options.tensors.insert(options.tensors.begin(),
                           parts.path.starts_with('/') ? parts.path.substr(1) : parts.path);
  }
  if (options.plan.empty()) {  // wrong options are reported before anything is read
    if (auto spec = options.spec.spec(); !spec) return spec.error();
  }
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  if (auto status = context.checkOutput(options.out, options.file); !status) return status.error();
  auto source = context.open(options.file);
  if (!source) return source.error();
  auto plan = planOf(options, **source);
  if (!plan) return plan.error();
  auto chosen = chosenTensors(options, **source);
  if (!chosen) return chosen.error();
  auto sha256 = fingerprint(options.file, context);
  if (!sha256) return sha256.error();
  if (!plan->sourceSha256.empty() && plan->sourceSha256 != *sha256) {
    context.note("note: " + options.plan + " was made for a different file than " + options.file);
  }

  auto writer = NativeFileWriter::create(options.out, {options.file, *sha256});
  if (!writer) return writer.error();
  std::vector<std::vector<std::string>> rows;
  for (const TensorInfo& info : *chosen) {
    auto tensor = loadTensor(context, **source, info, *orientation);
    if (!tensor) return tensor.error();
    const QuantSpec spec = plan->specFor(info.name);
    auto native = quantizeOne(**tensor, spec, options, context);
    context.clearProgress();
    if (!native) return native.error();
    if (auto status = (*writer)->add(*native); !status) return status.error();
    rows.push_back({info.name, describe(spec)});
    appendCells(rows.back(), native->metrics, TableRoom::Narrow);
    rows.back().push_back(formatRounded(native->storage->bitsPerWeight(), 4));
  }
  if (context.control("").cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
  if (auto status = (*writer)->commit(); !status) return status.error();
  std::vector<std::string> header = {"tensor", "specification"};
  appendHeadings(header, TableRoom::Narrow);
  header.emplace_back("bits/weight");
  context.out() << tableText(header, rows);
  context.note("wrote " + options.out);
  return kDone;
}

}  // namespace

Verb addQuantize(CLI::App& verb) {
  auto options = std::make_shared<QuantizeOptions>();
  verb.add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb.add_option("TENSOR", options->tensors, "names as list prints them; all if none is given");
  verb.add_option("--plan", options->plan, "a plan in place of a specification");
  verb.add_option("--out", options->out, "the file to write")->required();
  verb.add_flag("--with-dequantized", options->withDequantized,
                "also the dequantized weights, in the source's own shape");
  options->spec.addTo(verb);
  options->spec.addImportanceTo(verb);
  return [options](const Context& context) { return quantize(*options, context); };
}

}  // namespace quantoscope::cli
