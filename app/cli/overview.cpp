// overview: what a specification does to a whole model.
#include <CLI/CLI.hpp>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/printable.h"
#include "core/base/text.h"
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

std::vector<std::string> overviewRow(const OverviewEntry& entry) {
  std::vector<std::string> row = {
      entry.info.name, std::to_string(entry.info.rows) + "x" + std::to_string(entry.info.cols)};
  appendCells(row, entry.metrics, TableRoom::Narrow);
  row.push_back(entry.clipRatio ? formatRounded(*entry.clipRatio, 4) : "-");
  row.push_back(entry.metrics ? formatRounded(entry.bitsPerWeight, 4) : entry.problem);
  return row;
}

Json overviewJson(const OverviewEntry& entry, const QuantSpec& spec) {
  Json json = Json::object({{"tensor", entry.info.name},
                            {"spec", quantoscope::toJson(spec)},
                            {"best_ratio", entry.clipRatio ? Json(*entry.clipRatio) : Json()}});
  setMetrics(json, entry.metrics);
  json.set("bits_per_weight", entry.bitsPerWeight);
  json.set("problem", entry.problem);
  return json;
}

Result<std::vector<OverviewEntry>> measureAll(const TensorSource& source, const QuantSpec& spec,
                                              Orientation orientation, const Context& context) {
  std::vector<OverviewEntry> entries;
  for (const TensorInfo& info : source.tensors()) {
    if (!info.quantizable) continue;
    auto entry = measureTensor(source, info, spec, orientation, context.executor(),
                               context.control(info.name));
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  context.clearProgress();
  return entries;
}

Status printWorstCurve(const TensorSource& source, const OverviewEntry& worst,
                       const QuantSpec& spec, Orientation orientation, const Context& context) {
  auto tensor = source.load(worst.info, orientation);
  if (!tensor) return tensor.error();
  auto curve = clipCurveOf(*tensor, spec, context.executor(), context.control("searching"));
  context.clearProgress();
  if (!curve) return curve.error();
  context.out() << "\nThe clip curve of the tensor with the worst SQNR, "
                << printable(worst.info.name) << " (" << formatRounded(worst.metrics->sqnrDb, 4)
                << " dB):\n"
                << text(*curve);
  return ok();
}

Result<int> overview(const OverviewOptions& options, const Context& context) {
  auto spec = options.spec.spec();
  if (!spec) return spec.error();
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  if (!options.out.empty()) {
    if (auto status = context.checkOutput(options.out, options.file); !status) {
      return status.error();
    }
  }
  auto source = context.open(options.file);
  if (!source) return source.error();
  auto entries = measureAll(**source, *spec, *orientation, context);
  if (!entries) return entries.error();

  const auto worst = worstOf(*entries);
  if (options.json) {
    Json::Array array;
    for (const OverviewEntry& entry : *entries) array.push_back(overviewJson(entry, *spec));
    context.print(std::move(array));
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const OverviewEntry& entry : *entries) rows.push_back(overviewRow(entry));
    std::vector<std::string> header = {"tensor", "out x in"};
    appendHeadings(header, TableRoom::Narrow);
    header.insert(header.end(), {"ratio", "bits/weight"});
    context.out() << options.file << ", " << describe(*spec) << "\n" << tableText(header, rows);
    if (worst) {
      auto status = printWorstCurve(**source, (*entries)[*worst], *spec, *orientation, context);
      if (!status) return status.error();
    }
  }
  if (options.out.empty()) return kDone;
  auto sha256 = fingerprint(options.file, context);
  if (!sha256) return sha256.error();
  TuningPlan plan = planFrom(*entries, *spec);
  plan.sourceFile = options.file;
  plan.sourceSha256 = *sha256;
  if (auto status = writePlan(plan, options.out); !status) return status.error();
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
