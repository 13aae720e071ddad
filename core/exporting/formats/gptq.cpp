#include "core/exporting/formats/gptq.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/exporting/bit_packing.h"
#include "core/exporting/group_arrays.h"
#include "core/exporting/module_schemes.h"
#include "core/exporting/vllm_kernels.h"

namespace quantoscope {

namespace {

constexpr std::size_t kShapeUnit = 32;  // of inputs and outputs, which packers demand
constexpr std::array<long long, 7> kGroupSizes = {16, 32, 64, 128, 256, 512, 1024};

constexpr const char* kVllm = "vLLM, auto_gptq";
constexpr const char* kVllmFused = "vLLM, gptq_utils";
constexpr const char* kMarlin = "vLLM, marlin_utils";
constexpr const char* kGptqModel = "GPTQModel, qlinear/torch";

const char* nameOf(GptqVersion version) {
  switch (version) {
    case GptqVersion::V1:
      return "gptq";
    case GptqVersion::V2:
      return "gptq_v2";
    case GptqVersion::Planar:
      return "gptq_p";
  }
  return "";
}

WordOrder orderOf(GptqVersion version) {
  return version == GptqVersion::Planar ? WordOrder::Planar : WordOrder::Dense;
}

// What a version can carry

bool takesBits(GptqVersion version, int bits) {
  switch (version) {
    case GptqVersion::V1:
      return bits == 4 || bits == 8;
    case GptqVersion::V2:
      return bits == 2 || bits == 3 || bits == 4 || bits == 8;
    case GptqVersion::Planar:
      return bits >= 2;
  }
  return false;
}

const char* allowedIn(GptqVersion version) {
  switch (version) {
    case GptqVersion::V1:
      return "int4 and int8 sym";
    case GptqVersion::V2:
      return "int2, int3, int4 and int8";
    case GptqVersion::Planar:
      return "int2 to int8";
  }
  return "";
}

bool takesGroups(const GroupLayout& layout) {
  return layout.groupSize == layout.cols ||
         std::find(kGroupSizes.begin(), kGroupSizes.end(),
                   static_cast<long long>(layout.groupSize)) != kGroupSizes.end();
}

bool takesShape(const GroupLayout& layout) {
  return layout.rows % kShapeUnit == 0 && layout.cols % kShapeUnit == 0;
}

bool carries(GptqVersion version, const QuantSpec& spec, const GroupLayout& layout) {
  return spec.dtype == Dtype::Int && !spec.doubleQuant && takesBits(version, spec.bits) &&
         (version != GptqVersion::V1 || spec.scheme == Scheme::Sym) && takesShape(layout) &&
         takesGroups(layout);
}

// Arrays

std::vector<PlannedArray> planOf(WordOrder order, const TensorInfo& info, const QuantSpec& spec) {
  const GroupLayout layout = layoutOf(spec, info.rows, info.cols);
  const std::string module = moduleOf(info.name);
  const std::uint64_t groups = layout.groupsPerRow();
  return {{module + ".qweight", "I32", {wordsOf(order, spec.bits, layout.cols), layout.rows}},
          {module + ".qzeros", "I32", {groups, wordsOf(order, spec.bits, layout.rows)}},
          {module + ".scales", "F16", {groups, layout.rows}},
          {module + ".g_idx", "I32", {layout.cols}}};
}

std::vector<std::byte> groupOfInputs(const GroupLayout& layout) {
  std::vector<std::int32_t> index(layout.cols);
  for (std::size_t i = 0; i < index.size(); ++i) {
    index[i] = static_cast<std::int32_t>(i / layout.groupSize);
  }
  std::vector<std::byte> bytes(index.size() * sizeof(std::int32_t));
  std::memcpy(bytes.data(), index.data(), bytes.size());
  return bytes;
}

std::uint32_t* wordsIn(std::vector<std::byte>& bytes) {
  return reinterpret_cast<std::uint32_t*>(bytes.data());
}

PackedArrays packed(WordOrder order, int less, const ExportTensor& tensor,
                    const std::vector<PlannedArray>& plan, const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  std::vector<std::byte> qweight(plan[0].bytes());
  packRowsTransposed(order, tensor, wordsIn(qweight), executor);
  std::vector<std::byte> qzeros(plan[1].bytes());
  const std::vector<std::uint8_t> zeros = zeroCodesTransposed(tensor, less, executor);
  for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
    packWords(order, tensor.quantized.spec.bits, {zeros.data() + g * layout.rows, layout.rows},
              wordsIn(qzeros) + g * plan[1].shape[1]);
  }
  PackedArrays arrays;
  arrays.push_back(std::move(qweight));
  arrays.push_back(std::move(qzeros));
  arrays.push_back(halfScalesTransposed(parameters, executor));
  arrays.push_back(groupOfInputs(layout));
  return arrays;
}

// Configuration

Json schemeJson(const QuantSpec& scheme) {
  return Json::object({{"bits", scheme.bits},
                       {"group_size", static_cast<std::int64_t>(scheme.groupSize)},
                       {"sym", scheme.scheme == Scheme::Sym}});
}

/// How one module is treated: a scheme, or none where it stays in float.
struct Treated {
  std::string module;
  std::optional<QuantSpec> scheme;
};

/// The whole that loaders know a module by: "a.mlp.experts" for "a.mlp.experts.3.up_proj",
/// "a.qkv_proj" for "a.q_proj"; empty where there is none.
std::string wholeOf(const std::string& module) {
  constexpr std::string_view kExperts = ".experts.";
  if (const std::size_t at = module.find(kExperts); at != std::string::npos) {
    return module.substr(0, at + kExperts.size() - 1);
  }
  return fusedModuleOf(module);
}

/// A pattern of all these modules and the whole that they are part of.
std::string patternOf(const std::string& whole, const std::vector<const Treated*>& parts) {
  if (whole.ends_with(".experts")) return "^" + escapedPattern(whole) + "(?:\\..*)?$";
  const std::size_t begin = whole.rfind('.') + 1;  // 0 where there is none
  std::vector<std::string> names;
  for (const Treated* part : parts) names.push_back(escapedPattern(part->module.substr(begin)));
  names.push_back(escapedPattern(whole.substr(begin)));
  return "^" + escapedPattern(whole.substr(0, begin)) + "(?:" + join(names, "|") + ")$";
}

std::vector<Treated> treatedModules(const ModelHeader& header) {
  std::vector<Treated> modules;
  for (const PlannedTensor& tensor : plannedLinears(header)) {
    modules.push_back({moduleOf(tensor.info.name), schemeOf(tensor)});
  }
  for (std::string& module : floatModules(header)) {
    modules.push_back({std::move(module), std::nullopt});
  }
  return modules;
}

/// One rule a module; one for all parts of a whole where they are treated alike, since vLLM asks
/// for the whole by its own name.
void setDynamic(Json& config, const ModelHeader& header, const QuantSpec& common) {
  const std::vector<Treated> modules = treatedModules(header);
  std::map<std::string, std::vector<const Treated*>> wholes;
  for (const Treated& treated : modules) {
    if (std::string whole = wholeOf(treated.module); !whole.empty()) {
      wholes[whole].push_back(&treated);
    }
  }
  Json skipped = Json::object();
  Json others = Json::object();
  const auto put = [&](const std::string& pattern, const Treated& treated) {
    if (!treated.scheme) {
      skipped.set("-:" + pattern, Json::object());
    } else if (*treated.scheme != common) {
      others.set("+:" + pattern, schemeJson(*treated.scheme));
    }
  };
  for (const Treated& treated : modules) {
    const auto there = wholes.find(wholeOf(treated.module));
    const bool alike =
        there != wholes.end() &&
        std::all_of(there->second.begin(), there->second.end(),
                    [&](const Treated* part) { return part->scheme == treated.scheme; });
    if (!alike) {
      put(anchoredPattern(treated.module), treated);
    } else if (there->second.front() == &treated) {
      put(patternOf(there->first, there->second), treated);
    }
  }
  Json dynamic = skipped;  // GPTQModel asks these first, vLLM goes by the order
  for (const Json::Member& member : *others.asObject()) dynamic.set(member.first, member.second);
  if (!dynamic.asObject()->empty()) config.set("dynamic", dynamic);
}

/// A module's name within its block: "mlp.up_proj" of "model.layers.3.mlp.up_proj"; empty where it
/// is in none.
std::string nameInBlock(const std::string& module) {
  for (std::size_t at = module.find('.'); at != std::string::npos;) {
    const std::size_t next = module.find('.', at + 1);
    if (next == std::string::npos) break;
    const std::string_view part = std::string_view(module).substr(at + 1, next - at - 1);
    if (!part.empty() && std::all_of(part.begin(), part.end(),
                                     [](unsigned char c) { return std::isdigit(c) != 0; })) {
      return module.substr(next + 1);
    }
    at = next;
  }
  return "";
}

/// Which layers of a block are quantized, for transformers, which ignores `dynamic`.
struct BlockNames {
  std::vector<std::string> quantized;  ///< names in blocks, each once
  bool needed = false;                 ///< a layer in a block stays in float
  std::string conflict;                ///< such a layer that the names would take all the same
};

BlockNames blockNamesOf(const ModelHeader& header) {
  BlockNames names;
  for (const PlannedTensor& tensor : plannedLinears(header)) {
    const std::string name = nameInBlock(moduleOf(tensor.info.name));
    const bool known =
        std::find(names.quantized.begin(), names.quantized.end(), name) != names.quantized.end();
    if (!name.empty() && !known) names.quantized.push_back(name);
  }
  for (const std::string& module : floatModules(header)) {
    if (nameInBlock(module).empty()) continue;
    names.needed = true;
    const bool taken = std::any_of(names.quantized.begin(), names.quantized.end(),
                                   [&](const std::string& name) { return module.ends_with(name); });
    if (taken && names.conflict.empty()) names.conflict = module;
  }
  return names;
}

Json configOf(GptqVersion version, const ModelHeader& header) {
  const QuantSpec common = commonScheme(header);
  Json config = Json::object({{"quant_method", "gptq"}});
  const Json scheme = schemeJson(common);
  for (const Json::Member& member : *scheme.asObject()) config.set(member.first, member.second);
  config.set("desc_act", false);
  config.set("lm_head", false);
  // Readers differ in which of the two they believe.
  config.set("checkpoint_format", nameOf(version));
  config.set("format", nameOf(version));
  setDynamic(config, header, common);
  const BlockNames blocks = blockNamesOf(header);
  if (blocks.needed && blocks.conflict.empty() && !blocks.quantized.empty()) {
    Json::Array inner;
    for (const std::string& name : blocks.quantized) inner.emplace_back(name);
    config.set("modules_in_block_to_quantize", Json::Array{Json(std::move(inner))});
  }
  config.set("meta",
             Json::object({{"quantizer", Json::Array{"quantoscope:" QUANTOSCOPE_VERSION}}}));
  return config;
}

// The check

class GptqCheck {
 public:
  GptqCheck(GptqVersion version, const ModelHeader& header) : version_(version), book_(header) {}

  Findings findings() {
    keepUsualInFloat(book_, kGptqModel);
    refuseSharedNames(book_);
    const std::vector<PlannedTensor> linears = plannedLinears(book_.header());
    for (const PlannedTensor& tensor : linears) refuseWhatIsNotCarried(tensor);
    for (const PlannedTensor& tensor : linears) {
      if (carries(version_, tensor.spec, tensor.layout)) noteKernels(tensor);
    }
    if (version_ == GptqVersion::V1) {
      agreeWithinFused(
          book_, [](const PlannedTensor& tensor) { return describe(schemeOf(tensor)); },
          kVllmFused);
    }
    for (const SharedNote* note : {&tails_, &groups_, &exllama_, &noKernel_, &machete_}) {
      note->tell(book_);
    }
    if (version_ == GptqVersion::V1) noteBfloat16(book_, kVllm);
    noteConfiguration(linears);
    return book_.take();
  }

 private:
  void refuse(const PlannedTensor& tensor, const std::string& text, const std::string& rule) {
    const auto allowed = [&](const QuantSpec& spec) {
      return carries(version_, spec, layoutOf(spec, tensor.layout.rows, tensor.layout.cols));
    };
    book_.refuse(tensor.info.name, text, rule,
                 remediesFor(tensor.spec, tensor.layout.cols, allowed));
  }

  void refuseWhatIsNotCarried(const PlannedTensor& tensor) {
    const QuantSpec& spec = tensor.spec;
    const GroupLayout& layout = tensor.layout;
    const std::string allowed = std::string("; allowed are ") + allowedIn(version_);
    if (spec.dtype != Dtype::Int) {
      refuse(tensor, std::string(nameOf(spec.dtype)) + " is no integer format" + allowed, "");
    } else if (!takesBits(version_, spec.bits)) {
      refuse(tensor, "int" + std::to_string(spec.bits) + allowed,
             version_ == GptqVersion::V1 ? kVllm : kGptqModel);
    } else if (version_ == GptqVersion::V1 && spec.scheme == Scheme::Asym) {
      refuse(tensor,
             "asym: loaders refuse zero points in this version; allowed is sym, and asym in "
             "gptq_v2, gptq_p, awq and compressed-tensors",
             "vLLM, auto_gptq; GPTQModel, models/loader");
    }
    if (spec.doubleQuant) {
      refuse(tensor,
             "double quantization: there is no place for quantized scales; allowed are "
             "plain ones",
             "");
    }
    if (!takesShape(layout)) {
      refuse(tensor,
             std::to_string(layout.rows) + " outputs and " + std::to_string(layout.cols) +
                 " inputs; allowed are multiples of 32",
             "GPTQModel, qlinear");
    }
    if (!takesGroups(layout)) {
      refuse(tensor,
             "groups of " + std::to_string(layout.groupSize) +
                 "; allowed are 16, 32, 64, 128, 256, 512, 1024 and whole rows",
             kGptqModel);
    }
  }

  void noteKernels(const PlannedTensor& tensor) {
    const std::string& name = tensor.info.name;
    if (tensor.layout.tail() != 0) return tails_.add(name);
    if (version_ != GptqVersion::V1) return;  // vLLM does not read the others
    const KernelLayer layer = KernelLayer::of(tensor);
    if (!marlinTakesGroups(layer)) return groups_.add(name);
    if (!marlinTakesShape(layer)) return (exllamaTakes(layer) ? exllama_ : noKernel_).add(name);
    if (!macheteTakes(layer)) machete_.add(name);
  }

  void noteConfiguration(const std::vector<PlannedTensor>& linears) {
    const QuantSpec common = commonScheme(book_.header());
    const bool mixed = std::any_of(linears.begin(), linears.end(),
                                   [&](const PlannedTensor& t) { return schemeOf(t) != common; });
    if (mixed) {
      book_.note("default",
                 "tensors differ in bits, groups or scheme, which transformers cannot read; it is "
                 "told in dynamic, which GPTQModel" +
                     std::string(version_ == GptqVersion::V1 ? " and vLLM read" : " reads"),
                 "transformers, GPTQConfig; optimum, gptq/quantizer");
    }
    if (const std::string kept = blockNamesOf(book_.header()).conflict; !kept.empty()) {
      book_.note(kept,
                 "stays in float, but layers of its name in other blocks do not: transformers "
                 "cannot read that",
                 "optimum, gptq/quantizer");
    }
  }

  GptqVersion version_;
  RuleBook book_;
  SharedNote tails_{
      "groups do not divide the inputs: the short group at the end of each row is "
      "read by GPTQModel alone",
      "vLLM, marlin_utils and exllama"};
  SharedNote groups_{
      "vLLM takes groups of 32, 64, 128 and whole rows alone: others are read by "
      "GPTQModel",
      kMarlin};
  SharedNote exllama_{
      "vLLM's Marlin kernel takes multiples of 64 outputs and 128 inputs alone: "
      "Exllama takes its place, in float16",
      "vLLM, marlin_utils and exllama"};
  SharedNote noKernel_{
      "vLLM has no kernel for it: Marlin takes multiples of 64 outputs and 128 "
      "inputs, Exllama no whole rows",
      "vLLM, marlin_utils and exllama"};
  SharedNote machete_{
      "Machete, vLLM's kernel for Hopper GPUs, takes groups of 64, 128 or whole "
      "rows, multiples of 64 inputs and 128 outputs alone: Marlin takes its place",
      "vLLM, machete_utils"};
};

// Rows of the table

template <GptqVersion kVersion>
StateDictFormat layoutOfVersion() {
  StateDictFormat format{};
  format.plan = [](const TensorInfo& info, const QuantSpec& spec) {
    return planOf(orderOf(kVersion), info, spec);
  };
  format.pack = [](const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                   const Executor& executor) {
    return packed(orderOf(kVersion), kVersion == GptqVersion::V1 ? 1 : 0, tensor, plan, executor);
  };
  format.config = [](const ModelHeader& header) { return configOf(kVersion, header); };
  format.configFile = "quantize_config.json";
  return format;
}

template <GptqVersion kVersion>
ExportFormat rowOf(const char* id, const char* title, const char* tip) {
  ExportFormat format{};
  format.id = id;
  format.title = title;
  format.suffix = "";
  format.tip = tip;
  format.content = ExportContent::Tensors;
  format.check = [](const ModelHeader& header) { return GptqCheck(kVersion, header).findings(); };
  format.create = [](const OutputPath& path, const ModelHeader& header, const Executor& executor) {
    return createStateDict(gptqLayout(kVersion), path, header, executor);
  };
  format.wholeModel = true;
  format.sizeOf = [](const ModelHeader& header) {
    return stateDictSize(gptqLayout(kVersion), header);
  };
  format.storeScales = [](const TensorInfo&, const QuantSpec&, GroupParameters& parameters) {
    roundScalesToHalf(parameters);
  };
  return format;
}

}  // namespace

const StateDictFormat& gptqLayout(GptqVersion version) {
  static const StateDictFormat v1 = layoutOfVersion<GptqVersion::V1>();
  static const StateDictFormat v2 = layoutOfVersion<GptqVersion::V2>();
  static const StateDictFormat planar = layoutOfVersion<GptqVersion::Planar>();
  switch (version) {
    case GptqVersion::V1:
      break;
    case GptqVersion::V2:
      return v2;
    case GptqVersion::Planar:
      return planar;
  }
  return v1;
}

ExportFormat gptqFormat() {
  return rowOf<GptqVersion::V1>(
      "gptq", "GPTQ", "int4 and int8 sym, for vLLM, GPTQModel, transformers and neural-compressor");
}

ExportFormat gptqV2Format() {
  return rowOf<GptqVersion::V2>("gptq_v2", "GPTQ v2",
                                "int2, int3, int4 and int8, zero points included, for GPTQModel");
}

ExportFormat gptqPlanarFormat() {
  return rowOf<GptqVersion::Planar>(
      "gptq_p", "GPTQ planar", "int2 to int8, zero points included, for new versions of GPTQModel");
}

}  // namespace quantoscope
