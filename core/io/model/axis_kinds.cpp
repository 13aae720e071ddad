#include "core/io/model/axis_kinds.h"

#include <algorithm>
#include <utility>

namespace quantoscope {

namespace {

/// The axes in `first`, then the others in their order.
AxisMap startingWith(std::vector<int> first, std::size_t rank, std::size_t rowAxes) {
  AxisMap map;
  map.order = std::move(first);
  for (int axis = 0; axis < static_cast<int>(rank); ++axis) {
    if (std::find(map.order.begin(), map.order.end(), axis) == map.order.end()) {
      map.order.push_back(axis);
    }
  }
  map.rowAxes = static_cast<int>(rowAxes);
  return map;
}

std::vector<int> allBut(int left, std::size_t rank) {
  std::vector<int> axes;
  for (int axis = 0; axis < static_cast<int>(rank); ++axis) {
    if (axis != left) axes.push_back(axis);
  }
  return axes;
}

std::string_view withoutNumber(std::string_view text) {
  return text.substr(0, text.find_last_not_of("0123456789") + 1);
}

/// "conv2d" of "conv2dtranspose": what stands between a prefix, a digit and 'd', and the end.
bool isConvolution(std::string_view name, std::string_view prefix, std::string_view end) {
  if (!name.starts_with(prefix) || !name.ends_with(end)) return false;
  name.remove_prefix(prefix.size());
  if (name.size() < end.size()) return false;
  name.remove_suffix(end.size());
  return name == "1d" || name == "2d" || name == "3d";
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The table of an embedding is [vocabulary, size]; a dense layer called so is not.
bool isEmbeddingName(std::string_view own, std::string_view foldedOwn) {
  if (isOneOf(foldedOwn, {"wte", "wpe", "shared", "tokensembed", "positionsembed"})) return true;
  if (!contains(foldedOwn, "embed")) return false;
  const auto said = words(own);
  return std::none_of(said.begin(), said.end(), [](std::string_view word) {
    return isOneOf(word, {"dense", "linear", "proj", "projection", "conv", "mlp", "fc", "kernel"});
  });
}

}  // namespace

AxisMap axesOf(AxisKind kind, std::size_t rank) {
  const int last = static_cast<int>(rank) - 1;
  switch (kind) {
    case AxisKind::AsStored:
      return AxisMap::rows(rank);
    case AxisKind::InOut:
      return AxisMap::columns(rank);
    case AxisKind::Second:
      return startingWith({1, 0}, rank, 1);
    case AxisKind::LastButOne:
      return startingWith({last - 1, last}, rank, 1);
    case AxisKind::Depthwise:
      return startingWith({last - 1, last}, rank, 2);
    case AxisKind::HeadsAfter:
      return startingWith(allBut(0, rank), rank, rank - 1);
    case AxisKind::HeadsFirst:
      return startingWith(allBut(last - 1, rank), rank, rank - 1);
    case AxisKind::HeadsIn:
      return startingWith({last}, rank, 1);
    case AxisKind::LeadingOut:
      return startingWith({}, rank, rank - 1);
  }
  return AxisMap::rows(rank);
}

const char* storedAs(AxisKind kind) {
  switch (kind) {
    case AxisKind::AsStored:
      return "[out, in, ...]";
    case AxisKind::InOut:
      return "[..., in, out]";
    case AxisKind::Second:
      return "[in, out, ...]";
    case AxisKind::LastButOne:
      return "[..., out, in]";
    case AxisKind::Depthwise:
      return "[..., in, multiplier]";
    case AxisKind::HeadsAfter:
      return "[in, heads, size]";
    case AxisKind::HeadsFirst:
      return "[heads, in, size]";
    case AxisKind::HeadsIn:
      return "[heads, size, out]";
    case AxisKind::LeadingOut:
      return "[..., out, in]";
  }
  return "";
}

std::optional<AxisKind> kindOfClass(std::string_view className, std::string_view variable,
                                    std::size_t rank) {
  const std::string name = folded(className);
  if (isConvolution(name, "conv", "transpose") || isConvolution(name, "convolution", "transpose") ||
      isConvolution(name, "deconvolution", "")) {
    return rank > 2 ? AxisKind::LastButOne : AxisKind::InOut;
  }
  if (isConvolution(name, "depthwiseconv", "") && rank > 2) return AxisKind::Depthwise;
  if (isConvolution(name, "separableconv", "") || isConvolution(name, "separableconvolution", "")) {
    const bool depthwise = variable == "0" || variable == "depthwise_kernel";
    return depthwise && rank > 2 ? AxisKind::Depthwise : AxisKind::InOut;
  }
  if (name == "embedding" && rank == 2) return AxisKind::AsStored;
  const bool plain =
      isConvolution(name, "conv", "") || isConvolution(name, "convolution", "") ||
      isConvolution(name, "atrousconvolution", "") || isConvolution(name, "convlstm", "") ||
      isOneOf(name, {"dense", "lstm", "gru", "simplernn", "lstmcell", "grucell", "simplernncell",
                     "cudnnlstm", "cudnngru", "timedistributeddense"});
  return plain ? std::optional(AxisKind::InOut) : std::nullopt;
}

std::optional<AxisKind> kindOfName(std::string_view own, std::string_view variable,
                                   std::size_t rank, AxisFamily family) {
  const std::string layer = folded(own);
  if (family != AxisFamily::PyTorch) {
    if (variable == "embeddings" && rank == 2) return AxisKind::AsStored;
    if (variable == "reverse_embeddings" && rank == 2) return AxisKind::InOut;
    if (variable.ends_with("depthwise_kernel") && rank > 2) return AxisKind::Depthwise;
    if (variable.ends_with("pointwise_kernel")) return AxisKind::InOut;
    if (rank == 2 && !isKernelName(variable) && isEmbeddingName(own, layer)) {
      return AxisKind::AsStored;
    }
    if (rank > 2 && contains(layer, "depthwise")) return AxisKind::Depthwise;
    if (rank > 2 && contains(layer, "separable") && variable == "0") return AxisKind::Depthwise;
  }
  if (rank > 2 && (contains(layer, "transpose") || contains(layer, "deconv"))) {
    return family == AxisFamily::Keras ? AxisKind::LastButOne : AxisKind::Second;
  }
  return std::nullopt;
}

AttentionRole attentionRoleOf(std::string_view own) {
  const std::string text = folded(own);
  const std::string_view name = withoutNumber(text);
  if (isOneOf(name,
              {"query",     "key", "value",     "querydense", "keydense", "valuedense", "q",
               "k",         "v",   "qproj",     "kproj",      "vproj",    "qeinsum",    "kveinsum",
               "qkveinsum", "qkv", "gatedense", "queryproj",  "keyproj",  "valueproj"})) {
    return AttentionRole::Input;
  }
  if (isOneOf(name, {"attentionoutput", "attentionoutputdense", "outputdense", "out", "outproj",
                     "oproj", "o", "output", "outputproj", "attnvec", "attnveceinsum"})) {
    return AttentionRole::Output;
  }
  return AttentionRole::None;
}

bool isKeras1Kernel(std::string_view name) {
  if (name.starts_with("param_")) return true;
  const std::size_t underscore = name.rfind('_');
  if (underscore != std::string_view::npos && isDigits(name.substr(underscore + 1))) {
    name = name.substr(0, underscore);
  }
  return name == "W" || name.ends_with("_W");
}

}  // namespace quantoscope
