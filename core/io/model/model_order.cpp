#include "core/io/model/model_order.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/io/model/array_index.h"

namespace quantoscope {

namespace {

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

using Positions = std::map<std::string, std::size_t, std::less<>>;

/// HDF5 takes a name with a leading slash for a path from the root, and so do Keras' files.
std::string joined(const std::string& parent, const std::string& child) {
  if (child.starts_with('/')) {
    return child.substr(std::min(child.find_first_not_of('/'), child.size()));
  }
  return parent.empty() ? child : parent + "/" + child;
}

/// Where each array stands that layer_names and weight_names mention.
Positions positionsByNames(const StoredFile& file) {
  Positions positions;
  for (const auto& [path, group] : file.groups) {
    if (!group.layerNames) continue;
    for (const std::string& layer : *group.layerNames) {
      const std::string layerPath = joined(path, layer);
      const auto found = file.groups.find(layerPath);
      if (found == file.groups.end() || !found->second.weightNames) continue;
      for (const std::string& weight : *found->second.weightNames) {
        positions.emplace(joined(layerPath, weight), positions.size());
      }
    }
  }
  return positions;
}

Positions positionsByOrder(const StoredFile& file) {
  Positions positions;
  for (const std::string& path : file.order) positions.emplace(path, positions.size());
  return positions;
}

/// The position of the innermost layer that holds the array.
std::size_t positionByPlace(const std::map<std::string, KerasPlace>& places,
                            std::string_view path) {
  if (!isUsualName(path)) return kNowhere;
  std::string place = placePath(path);
  for (;;) {
    const std::size_t slash = place.rfind('/');
    if (slash == std::string::npos) return kNowhere;
    place.resize(slash);
    const auto found = places.find(place);
    if (found != places.end()) return found->second.position;
  }
}

}  // namespace

std::vector<const StoredArray*> inModelOrder(const StoredFile& file,
                                             const std::map<std::string, KerasPlace>& places) {
  Positions positions = positionsByNames(file);
  const bool byPlace = positions.empty() && !places.empty();
  if (positions.empty() && !byPlace) positions = positionsByOrder(file);
  const auto positionOf = [&](const std::string& path) {
    if (byPlace) return positionByPlace(places, path);
    const auto found = positions.find(path);
    return found == positions.end() ? kNowhere : found->second;
  };

  using Keyed = std::pair<std::size_t, const StoredArray*>;
  std::vector<Keyed> keyed;
  keyed.reserve(file.arrays.size());
  for (const StoredArray& array : file.arrays) keyed.emplace_back(positionOf(array.path), &array);
  std::stable_sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    if (a.first != b.first) return a.first < b.first;
    return naturalLess(a.second->path, b.second->path);
  });
  std::vector<const StoredArray*> result;
  result.reserve(keyed.size());
  for (const Keyed& entry : keyed) result.push_back(entry.second);
  return result;
}

}  // namespace quantoscope
