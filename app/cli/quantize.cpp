// quantize: tensors as a native file.
#include <CLI/CLI.hpp>
#include <utility>

#include "app/cli/chosen_plan.h"
#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/exporting/formats/native_file.h"
#include "core/model/export_model.h"

namespace quantoscope::cli {

namespace {

struct QuantizeWords {
  std::string file;
  std::vector<std::string> tensors;
  std::string plan;
  std::string out;
  bool withDequantized = false;
  SpecOptions spec;
};

Result<int> quantize(QuantizeWords options, const Context& context) {
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
  if (auto status = context.checkOutput(
          options.out,
          {options.file, options.plan, options.spec.importance(), options.spec.codebookFile()});
      !status) {
    return status.error();
  }
  auto source = context.open(options.file);
  if (!source) return source.error();
  const Status whole = proveWhole(**source, context.gaps(), context.control("checking"));
  context.clearProgress();
  if (!whole) return whole.error();
  noteGaps(**source, context);
  auto plan = planOf(options.plan, options.spec, **source);
  if (!plan) return plan.error();
  auto chosen = chooseTensors(**source, options.tensors);
  if (!chosen) return withHint(chosen.error(), ErrorCode::DoesNotFit, "list --all shows why");
  if (options.tensors.empty()) context.noteQuantized(**source);
  const auto digest = (*source)->digest(context.control("").cancel);
  if (!digest) return digest.error();
  if (!plan->sourceSha256.empty() && !digest->isTold(plan->sourceSha256)) {
    context.note("note: " + options.plan + " was made for a different file than " + options.file);
  }

  ModelJob job = ModelJob::of(*source, plan->defaultSpec, *orientation);
  job.tensors = std::move(*chosen);
  job.plan = std::move(*plan);
  job.digest = *digest;
  job.gaps = context.gaps();
  job.load = loaderOf(context, *source, *orientation);
  job.importance = [&](const WeightTensor& tensor) {
    return loadImportance(context, options.spec.importance(), tensor);
  };
  const auto report = exportModel(job, nativeFormat(), context.output(options.out),
                                  {options.withDequantized, Fix::Usual}, context.executor(),
                                  context.modelControl());
  context.clearProgress();
  if (!report) return report.error();
  context.out() << text(*report);
  for (const Finding& finding : report->findings) context.note("note: " + finding.line());
  context.note("wrote " + options.out);
  return kDone;
}

}  // namespace

Verb addQuantize(CLI::App& verb) {
  auto options = std::make_shared<QuantizeWords>();
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
