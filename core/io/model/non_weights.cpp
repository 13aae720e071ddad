#include "core/io/model/non_weights.h"

#include <algorithm>

#include "core/io/model/axis_kinds.h"

namespace quantoscope {

namespace {

constexpr const char* kBias = "a bias, not a matrix of weights";
constexpr const char* kMask = "a mask, not weights";
constexpr const char* kPositions = "a buffer of positions, not weights";
constexpr const char* kGain = "a gain or shift of a normalisation, not a matrix of weights";
constexpr const char* kStatistics = "statistics of a normalisation, not weights";
constexpr const char* kSlopes = "slopes of an activation, not a matrix of weights";
constexpr const char* kSpectral = "a vector of spectral normalisation, not weights";
constexpr const char* kQuantizer = "a quantizer's own variable, not weights";

/// A variable's name, or the end of one behind '_'.
struct NameRow {
  std::string_view name;
  const char* reason;
};
constexpr NameRow kNames[] = {
    {"bias", kBias},
    {"biases", kBias},
    {"mask", kMask},
    {"tril", kMask},
    {"inv_freq", kPositions},
    {"cos_cached", kPositions},
    {"sin_cached", kPositions},
    {"freqs_cos", kPositions},
    {"freqs_sin", kPositions},
    {"freqs_cis", kPositions},
    {"relative_coords_table", kPositions},
    {"relative_position_index", kPositions},
    {"position_ids", kPositions},
    {"gamma", kGain},
    {"beta", kGain},
    {"moving_mean", kStatistics},
    {"moving_variance", kStatistics},
    {"moving_var", kStatistics},
    {"running_mean", kStatistics},
    {"running_var", kStatistics},
    {"running_std", kStatistics},
    {"alpha", kSlopes},
    {"alphas", kSlopes},
    {"weight_u", kSpectral},
    {"vector_u", kSpectral},
    {"sn_u", kSpectral},
    {"kernel_u", kSpectral},
    {"amax", kQuantizer},
    {"kernel_min", kQuantizer},
    {"kernel_max", kQuantizer},
    {"activation_min", kQuantizer},
    {"activation_max", kQuantizer},
};

/// Names that say it only as a whole: the end of a longer one may mean anything.
constexpr NameRow kWholeNames[] = {
    {"pe", kPositions},       {"freqs", kPositions},   {"rope", kPositions},
    {"mean", kStatistics},    {"var", kStatistics},    {"variance", kStatistics},
    {"_u", kSpectral},        {"_v", kSpectral},       {"masked_bias", kMask},
    {"pos_bias_u", kBias},    {"pos_bias_v", kBias},   {"relative_position_bias_table", kBias},
    {"min_val", kQuantizer},  {"max_val", kQuantizer}, {"min_vals", kQuantizer},
    {"max_vals", kQuantizer},
};

bool endsInName(std::string_view variable, std::string_view name) {
  if (!variable.ends_with(name)) return false;
  return variable.size() == name.size() || variable[variable.size() - name.size() - 1] == '_';
}

const char* reasonByName(std::string_view variable) {
  for (const NameRow& row : kWholeNames) {
    if (variable == row.name) return row.reason;
  }
  // Where a name occurs twice Keras 1 and h5py number it: "conv1_b_1".
  const std::size_t underscore = variable.rfind('_');
  if (underscore != std::string_view::npos && isDigits(variable.substr(underscore + 1))) {
    variable = variable.substr(0, underscore);
  }
  for (const NameRow& row : kNames) {
    if (endsInName(variable, row.name)) return row.reason;
  }
  return nullptr;
}

/// "b" and "b1" are biases where there is a "W" and "W1", or "w" and "w1".
bool isShortBias(const ArrayIndex& index, const StoredArray& array) {
  const ArrayName& name = index.nameOf(array);
  for (const std::string_view word : words(name.variable)) {
    if (word.empty() || word.front() != 'b') continue;
    if (word.size() > 1 && !isDigits(word.substr(1))) continue;
    for (const char* kernel : {"W", "w", "kernel", "weight", "weights"}) {
      const auto at = static_cast<std::size_t>(word.data() - name.variable.data());
      std::string other(name.variable.substr(0, at));
      other += kernel;
      other += name.variable.substr(at + 1);
      if (index.sibling(name, other)) return true;
    }
  }
  return false;
}

/// [1, 1, n, n] beside attention's weights is GPT-2's mask, though it is called a bias.
bool isCausalMask(const StoredArray& array) {
  const std::size_t rank = array.shape.size();
  return rank >= 3 && array.shape[rank - 1] > 1 && array.shape[rank - 1] == array.shape[rank - 2] &&
         std::all_of(array.shape.begin(), array.shape.end() - 2,
                     [](std::uint64_t side) { return side == 1; });
}

bool isNormName(std::string_view own) {
  std::string name = folded(own);
  name.resize(name.find_last_not_of("0123456789") + 1);
  return name.ends_with("layernorm") || name.ends_with("batchnorm") ||
         name.ends_with("groupnorm") || name.ends_with("rmsnorm") ||
         name.ends_with("instancenorm") || name == "norm" || name == "ln" || name == "bn" ||
         name == "qnorm" || name == "knorm" || name == "lnf" || name.ends_with("normalization");
}

bool isQuantizerName(std::string_view own) {
  const std::string name = folded(own);
  return name.ends_with("fakequant") || name.ends_with("observer") ||
         name.ends_with("activationpostprocess") || name.ends_with("inputquantizer") ||
         name.ends_with("weightquantizer") || name.ends_with("quantizelayer");
}

bool isBiasTable(std::string_view own) {
  return isOneOf(own, {"relative_attention_bias", "relative_position_bias", "position_bias",
                       "relative_bias", "rel_pos_bias"});
}

/// A numbered variable: the class of the layer tells the bias of a kernel.
const char* reasonByNumber(const StoredArray& array, const ArrayIndex& index,
                           const LayerClasses& classes) {
  const ArrayName& name = index.nameOf(array);
  const std::string layer = folded(name.own);
  const std::string given = classes.nameOf(name.layer);
  const std::string className = folded(classes.of(name).className);
  if (className == "prelu" || layer.starts_with("prelu")) return kSlopes;
  if (layer.starts_with("spectralnormalization")) return kSpectral;
  if (className.ends_with("normalization")) return kGain;
  // A recurrent cell's variables are kernel, recurrent kernel, bias.
  const bool inCell = layer.ends_with("cell") && name.variable != "0" && name.variable != "1";
  if (inCell && array.shape.size() <= 2) return kBias;
  if (name.variable != "1") return nullptr;
  const StoredArray* kernel = index.sibling(name, "0");
  const bool einsum = className.ends_with("dense") || layer.ends_with("dense") ||
                      attentionRoleOf(name.own) != AttentionRole::None ||
                      attentionRoleOf(given) != AttentionRole::None ||
                      given.starts_with("einsum_dense");
  if (!kernel || !einsum || kernel->shape.size() <= array.shape.size()) return nullptr;
  // What the kernel adds to: the last of its axes, or in Gemma's order all but the inputs.
  const std::size_t rank = kernel->shape.size();
  const auto tail = kernel->shape.end() - static_cast<std::ptrdiff_t>(array.shape.size());
  const bool trailing = std::equal(tail, kernel->shape.end(), array.shape.begin());
  const bool first = array.shape.size() == 2 && rank == 3 && array.shape[0] == kernel->shape[0] &&
                     array.shape[1] == kernel->shape[2];
  return trailing || first ? kBias : nullptr;
}

}  // namespace

std::string reasonNoWeight(const StoredArray& array, const ArrayIndex& index,
                           const LayerClasses& classes, bool keras) {
  const ArrayName& name = index.nameOf(array);
  if (name.numbered) {
    const char* reason = reasonByNumber(array, index, classes);
    return reason ? reason : "";
  }
  if (isCausalMask(array) && endsInName(name.variable, "bias")) return kMask;
  if (const char* reason = reasonByName(name.variable)) return reason;
  if (isShortBias(index, array)) return kBias;
  if (isBiasTable(name.own)) return kBias;
  if (isQuantizerName(name.own)) return kQuantizer;
  if (name.variable == "u" && (index.sibling(name, "kernel") || index.sibling(name, "w") ||
                               index.sibling(name, "weight"))) {
    return kSpectral;
  }
  const bool vectorOfNorm = name.variable == "weight_v" && index.sibling(name, "weight_u");
  if (vectorOfNorm) return kSpectral;
  const auto longer = std::count_if(array.shape.begin(), array.shape.end(),
                                    [](std::uint64_t side) { return side != 1; });
  if (longer <= 1 && isOneOf(name.variable, {"weight_g", "original0"})) return kGain;
  if (name.variable == "weight_mask") return kMask;

  const std::string className = keras ? folded(classes.of(name).className) : std::string();
  if (className == "prelu") return kSlopes;
  if (className.ends_with("normalization") && !isKernelName(name.variable)) return kGain;
  if (isOneOf(name.variable, {"weight", "scale", "g"})) {
    const StoredArray* bias = index.sibling(name, "bias");
    if (bias && bias->shape == array.shape) return kGain;
    if (!bias && isNormName(name.own)) return kGain;
  }
  return {};
}

}  // namespace quantoscope
