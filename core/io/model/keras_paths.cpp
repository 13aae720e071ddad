#include "core/io/model/keras_paths.h"

#include <utility>

#include "core/base/json.h"

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
  return text ? *text : std::string();
}

/// What the paths of all layers may take: a configuration repeats long names for little.
constexpr std::size_t kMostPathBytes = std::size_t{64} << 20;

/// Adds the layers of the model whose configuration is `node` and whose group is `prefix`, until
/// their paths have taken `room`.
void addLayers(const Json& node, const std::string& prefix, std::size_t& room,
               std::map<std::string, KerasPlace>& places) {
  const Json* config = node.find("config");
  const Json* list = config ? config->find("layers") : nullptr;
  if (!list || !list->asArray()) return;
  std::map<std::string, int> used;
  for (const Json& layer : *list->asArray()) {
    std::string group = snakeCase(textAt(layer, "class_name"));
    if (group.empty()) continue;
    const int earlier = used[group]++;
    if (earlier > 0) group += '_' + std::to_string(earlier);
    const std::size_t length = prefix.size() + group.size() + 8;
    if (length > room) return;
    room -= length;
    const std::string path = prefix + "layers/" + group;
    std::string name = textAt(layer, "name");
    const Json* own = layer.find("config");
    if (name.empty() && own) name = textAt(*own, "name");
    places.emplace(path, KerasPlace{places.size(), std::move(name)});
    addLayers(layer, path + "/", room, places);
  }
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

std::map<std::string, KerasPlace> kerasPlaces(const std::string& config) {
  std::map<std::string, KerasPlace> places;
  if (config.empty()) return places;
  const Result<Json> json = parseJson(config, "config.json");
  std::size_t room = kMostPathBytes;
  if (json) addLayers(*json, "", room, places);
  return places;
}

}  // namespace quantoscope
