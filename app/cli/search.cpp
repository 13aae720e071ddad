// search: the clip ratio with the smallest error.
#include <CLI/CLI.hpp>
#include <chrono>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/printable.h"
#include "core/base/text.h"
#include "core/engine/ratio_search.h"
#include "core/exporting/csv.h"

namespace quantoscope::cli {

namespace {

class Stopwatch {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

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
                      ": search finds the ratio; use search, search-rows or search-groups");
  }
  if (options.spec.clipGiven()) {
    return wrongUsage("--clip and --granularity set the same thing; use one, not both");
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

Result<RatioSearch> runSearch(const WeightTensor& tensor, const QuantSpec& spec,
                              const std::string& importance, const Context& context) {
  const auto weights = loadImportance(context, importance, tensor);
  if (!weights) return weights.error();
  return searchRatios(tensor, spec, context.executor(), context.control("searching"),
                      *weights ? (*weights)->values() : std::span<const float>());
}

Json searchJson(const std::string& tensor, const QuantSpec& spec, const RatioSearch& answer,
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
    json.set("searched_mse", answer.metrics.mse);
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
    return wrongUsage("--json and --csv: use one, not both");
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

  IntegrityCheck check(loaded->source, context);
  const Stopwatch stopwatch;
  auto answer = runSearch(*loaded->tensor, *spec, options.spec.importance(), context);
  context.clearProgress();
  if (!answer) return answer.error();
  const double elapsedMs = stopwatch.milliseconds();
  const auto checksums = check.state();
  if (!checksums) return checksums.error();
  const ClipCurve& curve = answer->choice.curve;
  if (options.json) {
    Json json = searchJson(target->tensor, *spec, *answer, elapsedMs);
    json.set("checksums", nameOf(*checksums));
    context.print(json);
  } else if (options.csv) {
    context.out() << curveCsv(curve);
  } else {
    context.out() << printable(target->tensor + ", " + describe(*spec)) << "\n" << text(curve);
    if (spec->clip.kind != ClipPolicy::Kind::SearchTensor) {
      context.out() << "with a ratio for each " << granularityName(spec->clip.kind) << ": mse "
                    << formatRounded(answer->metrics.mse, 6) << "\n";
    }
  }
  return kDone;
}

}  // namespace

Verb addSearch(CLI::App& verb) {
  auto options = std::make_shared<SearchOptions>();
  verb.add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb.add_option("TENSOR", options->tensor, "a name as list prints it");
  verb.add_option("--granularity", options->granularity,
                  "what gets its own ratio: tensor, row, group");
  verb.add_flag("--json", options->json, "print JSON");
  verb.add_flag("--csv", options->csv, "print the curve as CSV");
  options->spec.addTo(verb);
  options->spec.addImportanceTo(verb);
  return [options](const Context& context) { return search(*options, context); };
}

}  // namespace quantoscope::cli
