#include "core/exporting/formats/neural_compressor_config.h"

#include <algorithm>

#include "core/base/text.h"

namespace quantoscope {

namespace {

/// The module that owns a weight: dots for slashes, without a last "weight".
std::string moduleOf(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  constexpr std::string_view kWeight = ".weight";
  if (name.ends_with(kWeight)) name.resize(name.size() - kWeight.size());
  return name;
}

/// A pattern that matches this module alone: its readers use re.match, a prefix match.
std::string anchoredPattern(const std::string& module) {
  std::string pattern = "^";
  for (const char c : module) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

Json configOf(const QuantSpec& spec) {
  Json config = Json::object({{"dtype", nameOf(spec.dtype)},
                              {"bits", spec.bits},
                              {"group_size", static_cast<std::int64_t>(spec.groupSize)},
                              {"group_dim", 1},
                              {"use_sym", spec.scheme == Scheme::Sym},
                              {"use_full_range", spec.fullRange},
                              {"use_mse_search", spec.clip.kind == ClipPolicy::Kind::SearchTensor},
                              {"use_double_quant", spec.doubleQuant.has_value()}});
  if (const auto& dq = spec.doubleQuant) {
    config.set("double_quant_dtype", nameOf(dq->dtype));
    config.set("double_quant_bits", dq->bits);
    config.set("double_quant_use_sym", dq->scheme == Scheme::Sym);
    config.set("double_quant_group_size", static_cast<std::int64_t>(dq->groupSize));
  }
  return config;
}

/// What the format loses of a spec; empty if nothing.
std::string lossOf(const QuantSpec& spec) {
  switch (spec.clip.kind) {
    case ClipPolicy::Kind::None:
      return "";
    case ClipPolicy::Kind::Ratio:
      return "the clip ratio " + formatNumber(spec.clip.ratio) +
             " is left out: RTNConfig has no field for it";
    case ClipPolicy::Kind::SearchTensor:
      if (spec.grid != RatioGrid{}) return "use_mse_search searches its own ratios 1:0.805:40";
      return "";
    case ClipPolicy::Kind::SearchRows:
    case ClipPolicy::Kind::SearchGroups:
      return "the clip search per row or group is left out: RTNConfig searches per tensor only";
    case ClipPolicy::Kind::Optimal:
      return "optimal clipping is left out: RTNConfig has only the search per tensor";
  }
  return "";
}

void addNote(ExportNotes& notes, const std::string& what, const QuantSpec& spec) {
  const std::string loss = lossOf(spec);
  if (!loss.empty()) notes.lines.push_back(what + ": " + loss);
  const NumberFormat& format = formatOf(spec.dtype);
  if (format.origin == FormatOrigin::Elsewhere) {
    notes.lines.push_back(what + ": neural-compressor has no dtype " + format.name);
  }
  if (spec.halfRange) notes.lines.push_back(what + ": RTNConfig has no half range");
  if (*format.caution != '\0') {
    notes.lines.push_back(what + ": " + format.name + " is " + format.caution);
  }
}

}  // namespace

Json neuralCompressorConfig(const TuningPlan& plan, const std::vector<TensorInfo>& tensors,
                            ExportNotes& notes) {
  addNote(notes, "default", plan.defaultSpec);
  bool quantizesHead = false;
  Json local = Json::object();
  for (const TensorInfo& info : tensors) {
    if (!info.quantizable) continue;
    const std::string module = moduleOf(info.name);
    for (const char* head : {"lm_head", "output_layer", "embed_out"}) {
      if (module == head || module.ends_with(std::string(".") + head)) quantizesHead = true;
    }
    const auto chosen = plan.tensors.find(info.name);
    if (chosen == plan.tensors.end() || chosen->second.spec == plan.defaultSpec) continue;
    local.set(anchoredPattern(module), configOf(chosen->second.spec));
    addNote(notes, info.name, chosen->second.spec);
  }
  Json global = configOf(plan.defaultSpec);
  // Without it the reader leaves the output head in float.
  if (quantizesHead) global.set("quant_lm_head", true);
  return Json::object({{"rtn", Json::object({{"global", global}, {"local", local}})}});
}

}  // namespace quantoscope
