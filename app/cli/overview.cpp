// overview: what a specification does to a whole model.
#include <CLI/CLI.hpp>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/printable.h"
#include "core/base/text.h"
#include "core/engine/ratio_search.h"
#include "core/exporting/plan_file.h"
#include "core/model/measure_model.h"

namespace quantoscope::cli {

namespace {

struct OverviewOptions {
  std::string file;
  std::string out;
  bool json = false;
  SpecOptions spec;
};

/// The ratio that a search per tensor found.
std::optional<double> searchedRatio(const ModelMeasurement& line) {
  const bool searched = line.spec.clip.kind == ClipPolicy::Kind::SearchTensor;
  return searched && line.measured ? line.measured->clipRatio : std::nullopt;
}

std::optional<ErrorMetrics> metricsOf(const ModelMeasurement& line) {
  return line.measured ? std::optional(line.measured->metrics) : std::nullopt;
}

std::vector<std::string> overviewRow(const ModelMeasurement& line) {
  std::vector<std::string> row = {
      line.info.name, std::to_string(line.info.rows) + "x" + std::to_string(line.info.cols)};
  const auto ratio = searchedRatio(line);
  appendCells(row, metricsOf(line), TableRoom::Narrow);
  row.push_back(ratio ? formatRounded(*ratio, 4) : "-");
  row.push_back(line.measured ? formatRounded(line.measured->storage.bitsPerWeight(), 4)
                              : line.measured.error().message);
  return row;
}

Json overviewJson(const ModelMeasurement& line) {
  const auto ratio = searchedRatio(line);
  Json json = Json::object({{"tensor", line.info.name},
                            {"spec", quantoscope::toJson(line.spec)},
                            {"best_ratio", ratio ? Json(*ratio) : Json()}});
  setMetrics(json, metricsOf(line));
  const bool sized = line.info.rows > 0 && line.info.cols > 0;
  json.set("bits_per_weight",
           sized ? Json(storageCostOf(line.spec, line.info.rows, line.info.cols).bitsPerWeight())
                 : Json());
  json.set("problem", line.measured ? std::string() : line.measured.error().message);
  return json;
}

/// What the model has and the file lacks, in the form of what was measured.
std::vector<ModelMeasurement> missingLines(const TensorSource& source, const QuantSpec& spec) {
  std::vector<ModelMeasurement> lines;
  for (const TensorInfo& info : source.tensors()) {
    if (!info.incomplete) continue;
    const Error problem{ErrorCode::UnreadableFile, info.reason};
    lines.push_back({info, spec, problem, {}});
  }
  return lines;
}

Status printWorstCurve(const ModelJob& job, const ModelMeasurement& worst, const Context& context) {
  const auto tensor = job.load(worst.info, context.control("reading " + worst.info.name));
  if (!tensor) return tensor.error();
  auto curve = searchCurve(**tensor, worst.spec, context.executor(), context.control("searching"));
  context.clearProgress();
  if (!curve) return curve.error();
  context.out() << "\nThe clip curve of the tensor with the worst SQNR, "
                << printable(worst.info.name) << " ("
                << formatRounded(worst.measured->metrics.sqnrDb, 4) << " dB):\n"
                << text(*curve);
  return ok();
}

Result<int> overview(const OverviewOptions& options, const Context& context) {
  auto spec = options.spec.spec();
  if (!spec) return spec.error();
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  if (!options.out.empty()) {
    if (auto status = context.checkOutput(options.out, {options.file, options.spec.codebookFile()});
        !status) {
      return status.error();
    }
  }
  auto source = context.open(options.file);
  if (!source) return source.error();
  const Gaps gaps = options.out.empty() ? Gaps::Allowed : context.gaps();
  if (auto status = proveWhole(**source, gaps, context.control("checking")); !status) {
    return status.error();
  }
  context.noteQuantized(**source);
  const ModelJob job = ModelJob::of(*source, *spec, *orientation);
  const auto lines = measureModel(job, context.executor(), context.modelControl());
  context.clearProgress();
  if (!lines) return lines.error();
  if (auto status = (*source)->intact(); !status) return status.error();

  const auto worst = worstOf(*lines);
  const std::vector<ModelMeasurement> missing = missingLines(**source, *spec);
  if (options.json) {
    Json::Array array;
    for (const ModelMeasurement& line : *lines) array.push_back(overviewJson(line));
    for (const ModelMeasurement& line : missing) array.push_back(overviewJson(line));
    context.print(std::move(array));
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const ModelMeasurement& line : *lines) rows.push_back(overviewRow(line));
    for (const ModelMeasurement& line : missing) rows.push_back(overviewRow(line));
    std::vector<std::string> header = {"tensor", "out x in"};
    appendHeadings(header, TableRoom::Narrow);
    header.insert(header.end(), {"ratio", "bits/weight"});
    context.out() << printable(options.file + ", " + describe(*spec)) << "\n"
                  << tableText(header, rows);
    if (worst) {
      auto status = printWorstCurve(job, (*lines)[*worst], context);
      if (!status) return status.error();
    }
  }
  noteGaps(**source, context);
  if (options.out.empty()) return kDone;
  const auto digest = (*source)->digest(context.control("").cancel);
  if (!digest) return digest.error();
  TuningPlan plan = planFrom(*lines, *spec);
  plan.sourceFile = options.file;
  plan.sourceSha256 = digest->sha256;
  plan.sourceFiles = digest->files;
  if (auto status = writePlan(plan, context.output(options.out)); !status) return status.error();
  return kDone;
}

}  // namespace

Verb addOverview(CLI::App& verb) {
  auto options = std::make_shared<OverviewOptions>();
  verb.add_option("FILE", options->file, "a weight file")->required();
  verb.add_option("--out", options->out, "the plan (JSON) to write");
  verb.add_flag("--json", options->json, "print JSON");
  options->spec.addTo(verb);
  return [options](const Context& context) { return overview(*options, context); };
}

}  // namespace quantoscope::cli
