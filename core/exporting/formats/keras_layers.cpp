#include "core/exporting/formats/keras_layers.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/half.h"
#include "core/base/text.h"
#include "core/exporting/json_places.h"
#include "core/exporting/rules.h"
#include "core/io/model/layer_classes.h"
#include "core/io/model/model_layout.h"

namespace quantoscope {

namespace {

constexpr const char* kRule = "Keras";
constexpr const char* kWeightsFormat = "Keras 3 weights HDF5";
constexpr const char* kArchiveFormat = "Keras 3 archive";
constexpr const char* kWeightsMember = "model.weights.h5";
constexpr const char* kConfigMember = "config.json";

// ---- the layers of the source

struct Layer {
  std::string group;
  std::string className;  ///< empty where nothing tells it
  std::string pointer;    ///< to it in config.json; empty in a weights file
  std::string policy;     ///< of floats: "float32", "mixed_bfloat16"; empty where it is not one
  std::size_t variables = 0;
};

/// The layer of `layers/dense/vars/0`, and the number of the variable; nothing for other paths.
struct VariablePath {
  std::string group;
  std::size_t number = 0;
};

std::optional<VariablePath> variablePathOf(const std::string& path) {
  constexpr std::string_view kVars = "/vars/";
  const std::size_t at = path.rfind(kVars);
  if (at == std::string::npos) return std::nullopt;
  const std::string digits = path.substr(at + kVars.size());
  if (digits.size() > 6 || !isDigits(digits)) return std::nullopt;
  return VariablePath{path.substr(0, at), static_cast<std::size_t>(std::stoul(digits))};
}

std::string variablePath(const std::string& group, std::size_t number) {
  return group + "/vars/" + std::to_string(number);
}

const std::string* textAt(const Json* node, const char* key) {
  const Json* value = node ? node->find(key) : nullptr;
  return value ? value->asString() : nullptr;
}

/// The name of a dtype policy of floats; empty for others.
std::string policyOf(const Json& dtype) {
  const std::string* name = dtype.asString();
  if (name == nullptr) {
    const std::string* className = textAt(&dtype, "class_name");
    if (className == nullptr || (*className != "DTypePolicy" && *className != "FloatDTypePolicy")) {
      return {};
    }
    name = textAt(dtype.find("config"), "name");
  }
  if (name == nullptr || name->find("_from_") != std::string::npos) return {};
  return *name;
}

class Layers {
 public:
  explicit Layers(const ModelHeader& header)
      : file_(*header.contents), classes_(file_, true), isArchive_(file_.format == "keras") {
    if (isArchive_) readPolicies();
    for (const StoredArray& array : file_.arrays) {
      if (const auto variable = variablePathOf(array.path)) ++variables_[variable->group];
    }
  }

  bool isArchive() const { return isArchive_; }
  const std::string& problem() const { return classes_.problem(); }

  Layer at(const std::string& group) const {
    Layer layer;
    layer.group = group;
    const auto count = variables_.find(group);
    layer.variables = count == variables_.end() ? 0 : count->second;
    const std::string path = variablePath(group, 0);
    if (!isArchive_) {
      layer.className = classOfGroup(group);
      layer.policy = "float32";
      return layer;
    }
    const auto place = classes_.places().find(placePath(group));
    if (place == classes_.places().end()) return layer;
    layer.className = place->second.what.className;
    layer.pointer = place->second.pointer;
    const auto policy = policies_.find(layer.pointer);
    if (policy != policies_.end()) layer.policy = policy->second;
    return layer;
  }

 private:
  /// A weights file names the groups of layers by class: `layers/einsum_dense_3`.
  static std::string classOfGroup(const std::string& group) {
    const std::string own = group.substr(group.rfind('/') + 1);
    const std::string above =
        group.substr(0, group.size() - std::min(own.size() + 1, group.size()));
    if (!isLayerContainer(lastComponent(above))) return {};
    std::string name = own;
    const std::size_t underscore = own.rfind('_');
    if (underscore != std::string::npos && isDigits(std::string_view(own).substr(underscore + 1))) {
      name.resize(underscore);
    }
    for (const char* known : {"Dense", "EinsumDense", "Embedding", "ReversibleEmbedding"}) {
      if (snakeCase(known) == name) return known;
    }
    return name;
  }

  /// The policies of all layers, by their pointers: the text is gone through once.
  void readPolicies() {
    std::set<std::string> wanted;
    for (const auto& [path, place] : classes_.places()) {
      wanted.insert(place.pointer + "/config/dtype");
    }
    const auto places = jsonPlaces(file_.modelConfig, wanted);
    for (const auto& [path, place] : classes_.places()) {
      const auto found = places.find(place.pointer + "/config/dtype");
      if (found == places.end()) continue;
      const JsonPlace at = found->second;
      const auto dtype = parseJson(
          std::string_view(file_.modelConfig).substr(at.begin, at.end - at.begin), kConfigMember);
      if (dtype) policies_[place.pointer] = policyOf(*dtype);
    }
  }

  const StoredFile& file_;
  LayerClasses classes_;
  bool isArchive_ = false;
  std::map<std::string, std::size_t> variables_;
  std::map<std::string, std::string> policies_;
};

bool isDense(const Layer& layer) {
  return layer.className == "Dense" || layer.className == "EinsumDense";
}

bool isEmbedding(const Layer& layer) {
  return layer.className == "Embedding" || layer.className == "ReversibleEmbedding";
}

// ---- what a tensor becomes

bool isWhole(const QuantSpec& spec, const TensorInfo& info) {
  return layoutOf(spec, info.rows, info.cols).groupsPerRow() <= 1;
}

bool is16Bit(const TensorInfo& info) {
  return info.dtype == "float16" || info.dtype == "bfloat16";
}

bool isHalf(const Layer& layer) {
  return layer.policy == "float16" || layer.policy == "mixed_float16";
}

/// Whether int8 can hold it: scales divide, one an output, and there are no zero points.
bool fitsInt8(const QuantSpec& spec, const TensorInfo& info, const Layer& layer, bool isArchive) {
  return isArchive && spec.dtype == Dtype::Int && spec.bits >= 5 && spec.bits <= 8 &&
         spec.scheme == Scheme::Sym && isWhole(spec, info) && !is16Bit(info) && !isHalf(layer);
}

bool fitsDense(const QuantSpec& spec) {
  return spec.dtype == Dtype::Int && spec.bits >= 1 && spec.bits <= 8;
}

bool fitsEmbedding(const QuantSpec& spec, const TensorInfo& info, const Layer& layer,
                   bool isArchive) {
  return (fitsDense(spec) && spec.bits <= 4) || fitsInt8(spec, info, layer, isArchive);
}

/// The tensor is one of a layer's that cannot be quantized, or not so.
struct Judgement {
  std::optional<KerasWeight> weight;
  std::string problem;
  bool isUsual = false;
  std::vector<Remedy> remedies = {Remedy::keepFloat()};
};

Judgement refusal(const std::string& problem) {
  return {std::nullopt, problem, false, {Remedy::keepFloat()}};
}

Judgement usual(const std::string& problem) {
  return {std::nullopt, problem, true, {Remedy::keepFloat()}};
}

/// How large the groups of the policy must be so that it has as many as g_idx tells apart.
std::optional<long long> blockOf(const KerasFlattening& flat, const GroupLayout& layout) {
  const std::uint64_t groups = flat.rowOfLead.size() * layout.groupsPerRow();
  const std::uint64_t rows = flat.rows();
  if (groups <= 1) return -1;
  for (const std::uint64_t block :
       {std::uint64_t{layout.groupSize}, (rows + groups - 1) / groups}) {
    if (block > 0 && (rows + block - 1) / block == groups) return static_cast<long long>(block);
  }
  return std::nullopt;
}

Judgement judgeDense(const TensorInfo& info, const QuantSpec& spec, const Layer& layer,
                     bool isArchive) {
  if (!fitsDense(spec)) {
    Judgement judged = refusal("Keras' gptq has integers of up to 8 bits; " + describe(spec) +
                               " has no place in it");
    judged.remedies = remediesFor(spec, info.cols, fitsDense);
    return judged;
  }
  KerasWeight weight;
  weight.layer = layer.group;
  const auto flat = kerasFlattening(info);
  if (!flat) {
    return refusal(
        "Keras groups the inputs of a kernel [inputs, outputs]; read with these axes "
        "(" +
        std::to_string(info.shape.size()) +
        " of them) it has inputs among the "
        "outputs");
  }
  const bool isOwnConvention = spec.bits == 8 && !spec.fullRange && !spec.halfRange;
  if (layer.className == "Dense" && isOwnConvention && fitsInt8(spec, info, layer, isArchive)) {
    weight.mode = KerasMode::Int8;
    weight.bits = 8;
    return {weight, {}, false, {}};
  }
  weight.bits = spec.bits <= 2 ? 2 : spec.bits <= 4 ? spec.bits : 8;
  const auto block = blockOf(*flat, layoutOf(spec, info.rows, info.cols));
  if (!block) {
    Judgement judged = refusal("each head has " +
                               std::to_string(layoutOf(spec, info.rows, info.cols).groupsPerRow()) +
                               " groups of its own, the last of which is shorter; allowed are "
                               "sizes that divide " +
                               std::to_string(info.cols));
    judged.remedies = remediesFor(spec, info.cols, [&](const QuantSpec& other) {
      return fitsDense(other) && blockOf(*flat, layoutOf(other, info.rows, info.cols)).has_value();
    });
    return judged;
  }
  weight.block = *block;
  return {weight, {}, false, {}};
}

Judgement judgeEmbedding(const TensorInfo& info, const QuantSpec& spec, const Layer& layer,
                         bool isArchive, bool isReverse) {
  const AxisMap expected = isReverse ? AxisMap::columns(2) : AxisMap::rows(2);
  if (info.shape.size() != 2 || info.axes != expected) {
    return refusal("Keras has a scale for each word of an embedding; read it as it is listed");
  }
  const auto allowed = [&](const QuantSpec& other) {
    return fitsEmbedding(other, info, layer, isArchive);
  };
  if (!allowed(spec)) {
    Judgement judged = refusal(std::string("an embedding of Keras can have up to 4 bits") +
                               (isArchive && !is16Bit(info) && !isHalf(layer)
                                    ? ", or up to 8 symmetric ones and a scale for each word"
                                    : "") +
                               "; " + describe(spec) + " has no place in it");
    judged.remedies = remediesFor(spec, info.cols, allowed);
    return judged;
  }
  KerasWeight weight;
  weight.layer = layer.group;
  weight.isTable = true;
  weight.isReverse = isReverse;
  weight.mode = spec.bits <= 4 ? KerasMode::Int4 : KerasMode::Int8;
  weight.bits = spec.bits <= 4 ? 4 : 8;
  weight.block = static_cast<long long>(layoutOf(spec, info.rows, info.cols).groupSize);
  if (weight.mode == KerasMode::Int8) weight.block = -1;
  return {weight, {}, false, {}};
}

Judgement judge(const TensorInfo& info, const QuantSpec& spec, const Layers& layers) {
  const auto variable = variablePathOf(storedPath(info));
  if (!variable) return usual("is no variable of a Keras layer, .../vars/N");
  const Layer layer = layers.at(variable->group);
  if (layer.className.empty()) {
    return usual(layers.isArchive()
                     ? "config.json does not tell its layer, so nothing can tell the layer's "
                       "dtype policy"
                     : "the class of its layer is not told; Keras quantizes Dense, EinsumDense, "
                       "Embedding and ReversibleEmbedding");
  }
  if (!isDense(layer) && !isEmbedding(layer)) {
    return usual("is of a layer " + layer.className +
                 "; Keras quantizes Dense, EinsumDense, Embedding and ReversibleEmbedding");
  }
  const bool mayHaveTwo = isDense(layer) || layer.className == "ReversibleEmbedding";
  const bool isReverse = layer.className == "ReversibleEmbedding" && variable->number == 1;
  if (layer.policy.empty() || layer.variables > (mayHaveTwo ? 2U : 1U) ||
      (variable->number != 0 && !isReverse) || info.axes.slice) {
    return refusal("its layer is not one of floats alone: a kernel and perhaps a bias");
  }
  return isDense(layer) ? judgeDense(info, spec, layer, layers.isArchive())
                        : judgeEmbedding(info, spec, layer, layers.isArchive(), isReverse);
}

std::string policyText(const KerasWeight& weight) {
  switch (weight.mode) {
    case KerasMode::Gptq:
      return "gptq/" + std::to_string(weight.bits) + "/" + std::to_string(weight.block);
    case KerasMode::Int4:
      return "int4/" + std::to_string(weight.block);
    case KerasMode::Int8:
      return "int8";
  }
  return {};
}

// ---- rules

/// Both tables of a ReversibleEmbedding have the policy of their layer.
void agreeWithinLayers(RuleBook& book, const Layers& layers,
                       const std::map<std::string, std::vector<KerasWeight>>& byLayer,
                       const std::map<std::string, std::vector<const TensorInfo*>>& tensors) {
  for (const auto& [group, weights] : byLayer) {
    const Layer layer = layers.at(group);
    if (layer.className != "ReversibleEmbedding") continue;
    const std::vector<const TensorInfo*>& infos = tensors.at(group);
    const QuantSpec first = book.header().plan.specFor(infos[0]->name);
    if (weights.size() < layer.variables) {
      book.refuse(infos[0]->name,
                  "its layer has another table, which stays in float; Keras quantizes both in the "
                  "same way",
                  kRule);
    } else if (weights.size() > 1 && policyText(weights[0]) != policyText(weights[1])) {
      book.refuse(infos[1]->name,
                  "its layer would have the policies " + policyText(weights[0]) + " and " +
                      policyText(weights[1]) + "; Keras quantizes both tables in the same way",
                  kRule, {Remedy::use(first), Remedy::keepFloat()});
    }
  }
}

void noteSpecs(RuleBook& book) {
  std::set<std::string> told;
  for (const PlannedTensor& planned : plannedTensors(book.header())) {
    const auto note = [&](const std::string& text) {
      if (told.insert(text).second) book.note(planned.info.name, text, kRule);
    };
    const QuantSpec& spec = planned.spec;
    if (spec.doubleQuant) {
      note(
          "scales are written as float32, as they are after double quantization; the file saves "
          "nothing by it");
    }
    const bool isWider =
        spec.dtype == Dtype::Int && (spec.bits == 1 || (spec.bits > 4 && spec.bits < 8));
    if (isWider) {
      note("codes of " + std::to_string(spec.bits) + " bits are stored in " +
           (spec.bits == 1 ? "2" : "8"));
    }
    if (is16Bit(planned.info))
      note("scales are rounded to " + planned.info.dtype + ", as the layer has them");
  }
}

void noteVersions(RuleBook& book, const std::vector<KerasWeight>& weights, bool isArchive) {
  std::set<std::string> policies;
  bool int4 = false;
  bool int8 = false;
  bool two = false;
  for (const KerasWeight& weight : weights) {
    policies.insert(policyText(weight));
    int4 = int4 || weight.mode == KerasMode::Int4;
    int8 = int8 || weight.mode == KerasMode::Int8;
    two = two || (weight.mode == KerasMode::Gptq && weight.bits == 2);
  }
  if (policies.empty()) return;
  std::string why = "gptq";
  std::string version = "3.12";
  if (int8) version = "3.13", why = "int8 with float activations";
  if (int4) version = "3.14", why = "int4, which was packed otherwise before";
  if (two) version = "3.16", why = "2-bit kernels, of which earlier ones had a byte for each code";
  book.note("model", "is for Keras " + version + " and later: " + why, kRule);
  if (!isArchive) {
    book.note("model",
              "a weights file holds no configuration: load it into a model whose layers have the "
              "dtype policies " +
                  join({policies.begin(), policies.end()}, ", "),
              kRule);
  }
}

void noteOptimizer(RuleBook& book) {
  for (const TensorInfo& info : book.header().passed) {
    if (!info.name.starts_with("optimizer/")) continue;
    book.note("model",
              "the state of the optimizer is passed on as it is; Keras skips it with a warning, "
              "since quantized weights are not trained",
              kRule);
    return;
  }
}

/// What keeps a source from being written again; empty where nothing does.
std::string problemOfSource(const ModelHeader& header) {
  if (header.contents == nullptr || header.sourceFormat.empty()) {
    return "a file of Keras holds a whole model: export all of its tensors";
  }
  const StoredFile& file = *header.contents;
  if (!file.quantization.empty()) {
    return "is " + file.quantization + " already; allowed are models of floats";
  }
  const bool isArchive = header.sourceFormat == kArchiveFormat;
  if (!isArchive && header.sourceFormat != kWeightsFormat) {
    return "the source is " + header.sourceFormat + "; allowed are " + kWeightsFormat +
           " (.weights.h5) and " + kArchiveFormat + " (.keras)";
  }
  if (!file.parts.empty()) {
    return "its weights are in several files; save it as one with save_weights or save";
  }
  if (!isArchive) return {};
  const auto has = [&](const char* name) {
    return std::any_of(file.members.begin(), file.members.end(),
                       [&](const StoredMember& member) { return member.name == name; });
  };
  if (!has(kConfigMember) || !has(kWeightsMember) || !file.configProblem.empty()) {
    return "config.json of the archive cannot be read, so that no layer's policy can be told";
  }
  return {};
}

// ---- the plan

/// Renumbers the arrays of the quantized layers.
class Planner {
 public:
  Planner(const ModelHeader& header, const Layers& layers) : header_(header), layers_(layers) {
    plan_.isArchive = layers.isArchive();
  }

  KerasPlan plan(std::vector<KerasWeight> weights) {
    plan_.weights = std::move(weights);
    for (const auto& [path, group] : header_.contents->groups) {
      if (!group.name.empty()) plan_.groupNames[path] = group.name;
    }
    for (std::size_t i = 0; i < plan_.weights.size(); ++i) {
      byLayer_[plan_.weights[i].layer].push_back(i);
    }
    for (auto& [group, tensors] : byLayer_) {
      std::sort(tensors.begin(), tensors.end(), [&](std::size_t a, std::size_t b) {
        return plan_.weights[a].isReverse < plan_.weights[b].isReverse;
      });
      addLayer(group, tensors);
    }
    for (const TensorInfo& info : header_.passed) {
      if (plan_.passed.contains(info.name)) continue;
      const auto moved = moved_.find(info.name);
      const std::string path = moved == moved_.end() ? info.name : moved->second;
      plan_.passed[info.name] = add(path, shapeOf(info), info.dtype);
    }
    if (plan_.isArchive) plan_.config = rewrittenConfig();
    return std::move(plan_);
  }

 private:
  using Shape = std::vector<std::uint64_t>;

  static Shape shapeOf(const TensorInfo& info) { return {info.shape.begin(), info.shape.end()}; }

  std::size_t add(const std::string& path, const Shape& shape, const std::string& dtype) {
    plan_.arrays.push_back({path, shape, dtype});
    return plan_.arrays.size() - 1;
  }

  void addLayer(const std::string& group, const std::vector<std::size_t>& tensors) {
    const bool hasBias = !plan_.weights[tensors[0]].isTable && layers_.at(group).variables > 1;
    const bool biasFirst = hasBias && plan_.weights[tensors[0]].mode == KerasMode::Gptq;
    std::size_t number = 0;
    if (biasFirst) moved_[variablePath(group, 1)] = variablePath(group, number++);
    for (const std::size_t tensor : tensors) {
      KerasWeight& weight = plan_.weights[tensor];
      const TensorInfo& info = header_.tensors[tensor];
      const auto next = [&](const Shape& shape, const char* dtype) {
        return add(variablePath(group, number++), shape, dtype);
      };
      if (weight.mode == KerasMode::Gptq) {
        addGptq(weight, info, next);
      } else if (weight.mode == KerasMode::Int4) {
        addInt4(weight, info, next);
      } else {
        weight.codes = next(shapeOf(info), "int8");
        if (hasBias) ++number;
        weight.scale = next({info.rows}, "float32");
      }
    }
  }

  template <typename Next>
  void addGptq(KerasWeight& weight, const TensorInfo& info, const Next& next) const {
    const KerasFlattening flat = *kerasFlattening(info);
    const GroupLayout layout = layoutOf(header_.plan.specFor(info.name), info.rows, info.cols);
    const std::uint64_t perByte = weight.bits == 4 ? 2 : weight.bits == 2 ? 4 : 1;
    const std::uint64_t groups = flat.rowOfLead.size() * layout.groupsPerRow();
    weight.codes = next({(flat.columns() + perByte - 1) / perByte, flat.rows()}, "uint8");
    weight.scale = next({flat.columns(), groups}, "float32");
    weight.zero = next({flat.columns(), groups}, "uint8");
    weight.groupIndex = next({flat.rows()}, "float32");
  }

  template <typename Next>
  void addInt4(KerasWeight& weight, const TensorInfo& info, const Next& next) const {
    const GroupLayout layout = layoutOf(header_.plan.specFor(info.name), info.rows, info.cols);
    const std::uint64_t groups = layout.groupsPerRow();
    const std::uint64_t packed = (info.cols + 1) / 2;
    const Shape table = weight.isReverse ? Shape{groups, info.rows} : Shape{info.rows, groups};
    weight.codes =
        next(weight.isReverse ? Shape{packed, info.rows} : Shape{info.rows, packed}, "int8");
    weight.scale = next(table, "float32");
    if (weight.isReverse) {  // whose groups are those of its table
      weight.zero = next(table, "float32");
      return;
    }
    weight.zero = next(table, "int8");
    weight.groupIndex = next({info.cols}, "float32");
  }

  // ---- config.json

  static std::string policyObject(const KerasWeight& weight, const std::string& source) {
    const char* name = weight.mode == KerasMode::Gptq   ? "GPTQDTypePolicy"
                       : weight.mode == KerasMode::Int4 ? "Int4DTypePolicy"
                                                        : "QuantizedDTypePolicy";
    return std::string("{\"module\": \"keras.dtype_policies\", \"class_name\": \"") + name +
           "\", \"config\": {\"mode\": \"" + policyText(weight) + "\", \"source_name\": \"" +
           source + "\"}, \"registered_name\": null}";
  }

  /// What keeps Keras from quantizing activations, too; empty where nothing is needed.
  static std::string quantizationObject(const KerasWeight& weight, const std::string& className) {
    const bool int4 = weight.mode == KerasMode::Int4;
    if (weight.mode == KerasMode::Gptq || (int4 && className != "ReversibleEmbedding")) return {};
    return std::string("{\"module\": \"keras.quantizers\", \"class_name\": \"") +
           (int4 ? "Int4QuantizationConfig" : "Int8QuantizationConfig") +
           "\", \"config\": {\"weight_quantizer\": null, \"activation_quantizer\": null" +
           (int4 ? ", \"block_size\": " + std::to_string(weight.block) : "") +
           "}, \"registered_name\": null}";
  }

  std::string rewrittenConfig() const {
    std::map<std::string, std::pair<std::string, std::string>> values;  // pointer: key, value
    std::set<std::string> wanted;
    for (const auto& [group, tensors] : byLayer_) {
      const Layer layer = layers_.at(group);
      const KerasWeight& weight = plan_.weights[tensors[0]];
      const std::string config = layer.pointer + "/config";
      values[config + "/dtype"] = {"dtype", policyObject(weight, layer.policy)};
      const std::string quantization = quantizationObject(weight, layer.className);
      if (!quantization.empty()) {
        values[config + "/quantization_config"] = {"quantization_config", quantization};
      }
      wanted.insert(config);
    }
    for (const auto& [pointer, value] : values) wanted.insert(pointer);
    return spliced(header_.contents->modelConfig, jsonPlaces(header_.contents->modelConfig, wanted),
                   values);
  }

  /// Replaces values by their pointers; those that are missing are put first in their object.
  static std::string spliced(
      const std::string& text, const std::map<std::string, JsonPlace>& places,
      const std::map<std::string, std::pair<std::string, std::string>>& values) {
    struct Edit {
      JsonPlace place;
      std::string text;
    };
    std::vector<Edit> edits;
    for (const auto& [pointer, value] : values) {
      const auto there = places.find(pointer);
      if (there != places.end()) {
        edits.push_back({there->second, value.second});
        continue;
      }
      const auto object = places.find(pointer.substr(0, pointer.rfind('/')));
      if (object == places.end()) continue;
      const std::size_t inside = object->second.begin + 1;
      edits.push_back({{inside, inside}, "\"" + value.first + "\": " + value.second + ", "});
    }
    std::stable_sort(edits.begin(), edits.end(),
                     [](const Edit& a, const Edit& b) { return a.place.begin < b.place.begin; });
    std::string result;
    std::size_t done = 0;
    for (const Edit& edit : edits) {
      if (edit.place.begin < done) continue;
      result += text.substr(done, edit.place.begin - done) + edit.text;
      done = edit.place.end;
    }
    return result + text.substr(done);
  }

  const ModelHeader& header_;
  const Layers& layers_;
  KerasPlan plan_;
  std::map<std::string, std::vector<std::size_t>> byLayer_;
  std::map<std::string, std::string> moved_;  ///< paths of biases
};

}  // namespace

std::optional<KerasFlattening> kerasFlattening(const TensorInfo& info) {
  const std::vector<std::size_t>& shape = info.shape;
  const std::size_t rank = shape.size();
  if ((rank != 2 && rank != 3) || info.axes.order.size() != rank || info.axes.slice) {
    return std::nullopt;
  }
  const bool firstIsLongest = std::max_element(shape.begin(), shape.end()) == shape.begin();
  const std::size_t cut = rank == 2 || firstIsLongest ? 1 : 2;
  std::vector<bool> isOutput(rank, false);
  std::vector<std::size_t> stride(rank, 1);
  for (std::size_t i = rank; i-- > 0;) {
    const auto axis = static_cast<std::size_t>(info.axes.order[i]);
    isOutput[axis] = i < static_cast<std::size_t>(info.axes.rowAxes);
    const bool isLast = i + 1 == rank || i + 1 == static_cast<std::size_t>(info.axes.rowAxes);
    if (!isLast) {
      const auto next = static_cast<std::size_t>(info.axes.order[i + 1]);
      stride[axis] = stride[next] * shape[next];
    }
  }
  for (std::size_t axis = cut; axis < rank; ++axis) {
    if (!isOutput[axis]) return std::nullopt;
  }
  if (std::find(isOutput.begin(), isOutput.end(), false) == isOutput.end()) return std::nullopt;

  KerasFlattening flat;
  flat.rowOfColumn = {0};
  for (std::size_t axis = cut; axis < rank; ++axis) {
    std::vector<std::size_t> longer;
    longer.reserve(flat.rowOfColumn.size() * shape[axis]);
    for (const std::size_t row : flat.rowOfColumn) {
      for (std::size_t i = 0; i < shape[axis]; ++i) longer.push_back(row + i * stride[axis]);
    }
    flat.rowOfColumn = std::move(longer);
  }
  flat.rowOfLead = {0};
  flat.leadOfRow = {0};
  flat.columnOfRow = {0};
  for (std::size_t axis = 0; axis < cut; ++axis) {
    std::vector<std::size_t> lead;
    std::vector<std::size_t> column;
    for (std::size_t r = 0; r < flat.leadOfRow.size(); ++r) {
      for (std::size_t i = 0; i < shape[axis]; ++i) {
        lead.push_back(isOutput[axis] ? flat.leadOfRow[r] * shape[axis] + i : flat.leadOfRow[r]);
        column.push_back(flat.columnOfRow[r] + (isOutput[axis] ? 0 : i * stride[axis]));
      }
    }
    flat.leadOfRow = std::move(lead);
    flat.columnOfRow = std::move(column);
    if (!isOutput[axis]) continue;
    std::vector<std::size_t> rows;
    for (const std::size_t row : flat.rowOfLead) {
      for (std::size_t i = 0; i < shape[axis]; ++i) rows.push_back(row + i * stride[axis]);
    }
    flat.rowOfLead = std::move(rows);
  }
  return flat;
}

Findings checkKeras(const ModelHeader& header) {
  RuleBook book(header);
  if (const std::string problem = problemOfSource(header); !problem.empty()) {
    book.refuse("model", problem, kRule, {});
    return book.take();
  }
  const Layers layers(header);
  std::vector<KerasWeight> weights;
  std::map<std::string, std::vector<KerasWeight>> byLayer;
  std::map<std::string, std::vector<const TensorInfo*>> tensors;
  for (const TensorInfo& info : header.tensors) {
    const Judgement judged = judge(info, header.plan.specFor(info.name), layers);
    if (judged.weight) {
      weights.push_back(*judged.weight);
      byLayer[judged.weight->layer].push_back(*judged.weight);
      tensors[judged.weight->layer].push_back(&info);
    } else if (judged.isUsual) {
      book.usual(info.name, judged.problem, kRule, judged.remedies);
    } else {
      book.refuse(info.name, judged.problem, kRule, judged.remedies);
    }
  }
  agreeWithinLayers(book, layers, byLayer, tensors);
  for (const TensorInfo& info : header.passed) {
    if (hasHdf5Type(info.dtype)) continue;
    book.refuse(info.name, "is an array of " + info.dtype + ", which is not written again", kRule,
                {});
  }
  noteSpecs(book);
  noteVersions(book, weights, layers.isArchive());
  noteOptimizer(book);
  return book.take();
}

Result<KerasPlan> planKeras(const ModelHeader& header) {
  if (const std::string problem = problemOfSource(header); !problem.empty()) {
    return Error{ErrorCode::DoesNotFit, "model: " + problem};
  }
  const Layers layers(header);
  std::vector<KerasWeight> weights;
  for (const TensorInfo& info : header.tensors) {
    const Judgement judged = judge(info, header.plan.specFor(info.name), layers);
    if (!judged.weight) return Error{ErrorCode::DoesNotFit, info.name + ": " + judged.problem};
    weights.push_back(*judged.weight);
  }
  return Planner(header, layers).plan(std::move(weights));
}

void storeKerasScales(const TensorInfo& info, const QuantSpec& spec, GroupParameters& parameters) {
  const bool perhapsInt8 = spec.dtype == Dtype::Int && spec.bits >= 5 && spec.bits <= 8 &&
                           spec.scheme == Scheme::Sym && isWhole(spec, info);
  if (!is16Bit(info) && !perhapsInt8) return;
  std::vector<float> stored = parameters.decoding();
  for (float& scale : stored) {
    if (info.dtype == "float16") {
      scale = floatFromHalf(halfFromFloat(scale));
    } else if (info.dtype == "bfloat16") {
      scale = floatFromBfloat16(bfloat16FromFloat(scale));
    } else {
      scale = 1 / (1 / scale);
    }
  }
  parameters.decodeScale = std::move(stored);
}

}  // namespace quantoscope
