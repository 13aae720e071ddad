#include "core/io/model/keras_axes.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "core/base/json.h"
#include "core/base/text.h"

namespace quantoscope {

namespace {

bool isDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Lower case without underscores, so that "Conv2DTranspose" and "conv2d_transpose_1" compare.
std::string folded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != '_') result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// The `spatial` leading axes 0, 1, ... behind the given ones.
AxisMap axesThenSpatial(std::vector<int> first, std::size_t spatial, int rowAxes) {
  AxisMap map;
  map.order = std::move(first);
  for (std::size_t axis = 0; axis < spatial; ++axis) map.order.push_back(static_cast<int>(axis));
  map.rowAxes = rowAxes;
  return map;
}

/// Keras 1 names its kernels after the layer: "conv1_W", "conv1_W_1:0"; before that, "param_0".
bool isKeras1Kernel(std::string_view name) {
  if (name.starts_with("param_")) return true;
  const std::size_t underscore = name.rfind('_');
  if (underscore != std::string_view::npos && isDigits(name.substr(underscore + 1))) {
    name = name.substr(0, underscore);
  }
  return name == "W" || name.ends_with("_W");
}

/// Theano's [out, in, kh, kw] or TensorFlow's [kh, kw, in, out]? The file's word counts; a file
/// of a time before versions were written is Theano's; else the window is the smaller pair.
bool isTheanoOrdered(const KerasVariable& variable) {
  if (variable.shape.size() != 4 || !isKeras1Kernel(variable.name)) return false;
  if (!variable.dimOrdering.empty()) return variable.dimOrdering == "th";
  if (!variable.hasVersion) return true;
  return variable.shape[0] * variable.shape[1] >= variable.shape[2] * variable.shape[3];
}

bool isEmbedding(const KerasVariable& variable, const std::string& layer) {
  if (variable.shape.size() != 2) return false;
  if (variable.name == "embeddings") return true;
  return !isKernelName(variable.name) && layer.find("embedding") != std::string::npos;
}

bool isDepthwise(const KerasVariable& variable, const std::string& layer) {
  if (variable.shape.size() < 3) return false;
  if (variable.name.ends_with("depthwise_kernel")) return true;
  if (variable.name.ends_with("pointwise_kernel")) return false;
  if (layer.find("depthwise") != std::string::npos) return true;
  return layer.find("separable") != std::string::npos && variable.name == "0";
}

/// Adds every layer below `node` to `layers`; configurations nest layers in many ways.
void collectLayers(const Json& node, std::map<std::string, KerasLayer>& layers) {
  if (const Json::Array* items = node.asArray()) {
    for (const Json& item : *items) collectLayers(item, layers);
    return;
  }
  const Json::Object* members = node.asObject();
  if (!members) return;
  for (const auto& [key, value] : *members) collectLayers(value, layers);

  const Json* className = node.find("class_name");
  const Json* config = node.find("config");
  if (!className || !className->asString() || !config) return;
  if (config->find("layers")) return;  // a model inside a model: its layers say more
  const Json* name = config->find("name");
  if (!name) name = node.find("name");
  if (!name || !name->asString()) return;
  KerasLayer layer{*className->asString(), {}};
  if (const Json* wrapped = config->find("layer")) {
    const Json* wrappedClass = wrapped->find("class_name");
    if (wrappedClass && wrappedClass->asString()) layer.className = *wrappedClass->asString();
  }
  const Json* ordering = config->find("dim_ordering");
  if (ordering && ordering->asString()) layer.dimOrdering = *ordering->asString();
  layers[*name->asString()] = std::move(layer);
}

}  // namespace

bool isKernelName(std::string_view name) {
  return name == "kernel" || name.ends_with("_kernel");
}

std::string withoutOutputNumber(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  const bool numbered = colon != std::string_view::npos && isDigits(name.substr(colon + 1));
  return std::string(numbered ? name.substr(0, colon) : name);
}

bool isKerasBias(const KerasVariable& variable) {
  if (variable.name == "bias" || variable.name.ends_with("_bias")) return true;
  // A recurrent cell's variables are kernel, recurrent kernel, bias.
  return variable.part.ends_with("cell") && isDigits(variable.name) && variable.name != "0" &&
         variable.name != "1" && variable.shape.size() <= 2;
}

AxisMap kerasAxes(const KerasVariable& variable) {
  const std::size_t rank = variable.shape.size();
  const std::string layer = folded(variable.layer);
  const int last = static_cast<int>(rank) - 1;

  if (rank < 2 || isEmbedding(variable, layer) || isTheanoOrdered(variable)) {
    return AxisMap::rows(rank);
  }
  if (isDepthwise(variable, layer)) return axesThenSpatial({last - 1, last}, rank - 2, 2);
  if (rank == 3) {
    const std::string part = folded(variable.part);
    if (isOneOf(part, {"query", "key", "value", "querydense", "keydense", "valuedense"})) {
      return {{1, 2, 0}, 2, {}};
    }
    if (isOneOf(part, {"attentionoutput", "outputdense"})) return {{2, 0, 1}, 1, {}};
  }
  const bool transposed = rank > 2 && (layer.find("transpose") != std::string::npos ||
                                       layer.find("deconv") != std::string::npos);
  if (transposed) return axesThenSpatial({last - 1, last}, rank - 2, 1);
  return AxisMap::columns(rank);
}

std::map<std::string, KerasLayer> kerasLayers(const std::string& modelConfig) {
  std::map<std::string, KerasLayer> layers;
  if (modelConfig.empty()) return layers;
  const Result<Json> config = parseJson(modelConfig, "model_config");
  if (config) collectLayers(*config, layers);
  return layers;
}

}  // namespace quantoscope
