#include "core/io/model/keras_config.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/io/model/array_index.h"

namespace quantoscope {

namespace {

std::string textAt(const Json& node, const char* key) {
  const Json* value = node.find(key);
  const std::string* text = value ? value->asString() : nullptr;
  return text && text->size() <= kLongestName ? *text : std::string();
}

/// Candidates of one name that are looked at; models repeat a name a few times at most.
constexpr std::size_t kMostNamesakes = 256;

/// Components of a name that are looked for in paths: what is longer is no name of a layer.
constexpr std::size_t kMostLayerParts = 8;

/// A layer's name as it stands in paths: HDF5 takes a leading slash for the root.
std::string pathName(std::string name) {
  name.erase(0, std::min(name.find_first_not_of('/'), name.size()));
  return name;
}

bool saysTheSame(const KerasClass& a, const KerasClass& b) {
  return a.className == b.className && a.dimOrdering == b.dimOrdering && a.equation == b.equation;
}

}  // namespace

KerasClass kerasClassOf(const Json& layer) {
  KerasClass found;
  found.className = textAt(layer, "class_name");
  found.className.erase(0, found.className.rfind('>') + 1);  // "package>Class"; npos + 1 is 0
  const Json* config = layer.find("config");
  if (!config) return found;
  if (const Json* wrapped = config->find("layer"); wrapped && wrapped->find("class_name")) {
    return kerasClassOf(*wrapped);
  }
  found.dimOrdering = textAt(*config, "dim_ordering");
  if (found.className == "EinsumDense") found.equation = textAt(*config, "equation");
  return found;
}

KerasConfig::KerasConfig(const Json& config) {
  add(config, 0);
}

/// Configurations nest layers in many ways.
void KerasConfig::add(const Json& node, std::size_t depth) {
  if (const Json::Array* items = node.asArray()) {
    for (const Json& item : *items) add(item, depth);
    return;
  }
  const Json::Object* members = node.asObject();
  if (!members) return;
  const Json* config = node.find("config");
  std::string name = config ? textAt(*config, "name") : std::string();
  if (name.empty()) name = textAt(node, "name");
  if (config && node.find("class_name") && !name.empty()) {
    addLayer(node, pathName(std::move(name)), depth);
    return;
  }
  for (const auto& [key, value] : *members) add(value, depth);
}

void KerasConfig::addLayer(const Json& node, const std::string& name, std::size_t depth) {
  const std::size_t place = layers_.size();
  layers_.push_back({kerasClassOf(node), depth, 0});
  byName_[name].push_back(place);
  const auto slashes = static_cast<std::size_t>(std::count(name.begin(), name.end(), '/'));
  longestName_ = std::max(longestName_, std::min(slashes + 1, kMostLayerParts));
  add(*node.find("config"), depth + 1);
  layers_[place].end = layers_.size();
}

const KerasConfig::Layer* KerasConfig::nearest(std::string_view name, std::size_t begin,
                                               std::size_t end) const {
  const auto found = byName_.find(std::string(name));
  if (found == byName_.end()) return nullptr;
  const std::vector<std::size_t>& places = found->second;
  auto place = std::lower_bound(places.begin(), places.end(), begin);
  const Layer* best = nullptr;
  bool certain = true;
  for (std::size_t seen = 0; place != places.end() && *place < end; ++place) {
    if (++seen > kMostNamesakes) return nullptr;
    const Layer& layer = layers_[*place];
    if (!best || layer.depth < best->depth) {
      best = &layer;
      certain = true;
    } else if (layer.depth == best->depth && !saysTheSame(layer.what, best->what)) {
      certain = false;
    }
  }
  return certain ? best : nullptr;
}

const KerasClass* KerasConfig::find(std::string_view path) const {
  if (layers_.empty()) return nullptr;
  const std::vector<std::string> parts = split(path, '/');
  std::size_t begin = 0;
  std::size_t end = layers_.size();
  const Layer* best = nullptr;
  for (std::size_t first = 0; first < parts.size();) {
    const std::size_t most = std::min(longestName_, parts.size() - first);
    const Layer* found = nullptr;
    std::size_t taken = most;
    for (; taken > 0 && !found; --taken) {
      const std::vector<std::string> name(
          parts.begin() + static_cast<std::ptrdiff_t>(first),
          parts.begin() + static_cast<std::ptrdiff_t>(first + taken));
      found = nearest(join(name, "/"), begin, end);
      if (found) break;
    }
    first += std::max<std::size_t>(taken, 1);
    if (!found) continue;
    best = found;
    begin = static_cast<std::size_t>(found - layers_.data());
    end = found->end;
  }
  return best ? &best->what : nullptr;
}

}  // namespace quantoscope
