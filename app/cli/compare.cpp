// compare: an original against another version of it.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/engine/detail.h"

namespace quantoscope::cli {

namespace {

struct CompareOptions {
  std::string original;
  std::string other;
  std::vector<std::string> globs;
  long long groupSize = 128;
  bool json = false;
};

/// Tensors of the same name in the model.
struct TensorPair {
  TensorInfo original;
  TensorInfo other;
};

bool wanted(const std::string& name, const std::vector<std::string>& globs) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return matchesGlob(glob, name);
         });
}

/// The tensor under the name that it has in the model: a native file holds it under a longer one.
const std::string& modelName(const TensorInfo& info) {
  return info.sourceName.empty() ? info.name : info.sourceName;
}

/// The tensor of `other` that stands for the same one of the model; null where it has none.
const TensorInfo* counterpart(const TensorSource& other, const TensorInfo& info) {
  const auto& all = other.tensors();
  const auto found = std::find_if(all.begin(), all.end(), [&](const TensorInfo& candidate) {
    return candidate.quantizable && modelName(candidate) == modelName(info);
  });
  return found == all.end() ? nullptr : &*found;
}

/// What both files have and can be read as a matrix, in the order of the first.
Result<std::vector<TensorPair>> commonTensors(const TensorSource& original,
                                              const TensorSource& other,
                                              const CompareOptions& options,
                                              const Context& context) {
  std::vector<TensorPair> pairs;
  std::size_t alone = 0;
  for (const TensorInfo& info : original.tensors()) {
    const bool asked = wanted(info.name, options.globs) || wanted(modelName(info), options.globs);
    if (!info.quantizable || !asked) continue;
    if (const TensorInfo* match = counterpart(other, info)) {
      pairs.push_back({info, *match});
    } else {
      ++alone;
    }
  }
  if (pairs.empty()) {
    return Error{ErrorCode::DoesNotFit, options.original + " and " + options.other +
                                            ": no tensor name in common; list shows the names"};
  }
  if (alone > 0) {
    context.note(std::to_string(alone) + " tensors of " + options.original + " are not in " +
                 options.other);
  }
  return pairs;
}

Result<SharedComparison> compareOne(const TensorSource& original, const TensorSource& other,
                                    const TensorPair& pair, const CompareOptions& options,
                                    const Context& context) {
  ComparisonRequest request;
  auto a = loadTensor(context, original, pair.original, Orientation::Auto);
  if (!a) return a.error();
  auto b = loadTensor(context, other, pair.other, Orientation::Auto);
  if (!b) return b.error();
  request.original = *a;
  request.other = *b;
  request.groupSize = options.groupSize;
  auto comparison =
      compareTensors(request, context.executor(), context.control(pair.original.name));
  context.clearProgress();
  return comparison;
}

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
  auto pairs = commonTensors(**original, **other, options, context);
  if (!pairs) return pairs.error();
  Json::Array array;
  std::vector<std::vector<std::string>> rows;
  for (const TensorPair& pair : *pairs) {
    auto comparison = compareOne(**original, **other, pair, options, context);
    if (!comparison) return comparison.error();
    if (options.json) array.push_back(comparisonJson(**comparison));
    rows.push_back(comparisonRow(**comparison));
  }
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
  verb.add_option("--group-size", options->groupSize, "weights in a group of the worst groups")
      ->capture_default_str();
  verb.add_flag("--json", options->json, "print JSON");
  return [options](const Context& context) { return compare(*options, context); };
}

}  // namespace quantoscope::cli
