// inspect: what a specification does to one tensor.
#include <CLI/CLI.hpp>
#include <optional>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/engine/detail.h"
#include "core/engine/part.h"

namespace quantoscope::cli {

namespace {

struct InspectOptions {
  std::string file;
  std::string tensor;
  int bins = 512;
  bool json = false;
  bool detail = false;
  std::string part;
  SpecOptions spec;
};

Result<SharedDetail> detailOf(const AnalysisRequest& request, const SharedResult& known,
                              const Context& context) {
  DetailRequest wanted;
  wanted.tensor = request.tensor;
  wanted.spec = request.spec;
  wanted.known = known;
  wanted.importance = request.importance;
  wanted.sizes.bins = request.bins;
  wanted.sizes.mapRows = wanted.sizes.mapCols = 1;  // a map is not printed
  auto detail = analyseDetail(wanted, context.executor(), context.control("reporting"));
  context.clearProgress();
  return detail;
}

Result<ErrorReport> partOf(const AnalysisRequest& request, const TensorPart& part,
                           const SharedResult& known, const Context& context) {
  PartRequest wanted{request.tensor, part, known, {}};
  wanted.sizes.bins = request.bins;
  wanted.sizes.mapRows = wanted.sizes.mapCols = 1;
  auto report = reportPart(wanted, context.executor(), context.control("reporting"));
  context.clearProgress();
  return report;
}

Result<int> inspect(const InspectOptions& options, const Context& context) {
  auto spec = options.spec.spec();
  if (!spec) return spec.error();
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  std::optional<TensorPart> part;
  if (!options.part.empty()) {
    auto parsed = TensorPart::parse(options.part);
    if (!parsed) return parsed.error();
    part = *parsed;
  }
  auto target = targetOf(options.file, options.tensor);
  if (!target) return target.error();
  auto loaded = loadTarget(context, *target, *orientation);
  if (!loaded) return loaded.error();

  IntegrityCheck check(loaded->source, context);
  AnalysisRequest request;
  request.tensor = loaded->tensor;
  request.spec = *spec;
  request.bins = static_cast<std::size_t>(options.bins);
  auto importance = loadImportance(context, options.spec.importance(), *loaded->tensor);
  if (!importance) return importance.error();
  request.importance = std::move(*importance);
  auto result = analyse(request, context.executor(), context.control("analysing"));
  context.clearProgress();
  if (!result) return result.error();
  Json json = toJson(**result);
  std::string words = text(**result);
  if (options.detail && (*result)->health.finite()) {
    auto detail = detailOf(request, *result, context);
    if (!detail) return detail.error();
    Json about = toJson((*detail)->report);
    addProfiles(about, (*detail)->report);
    json.set("detail", std::move(about));
    words += text((*detail)->report);
  }
  if (part && (*result)->health.finite()) {
    auto report = partOf(request, *part, *result, context);
    if (!report) return report.error();
    Json about = toJson(*report);
    about.set("part", part->text());
    about.set("metrics", toJson(report->metrics));
    json.set("part", std::move(about));
    words += "\n" + part->text() + "\n" + text(report->metrics) + text(*report);
  }
  const auto checksums = check.state();
  if (!checksums) return checksums.error();
  json.set("checksums", nameOf(*checksums));
  if (*checksums != Integrity::NoChecksums) {
    words += std::string("checksums         ") + nameOf(*checksums) + "\n";
  }
  if (options.json) {
    context.print(json);
  } else {
    context.out() << words;
  }
  if ((*result)->health.finite()) return kDone;
  context.out().flush();
  return notFiniteError(target->tensor, (*result)->health);
}

}  // namespace

Verb addInspect(CLI::App& verb) {
  auto options = std::make_shared<InspectOptions>();
  verb.add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb.add_option("TENSOR", options->tensor, "a name as list prints it");
  verb.add_option("--bins", options->bins, "bins of the histograms")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  verb.add_option("--part", options->part,
                  "row:N, channel:N or group:ROW:GROUP: also that part alone, with percentiles");
  verb.add_flag(
      "--detail", options->detail,
      "add percentiles, rounding and clipping parts, use of codes, worst groups, outliers");
  verb.add_flag("--json", options->json, "print JSON");
  options->spec.addTo(verb);
  options->spec.addImportanceTo(verb);
  return [options](const Context& context) { return inspect(*options, context); };
}

}  // namespace quantoscope::cli
