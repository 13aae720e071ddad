#include "core/io/model/keras_paths.h"

#include <algorithm>
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

void addInner(const Json& layer, const std::string& path, std::size_t& room,
              std::map<std::string, KerasPlace>& places);

/// Adds the layer at `path` and those in it; false when the paths have taken all of `room`.
bool addPlace(const Json& layer, const std::string& path, std::size_t& room,
              std::map<std::string, KerasPlace>& places) {
  std::string name = textAt(layer, "name");
  const Json* own = layer.find("config");
  if (name.empty() && own) name = textAt(*own, "name");
  KerasClass what = kerasClassOf(layer);
  const std::size_t takes = path.size() + name.size() + what.className.size() +
                            what.dimOrdering.size() + what.equation.size();
  if (takes > room) return false;
  room -= takes;
  places.emplace(path, KerasPlace{places.size(), std::move(name), std::move(what)});
  addInner(layer, path + "/", room, places);
  return true;
}

/// Adds the layers of the model whose configuration is `node` and whose group is `prefix`, until
/// their paths have taken `room`.
void addLayers(const Json& node, const std::string& prefix, std::size_t& room,
               std::map<std::string, KerasPlace>& places) {
  const Json* config = node.find("config");
  const Json* list = config ? config->find("layers") : nullptr;
  if (!list || !list->asArray()) return;
  std::map<std::string, int> used;
  for (const Json& layer : *list->asArray()) {
    std::string group = textAt(layer, "class_name");
    group = snakeCase(group.substr(group.rfind('>') + 1));
    if (group.empty()) continue;
    const int earlier = used[group]++;
    if (earlier > 0) group += '_' + std::to_string(earlier);
    if (prefix.size() + group.size() + 8 > room) return;
    if (!addPlace(layer, prefix + "layers/" + group, room, places)) return;
  }
}

/// What is inside a layer: the layers of a model, what a wrapper wraps, a recurrent layer's cell.
void addInner(const Json& layer, const std::string& path, std::size_t& room,
              std::map<std::string, KerasPlace>& places) {
  addLayers(layer, path, room, places);
  const Json* config = layer.find("config");
  if (!config) return;
  const bool bothWays = textAt(layer, "class_name") == "Bidirectional";
  const auto add = [&](const char* key, const char* attribute) {
    const Json* inner = config->find(key);
    if (!inner || textAt(*inner, "class_name").empty()) return;
    if (!places.contains(path + attribute)) addPlace(*inner, path + attribute, room, places);
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
  addLayers(config, "", room, places);
  return places;
}

}  // namespace quantoscope
