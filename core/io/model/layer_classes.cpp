#include "core/io/model/layer_classes.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "core/base/json.h"

namespace quantoscope {

namespace {

/// A configuration beyond this is not read: as values in memory it takes many times its bytes.
constexpr std::size_t kLongestConfig = std::size_t{32} << 20;
constexpr std::ptrdiff_t kMostConfigValues = std::ptrdiff_t{2} << 20;

/// Whether a configuration is one that a framework writes, by its size and number of values.
bool isUsualConfig(std::string_view config) {
  return config.size() <= kLongestConfig &&
         std::count(config.begin(), config.end(), ',') < kMostConfigValues;
}

/// "conv2d_transpose_1" is the second of its class.
std::string_view withoutCount(std::string_view group) {
  const std::size_t underscore = group.rfind('_');
  const bool counted =
      underscore != std::string_view::npos && isDigits(group.substr(underscore + 1));
  return counted ? group.substr(0, underscore) : group;
}

}  // namespace

bool isLayerContainer(std::string_view component) {
  return component == "layers" || component == "_layer_checkpoint_dependencies";
}

LayerClasses::LayerClasses(const StoredFile& file, bool numbered)
    : file_(file), problem_(file.configProblem) {
  if (file.modelConfig.empty()) return;
  const char* name = file.format == "keras" ? "config.json" : "model_config";
  if (!isUsualConfig(file.modelConfig)) {
    problem_ = std::string(name) + ": of more values than any framework writes";
    return;
  }
  Result<Json> config = parseJson(file.modelConfig, name);
  if (!config) {
    problem_ = config.error().message;
    return;
  }
  problem_.clear();  // another of several could not be read, and this one could
  config_ = KerasConfig(*config);
  if (numbered) places_ = kerasPlaces(*config);
}

KerasClass LayerClasses::of(const ArrayName& name) const {
  if (!name.numbered) {
    const KerasClass* told = config_.find(name.layer);
    return told ? *told : KerasClass{};
  }
  if (!places_.empty()) {
    const auto place = places_.find(placePath(name.layer));
    if (place != places_.end()) return place->second.what;
  }
  if (!isLayerContainer(lastComponent(name.block))) return {};
  return {std::string(withoutCount(lastComponent(name.layer))), {}, {}};
}

std::string LayerClasses::nameOf(std::string_view layer) const {
  const auto group = file_.groups.find(std::string(layer) + "/vars");
  if (group != file_.groups.end() && !group->second.name.empty()) return group->second.name;
  if (places_.empty()) return {};
  const auto place = places_.find(placePath(layer));
  return place == places_.end() ? std::string() : place->second.name;
}

}  // namespace quantoscope
