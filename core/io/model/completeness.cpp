#include "core/io/model/completeness.h"

#include <algorithm>
#include <unordered_map>

#include "core/base/text.h"

namespace quantoscope {

namespace {

constexpr std::size_t kNamedGaps = 3;
constexpr std::size_t kNamedArrays = 3;

/// The first few, and how many more there are.
std::string listed(std::vector<std::string> items, std::size_t most, const char* separator) {
  const std::size_t more = items.size() - std::min(items.size(), most);
  items.resize(items.size() - more);
  std::string text = join(items, separator);
  if (more > 0) text += " and " + std::to_string(more) + " more";
  return text;
}

}  // namespace

std::string Completeness::line() const {
  if (isComplete()) return {};
  std::vector<std::string> reasons;
  for (const Gap& gap : gaps) {
    reasons.push_back(gap.reason + " (" + listed(gap.arrays, kNamedArrays, ", ") + ")");
  }
  return std::to_string(missing) + " of " + std::to_string(arrays) +
         (missing == 1 ? " arrays is" : " arrays are") +
         " missing: " + listed(std::move(reasons), kNamedGaps, "; ");
}

Completeness completenessOf(const std::vector<TensorInfo>& tensors) {
  Completeness result;
  std::unordered_map<std::string, std::size_t> places;
  for (const TensorInfo& info : tensors) {
    ++result.arrays;
    if (!info.incomplete) continue;
    ++result.missing;
    const auto [place, isNew] = places.emplace(info.reason, result.gaps.size());
    if (isNew) result.gaps.push_back({info.reason, {}});
    result.gaps[place->second].arrays.push_back(info.name);
  }
  return result;
}

}  // namespace quantoscope
