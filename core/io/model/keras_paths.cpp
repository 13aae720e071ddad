#include "core/io/model/keras_paths.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/json.h"
#include "core/io/model/array_index.h"

namespace quantoscope {

namespace {

bool isUpper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool isLower(char c) {
  return c >= 'a' && c <= 'z';
}

std::string textAt(const Json& node, const char* key) {
  const Json* value = node.find(key);
  const std::string* text = value ? value->asString() : nullptr;
  return text && text->size() <= kLongestName ? *text : std::string();
}

/// What the paths, names and classes of all layers may take: a configuration repeats long names for
/// little.
constexpr std::size_t kMostPathBytes = std::size_t{64} << 20;

/// Where a layer is in the file and in the configuration.
struct LayerPath {
  std::string path;
  std::string pointer;
};

void addInner(const Json& layer, const LayerPath& at, std::size_t& room,
              std::map<std::string, KerasPlace>& places);

std::uint64_t outputDimOf(const Json* config) {
  const Json* dim = config ? config->find("output_dim") : nullptr;
  const std::int64_t* number = dim ? dim->asInteger() : nullptr;
  return number ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, *number)) : 0;
}

/// Adds the layer at `at` and those in it; false when the paths have taken all of `room`.
bool addPlace(const Json& layer, const LayerPath& at, std::size_t& room,
              std::map<std::string, KerasPlace>& places) {
  std::string name = textAt(layer, "name");
  const Json* own = layer.find("config");
  if (name.empty() && own) name = textAt(*own, "name");
  const Json* dtype = own ? own->find("dtype") : nullptr;
  KerasPlace place{places.size(),       std::move(name),
                   kerasClassOf(layer), dtype ? quantizedModeOf(*dtype) : std::string(),
                   outputDimOf(own),    at.pointer};
  const std::size_t takes = at.path.size() + place.name.size() + place.what.className.size() +
                            place.what.dimOrdering.size() + place.what.equation.size() +
                            place.policy.size() + place.pointer.size();
  if (takes > room) return false;
  room -= takes;
  places.emplace(at.path, std::move(place));
  addInner(layer, {at.path + "/", at.pointer}, room, places);
  return true;
}

/// Adds the layers of the model whose configuration is `node` and whose group is at `prefix`, until
/// their paths have taken `room`.
void addLayers(const Json& node, const LayerPath& prefix, std::size_t& room,
               std::map<std::string, KerasPlace>& places) {
  const Json* config = node.find("config");
  const Json* list = config ? config->find("layers") : nullptr;
  if (!list || !list->asArray()) return;
  std::map<std::string, int> used;
  std::size_t index = 0;
  for (const Json& layer : *list->asArray()) {
    const std::string pointer = prefix.pointer + "/config/layers/" + std::to_string(index++);
    std::string group = textAt(layer, "class_name");
    group = snakeCase(group.substr(group.rfind('>') + 1));
    if (group.empty()) continue;
    const int earlier = used[group]++;
    if (earlier > 0) group += '_' + std::to_string(earlier);
    if (prefix.path.size() + group.size() + 8 > room) return;
    if (!addPlace(layer, {prefix.path + "layers/" + group, pointer}, room, places)) return;
  }
}

/// What is inside a layer: the layers of a model, what a wrapper wraps, a recurrent layer's cell.
void addInner(const Json& layer, const LayerPath& at, std::size_t& room,
              std::map<std::string, KerasPlace>& places) {
  addLayers(layer, at, room, places);
  const Json* config = layer.find("config");
  if (!config) return;
  const bool bothWays = textAt(layer, "class_name") == "Bidirectional";
  const auto add = [&](const char* key, const char* attribute) {
    const Json* inner = config->find(key);
    if (!inner || textAt(*inner, "class_name").empty()) return;
    const LayerPath place{at.path + attribute, at.pointer + "/config/" + key};
    if (!places.contains(place.path)) addPlace(*inner, place, room, places);
  };
  add("backward_layer", "backward_layer");
  add("layer", bothWays ? "forward_layer" : "layer");
  if (bothWays) add("layer", "backward_layer");
  add("cell", "cell");
}

}  // namespace

std::string snakeCase(const std::string& className) {
  // Keras' own two substitutions: (.)([A-Z][a-z]+) and ([a-z])([A-Z]), each with _ between.
  std::string words;
  for (std::size_t i = 0; i < className.size(); ++i) {
    words += className[i];
    std::size_t end = i + 2;
    if (end >= className.size() || !isUpper(className[i + 1]) || !isLower(className[end])) continue;
    while (end < className.size() && isLower(className[end])) ++end;
    words += '_' + className.substr(i + 1, end - i - 1);
    i = end - 1;
  }
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && isLower(words[i - 1]) && isUpper(words[i])) result += '_';
    result += isUpper(words[i]) ? static_cast<char>(words[i] - 'A' + 'a') : words[i];
  }
  return result;
}

std::string quantizedModeOf(const Json& dtypePolicy) {
  const Json* config = dtypePolicy.find("config");
  std::string mode = config ? textAt(*config, "mode") : std::string();
  if (const std::string* text = dtypePolicy.asString(); text && text->size() <= kLongestName) {
    const std::size_t end = text->find("_from_");
    if (end != std::string::npos) mode = text->substr(0, end);
  }
  constexpr std::string_view kModes[] = {"int8", "int4", "gptq", "awq"};
  const std::string_view first = std::string_view(mode).substr(0, mode.find('/'));
  const bool known = std::find(std::begin(kModes), std::end(kModes), first) != std::end(kModes);
  return known ? mode : std::string();
}

std::string placePath(std::string_view path) {
  constexpr std::string_view kEarlier = "_layer_checkpoint_dependencies";
  std::string result(path);
  std::replace(result.begin(), result.end(), '\\', '/');
  for (std::size_t at = result.find(kEarlier); at != std::string::npos;
       at = result.find(kEarlier, at)) {
    result.replace(at, kEarlier.size(), "layers");
  }
  return result;
}

std::map<std::string, KerasPlace> kerasPlaces(const Json& config) {
  std::map<std::string, KerasPlace> places;
  std::size_t room = kMostPathBytes;
  addLayers(config, {}, room, places);
  return places;
}

}  // namespace quantoscope
