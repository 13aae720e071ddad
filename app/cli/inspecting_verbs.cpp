// list, inspect, search: they answer and write nothing.
#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>

#include "app/cli/exit_status.h"
#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "core/base/printable.h"
#include "core/base/text.h"
#include "core/engine/detail.h"
#include "core/engine/part.h"
#include "core/exporting/csv.h"

namespace quantoscope::cli {

namespace {

Error wrongUsage(const std::string& message) {
  return {ErrorCode::InvalidArgument, message};
}

class Stopwatch {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

struct ListOptions {
  std::string file;
  bool all = false;
  bool json = false;
};

Result<int> list(const ListOptions& options, const Context& context) {
  auto source = context.open(options.file);
  if (!source) return source.error();
  Json::Array array;
  std::vector<std::vector<std::string>> rows;
  for (const TensorInfo& info : (*source)->tensors()) {
    if (!info.quantizable && !options.all) continue;
    array.push_back(toJson(info));
    const std::string matrix =
        info.quantizable ? std::to_string(info.rows) + "x" + std::to_string(info.cols) : "-";
    const bool unknown = info.dtype.empty() && info.shape.empty();
    rows.push_back({info.name, unknown ? "-" : shapeText(info.shape), info.dtype, matrix,
                    formatBytes(static_cast<double>(info.bytes)), info.layer});
    if (options.all) rows.back().push_back(info.reason);
  }
  if (options.json) {
    context.print(Json::object(
        {{"file", options.file}, {"format", (*source)->format()}, {"tensors", std::move(array)}}));
    return kDone;
  }
  std::vector<std::string> header = {"tensor", "stored", "dtype", "out x in", "size", "layer"};
  if (options.all) header.emplace_back("why not");
  context.out() << tableText(header, rows);
  context.note(options.file + ": " + (*source)->format() + ", " + std::to_string(rows.size()) +
               (options.all ? " arrays" : " tensors that can be quantized"));
  return kDone;
}

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
  if (options.json) {
    context.print(json);
  } else {
    context.out() << words;
  }
  if ((*result)->health.finite()) return kDone;
  context.out().flush();
  return notFiniteError(target->tensor, (*result)->health);
}

struct SearchOptions {
  std::string file;
  std::string tensor;
  std::string granularity;
  bool json = false;
  bool csv = false;
  SpecOptions spec;
};

/// The search that --granularity asks for, or --clip in its place.
Result<ClipPolicy> searchPolicy(const SearchOptions& options, const QuantSpec& spec) {
  if (options.granularity.empty()) {
    if (spec.clip.searches()) return spec.clip;
    if (!options.spec.clipGiven()) return ClipPolicy{ClipPolicy::Kind::SearchTensor, 1.0};
    return wrongUsage("--clip " + spec.clip.text() +
                      ": search finds the ratio; allowed are search, search-rows, search-groups");
  }
  if (options.spec.clipGiven()) {
    return wrongUsage("--clip and --granularity say the same: allowed is one of them");
  }
  if (options.granularity == "tensor") return ClipPolicy{ClipPolicy::Kind::SearchTensor, 1.0};
  if (options.granularity == "row") return ClipPolicy{ClipPolicy::Kind::SearchRows, 1.0};
  if (options.granularity == "group") return ClipPolicy{ClipPolicy::Kind::SearchGroups, 1.0};
  return wrongUsage("--granularity " + options.granularity + ": allowed are tensor, row, group");
}

const char* granularityName(ClipPolicy::Kind kind) {
  if (kind == ClipPolicy::Kind::SearchRows) return "row";
  return kind == ClipPolicy::Kind::SearchGroups ? "group" : "tensor";
}

struct SearchAnswer {
  ClipChoice choice;       ///< by the weighted error where there is importance
  double searchedMse = 0;  ///< with the ratios that were chosen
};

Result<SearchAnswer> runSearch(const WeightTensor& tensor, const QuantSpec& spec,
                               const std::string& importance, const Context& context) {
  auto weights = loadImportance(context, importance, tensor);
  if (!weights) return weights.error();
  auto health = healthOf(tensor, context.executor());
  if (!health) return health.error();
  if (!health->finite()) return notFiniteError(tensor.info().name, *health);
  const TaskControl control = context.control("searching");
  auto choice = chooseClip(tensor, spec, context.executor(), control,
                           *weights ? (*weights)->values() : std::span<const float>());
  if (!choice) return choice.error();
  auto measured = measureQuantization(tensor, spec, choice->ratios, context.executor(), control);
  if (!measured) return measured.error();
  return SearchAnswer{std::move(*choice), ErrorMetrics::from(measured->sums).mse};
}

Json searchJson(const std::string& tensor, const QuantSpec& spec, const SearchAnswer& answer,
                double elapsedMs) {
  const ClipCurve& curve = answer.choice.curve;
  Json json = Json::object({{"tensor", tensor},
                            {"spec", quantoscope::toJson(spec)},
                            {"granularity", granularityName(spec.clip.kind)},
                            {"ratio", Json::arrayOf(curve.ratios)},
                            {"mse", Json::arrayOf(curve.mse)},
                            {"best_ratio", curve.bestRatio()},
                            {"best_mse", curve.bestMse()},
                            {"unclipped_mse", curve.unclippedMse},
                            {"gain_db", curve.gainDb()},
                            {"at_edge", curve.atEdge()}});
  if (!curve.weightedMse.empty()) {
    json.set("weighted_mse", Json::arrayOf(curve.weightedMse));
    json.set("best_weighted_mse", curve.weightedMse[curve.best]);
    json.set("unclipped_weighted_mse", curve.unclippedWeightedMse);
  }
  if (spec.clip.kind != ClipPolicy::Kind::SearchTensor) {
    json.set("searched_mse", answer.searchedMse);
    json.set("ratio_histogram", Json::arrayOf(answer.choice.ratioCounts));
  }
  json.set("elapsed_ms", elapsedMs);
  return json;
}

std::string curveCsv(const ClipCurve& curve) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < curve.ratios.size(); ++i) {
    rows.push_back({formatNumber(curve.ratios[i]), formatNumber(curve.mse[i])});
  }
  return csvText({"ratio", "mse"}, rows);
}

Result<int> search(const SearchOptions& options, const Context& context) {
  auto spec = options.spec.spec();
  if (!spec) return spec.error();
  if (options.json && options.csv) {
    return wrongUsage("--json and --csv: allowed is one of them");
  }
  auto policy = searchPolicy(options, *spec);
  if (!policy) return policy.error();
  spec->clip = *policy;
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  auto target = targetOf(options.file, options.tensor);
  if (!target) return target.error();
  auto loaded = loadTarget(context, *target, *orientation);
  if (!loaded) return loaded.error();

  const Stopwatch stopwatch;
  auto answer = runSearch(*loaded->tensor, *spec, options.spec.importance(), context);
  context.clearProgress();
  if (!answer) return answer.error();
  const ClipCurve& curve = answer->choice.curve;
  if (options.json) {
    context.print(searchJson(target->tensor, *spec, *answer, stopwatch.milliseconds()));
  } else if (options.csv) {
    context.out() << curveCsv(curve);
  } else {
    context.out() << printable(target->tensor) << ", " << describe(*spec) << "\n" << text(curve);
    if (spec->clip.kind != ClipPolicy::Kind::SearchTensor) {
      context.out() << "with a ratio for each " << granularityName(spec->clip.kind) << ": mse "
                    << formatRounded(answer->searchedMse, 6) << "\n";
    }
  }
  return kDone;
}

}  // namespace

Verb addList(CLI::App& program) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = program.add_subcommand("list", "Show what a file holds and can be quantized");
  verb->add_option("FILE", options->file, "a weight file")->required();
  verb->add_flag("--all", options->all, "also what cannot be quantized, with the reason");
  verb->add_flag("--json", options->json, "print JSON");
  return [options](const Context& context) { return list(*options, context); };
}

Verb addInspect(CLI::App& program) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* verb =
      program.add_subcommand("inspect", "Quantize a tensor and show what that does to it");
  verb->add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb->add_option("TENSOR", options->tensor, "a name that list prints");
  verb->add_option("--bins", options->bins, "bins of the histograms")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  verb->add_option(
      "--part", options->part,
      "row:N, channel:N or group:ROW:GROUP: the same of that part alone, percentiles included");
  verb->add_flag(
      "--detail", options->detail,
      "add percentiles, rounding and clipping parts, use of codes, worst groups, outliers");
  verb->add_flag("--json", options->json, "print JSON");
  options->spec.addTo(*verb);
  options->spec.addImportanceTo(*verb);
  return [options](const Context& context) { return inspect(*options, context); };
}

Verb addSearch(CLI::App& program) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App* verb = program.add_subcommand("search", "Find the clip ratio with the smallest error");
  verb->add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb->add_option("TENSOR", options->tensor, "a name that list prints");
  verb->add_option("--granularity", options->granularity,
                   "one ratio for the tensor, each row or each group");
  verb->add_flag("--json", options->json, "print JSON");
  verb->add_flag("--csv", options->csv, "print the curve as CSV");
  options->spec.addTo(*verb);
  options->spec.addImportanceTo(*verb);
  return [options](const Context& context) { return search(*options, context); };
}

}  // namespace quantoscope::cli
