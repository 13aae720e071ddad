// compare: an original against another version of it.
#include <CLI/CLI.hpp>

#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/model/compare_models.h"

namespace quantoscope::cli {

namespace {

struct CompareOptions {
  std::string original;
  std::string other;
  std::vector<std::string> globs;
  long long groupSize = 128;
  bool json = false;
};

Json comparisonJson(const Comparison& comparison) {
  Json json = Json::object({{"tensor", comparison.original.name},
                            {"rows", static_cast<std::uint64_t>(comparison.original.rows)},
                            {"cols", static_cast<std::uint64_t>(comparison.original.cols)},
                            {"metrics", toJson(comparison.report.metrics)}});
  json.set("detail", toJson(comparison.report));
  return json;
}

std::vector<std::string> comparisonRow(const Comparison& comparison) {
  std::vector<std::string> row = {
      comparison.original.name,
      std::to_string(comparison.original.rows) + "x" + std::to_string(comparison.original.cols)};
  appendCells(row, comparison.report.metrics, TableRoom::Wide);
  return row;
}

Result<int> compare(const CompareOptions& options, const Context& context) {
  auto original = context.open(options.original);
  if (!original) return original.error();
  auto other = context.open(options.other);
  if (!other) return other.error();
  for (const SharedSource& source : {*original, *other}) {
    if (auto status = source->verify(context.control("checking")); !status) return status.error();
    noteGaps(*source, context);
  }
  auto common = commonTensors(**original, **other, options.globs);
  if (!common) return withHint(common.error(), ErrorCode::DoesNotFit, "list shows the names");
  if (common->alone > 0) {
    context.note(std::to_string(common->alone) + " tensors of " + options.original +
                 " are not in " + options.other);
  }
  CompareModelsJob job;
  job.pairs = std::move(common->pairs);
  job.loadOriginal = loaderOf(context, *original, Orientation::Auto);
  job.loadOther = loaderOf(context, *other, Orientation::Auto);
  job.groupSize = options.groupSize;
  Json::Array array;
  std::vector<std::vector<std::string>> rows;
  const auto take = [&](const SharedComparison& comparison) {
    if (options.json) array.push_back(comparisonJson(*comparison));
    rows.push_back(comparisonRow(*comparison));
  };
  const Status status = compareModels(job, take, context.executor(), context.modelControl());
  context.clearProgress();
  if (!status) return status.error();
  if (options.json) {
    context.print(Json::object(
        {{"original", options.original}, {"other", options.other}, {"tensors", std::move(array)}}));
  } else {
    std::vector<std::string> header = {"tensor", "out x in"};
    appendHeadings(header, TableRoom::Wide);
    context.out() << tableText(header, rows);
  }
  return kDone;
}

}  // namespace

Verb addCompare(CLI::App& verb) {
  auto options = std::make_shared<CompareOptions>();
  verb.add_option("FILE_A", options->original, "a weight file: the original")->required();
  verb.add_option("FILE_B", options->other, "a weight file: the other version")->required();
  verb.add_option("--tensors", options->globs, "only names that match; * and ? are allowed");
  verb.add_option("--group-size", options->groupSize, "weights per group, for the worst groups")
      ->capture_default_str();
  verb.add_flag("--json", options->json, "print JSON");
  return [options](const Context& context) { return compare(*options, context); };
}

}  // namespace quantoscope::cli
