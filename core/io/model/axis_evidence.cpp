#include "core/io/model/axis_evidence.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/text.h"

namespace quantoscope {

namespace {

using Shape = std::vector<std::uint64_t>;

std::uint64_t productOf(const Shape& shape, const AxisMap& axes) {
  std::uint64_t rows = 1;
  for (int i = 0; i < axes.rowAxes; ++i) {
    rows *= shape[static_cast<std::size_t>(axes.order[static_cast<std::size_t>(i)])];
  }
  return rows;
}

/// Axes of side 1 do not count: [3, 3, 8, 1] is the same for depthwise and transposed kernels.
std::pair<std::vector<int>, std::vector<int>> longAxes(const Shape& shape, const AxisMap& axes) {
  std::pair<std::vector<int>, std::vector<int>> sides;
  for (std::size_t i = 0; i < axes.order.size(); ++i) {
    if (shape[static_cast<std::size_t>(axes.order[i])] == 1) continue;
    (static_cast<int>(i) < axes.rowAxes ? sides.first : sides.second).push_back(axes.order[i]);
  }
  return sides;
}

bool sameRows(const Shape& shape, const AxisMap& a, const AxisMap& b) {
  return longAxes(shape, a).first == longAxes(shape, b).first;
}

/// Without its sides of 1.
Shape longSides(const Shape& shape) {
  Shape sides;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(sides),
               [](std::uint64_t side) { return side != 1; });
  return sides;
}

/// Whether a bias of this shape has an element for each output channel, or, of recurrent layers
/// (two sets of biases), two.
bool fits(const Shape& bias, const Shape& kernel, const AxisMap& axes, bool recurrent) {
  const Shape sides = longSides(bias);
  const std::uint64_t rows = productOf(kernel, axes);
  if (sides.size() > 1 && !(sides.size() == 2 && sides[0] == 2 && sides[1] == rows)) {
    Shape outputs;
    for (const int axis : longAxes(kernel, axes).first) {
      outputs.push_back(kernel[static_cast<std::size_t>(axis)]);
    }
    return outputs == sides;
  }
  std::uint64_t length = 1;
  for (const std::uint64_t side : sides) length *= side;
  if (sides.size() == 2) length = sides[1];
  return length == rows || (recurrent && length == 2 * rows);
}

bool isWeak(AxisEvidence evidence) {
  return evidence == AxisEvidence::Name || evidence == AxisEvidence::Format;
}

/// Layers of GPT-1, GPT-2 and their relatives, and of others that use ordinary linear layers.
bool isConv1DName(std::string_view own) {
  return isOneOf(own, {"c_attn", "c_proj", "c_fc", "q_attn"});
}

bool isRouterName(std::string_view own) {
  const std::string name = folded(own);
  return isOneOf(name, {"router", "gate", "wg", "gating", "gatelinear", "routerdense"}) ||
         name.ends_with("feedforwardgatedense") || name.ends_with("router");
}

/// Whether a component of the path says experts: "experts", "moe_experts", "expert_bank". A number
/// behind it is one expert among others, no stack.
bool saysExperts(std::string_view path) {
  constexpr std::string_view kWord = "expert";
  const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (std::size_t at = path.find("xpert"); at != std::string_view::npos;
       at = path.find("xpert", at + 1)) {
    if (at == 0 || (path[at - 1] != 'e' && path[at - 1] != 'E')) continue;
    const std::size_t begin = at - 1;
    std::size_t end = begin + kWord.size();
    if (end < path.size() && path[end] == 's') ++end;
    const bool begins = begin == 0 || !isLetter(path[begin - 1]) || path[begin] == 'E';
    if (!begins || (end < path.size() && isLetter(path[end]))) continue;
    const std::size_t stop = path.find_first_of("/.+\\", end);
    if (stop == std::string_view::npos) return true;
    const std::string_view next =
        path.substr(stop + 1, path.find_first_of("/.+\\", stop + 1) - stop - 1);
    if (!isDigits(next) || lastComponent(path.substr(0, stop)) == "vars") return true;
  }
  return false;
}

/// Two layers of a feed-forward block, by the names that models give them.
constexpr std::array<std::string_view, 19> kUpNames = {"gate_up_proj", "gate_and_up_proj",
                                                       "gate_up",      "w13",
                                                       "input_linear", "wi",
                                                       "up_proj",      "gate_proj",
                                                       "up",           "gate",
                                                       "w1",           "w3",
                                                       "v1",           "wi_0",
                                                       "wi_1",         "fc1",
                                                       "c_fc",         "gate_and_up_projs",
                                                       "dense_h_to_4h"};
constexpr std::array<std::string_view, 10> kDownNames = {
    "down_proj", "down",   "w2",         "output_linear", "wo",
    "fc2",       "c_proj", "down_projs", "linear_fc2",    "dense_4h_to_h"};

template <std::size_t N>
bool isAmong(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The half of a feed-forward block beside another, and which of them `first` is.
struct FeedForward {
  const StoredArray* up = nullptr;
  const StoredArray* down = nullptr;
};

FeedForward feedForwardOf(const ArrayIndex& index, const StoredArray& array) {
  const ArrayName& name = index.nameOf(array);
  if (name.numbered) {
    const StoredArray* last = index.sibling(name, "2");
    if (!last) last = index.sibling(name, "1");
    const StoredArray* first = index.sibling(name, "0");
    return {&array == last ? first : &array, last};
  }
  const bool own = isAmong(name.own, kUpNames) || isAmong(name.own, kDownNames);
  const std::string_view said = own ? name.own : name.variable;
  const auto partner = [&](const auto& names) -> const StoredArray* {
    const auto at = static_cast<std::size_t>(said.data() - name.path.data());
    for (const std::string_view other : names) {
      std::string path(name.path.substr(0, at));
      path += other;
      const std::string_view end = name.variable.substr(name.variable.size());
      path += name.path.substr(at + said.size(),
                               static_cast<std::size_t>(end.data() - said.data()) - said.size());
      if (const StoredArray* found = index.at(path)) return found;
    }
    return nullptr;
  };
  if (isAmong(said, kUpNames)) return {&array, partner(kDownNames)};
  if (isAmong(said, kDownNames)) return {partner(kUpNames), &array};
  return {};
}

}  // namespace

/// What is known of one array when its axes are asked for.
struct AxisReader::Facts {
  const StoredArray& array;
  const ArrayName& name;
  const Shape& shape;
  std::size_t rank;
  AxisFamily family;
  KerasClass layer;
  std::string given;  ///< the layer's name in a Keras 3 file, which its group does not have
};

namespace {

AxisReading reading(AxisKind kind, std::size_t rank, AxisEvidence evidence, std::string who) {
  return {axesOf(kind, rank), evidence, std::move(who) + ": stored " + storedAs(kind), false};
}

/// "abc,cde->abde" says that c is contracted: the kernel's other axes are output channels.
std::optional<AxisMap> axesOfEquation(const std::string& equation, std::size_t rank) {
  const std::size_t comma = equation.find(',');
  const std::size_t arrow = equation.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || arrow < comma) return {};
  std::string kernel = equation.substr(comma + 1, arrow - comma - 1);
  std::erase_if(kernel, [](char c) { return c == '.' || c == ' '; });
  const std::string output = equation.substr(arrow + 2);
  if (kernel.size() != rank) return {};
  AxisMap axes;
  std::vector<int> inputs;
  for (std::size_t i = 0; i < rank; ++i) {
    const bool kept = output.find(kernel[i]) != std::string::npos;
    (kept ? axes.order : inputs).push_back(static_cast<int>(i));
  }
  if (axes.order.empty()) return {};
  axes.rowAxes = static_cast<int>(axes.order.size());
  axes.order.insert(axes.order.end(), inputs.begin(), inputs.end());
  return axes;
}

}  // namespace

AxisReader::AxisReader(const ArrayIndex& index, const LayerClasses& classes, AxisFamily family,
                       bool hasVersion)
    : index_(index), classes_(classes), family_(family), hasVersion_(hasVersion) {
  const std::vector<StoredArray>& arrays = index.file().arrays;
  for (const StoredArray& array : arrays) notePairs(array);
  readings_.reserve(arrays.size());
  for (const StoredArray& array : arrays) {
    const bool looked = array.shape.size() >= 2 && isUsualName(array.path);
    readings_.push_back(looked ? read(array) : AxisReading{});
  }
  askKin();
}

AxisFamily AxisReader::familyOf(const ArrayName& name) const {
  if (isKernelName(name.variable)) return AxisFamily::Keras;
  if (name.variable == "w" && name.own.ends_with("einsum")) return AxisFamily::Keras;
  return family_;
}

void AxisReader::notePairs(const StoredArray& array) {
  const ArrayName& name = index_.nameOf(array);
  const std::size_t rank = array.shape.size();
  if ((rank != 2 && rank != 3) || !isUsualName(array.path)) return;
  if (familyOf(name) == AxisFamily::Keras && (!name.numbered || name.variable == "0") &&
      attentionRoleOf(name.own) == AttentionRole::Output) {
    outputs_.emplace(name.block, &array);
  }
  if (rank != 2) return;
  if (isRouterName(name.own)) routers_.emplace(name.block, &array);
  const std::string_view outer = lastComponent(name.block);
  if (isRouterName(outer)) routers_.emplace(above(name.block), &array);
  if (width_ == 0 && isOneOf(name.own, {"wte", "tokens_embed"})) width_ = array.shape[1];
}

AxisReading AxisReader::read(const StoredArray& array) const {
  const ArrayName& name = index_.nameOf(array);
  Facts facts{array, name, array.shape, array.shape.size(), familyOf(name), {}, {}};
  if (family_ == AxisFamily::Keras) {
    facts.layer = classes_.of(name);
    if (name.numbered && !isLayerContainer(lastComponent(name.block))) {
      facts.given = classes_.nameOf(name.layer);
    }
  }
  if (isStack(facts)) return stackReading(facts);
  if (!facts.layer.equation.empty()) {
    if (const auto axes = axesOfEquation(facts.layer.equation, facts.rank)) {
      return {*axes, AxisEvidence::Class, "class EinsumDense, equation " + facts.layer.equation,
              false};
    }
  }
  auto found = byPair(facts);
  if (!found) found = byClass(facts);
  if (!found) found = byName(facts);
  return heldAgainstBias(facts, found ? std::move(*found) : byFormat(facts));
}

std::optional<AxisReading> AxisReader::byPair(const Facts& facts) const {
  auto found = byAttention(facts);
  if (!found) found = byReverse(facts);
  if (!found) found = byGateUp(facts);
  return found ? found : byWidth(facts);
}

/// The output kernel [heads, size, out] beside a kernel of query, key or value.
std::optional<AxisReading> AxisReader::byAttention(const Facts& facts) const {
  if (facts.rank < 3 || facts.rank > 4 || facts.family != AxisFamily::Keras) return {};
  const auto beside = outputs_.find(facts.name.block);
  if (beside == outputs_.end() || beside->second == &facts.array) return {};
  const Shape& out = beside->second->shape;
  const Shape& own = facts.shape;
  const std::uint64_t width = out.back();
  const std::size_t last = facts.rank - 1;
  const bool split = out.size() == 3;
  const auto suits = [&](std::uint64_t in, std::uint64_t heads) {
    if (in != width || heads == 0) return false;
    if (split) return own[last] == out[1] && out[0] % heads == 0;
    const std::uint64_t outputs = heads * own[last];  // a claim of the file: 0 where it wraps
    return outputs != 0 && out[0] % outputs == 0;
  };
  const bool after = suits(own[0], own[last - 1]);
  const bool first = suits(own[last - 1], own[last - 2]);
  if (after == first) return {};
  return reading(after ? AxisKind::HeadsAfter : AxisKind::HeadsFirst, facts.rank,
                 AxisEvidence::Pair, "the output kernel beside it");
}

std::optional<AxisReading> AxisReader::byReverse(const Facts& facts) const {
  if (facts.rank != 2) return {};
  const bool numbered = facts.name.numbered && facts.name.variable == "1" &&
                        folded(facts.name.own).find("embedding") != std::string::npos;
  if (!numbered && facts.name.variable != "reverse_embeddings") return {};
  const StoredArray* forward = index_.sibling(facts.name, numbered ? "0" : "embeddings");
  if (!forward || forward->shape != Shape{facts.shape[1], facts.shape[0]}) return {};
  return reading(AxisKind::InOut, 2, AxisEvidence::Pair, "the reverse of the embedding beside it");
}

/// gate_up is twice as wide as down is deep.
std::optional<AxisReading> AxisReader::byGateUp(const Facts& facts) const {
  if (facts.rank != 2 || facts.name.numbered) return {};
  if (facts.name.variable == "w2" && saysExperts(facts.name.path)) {  // all experts in one matrix
    const StoredArray* first = index_.sibling(facts.name, "w1");
    const StoredArray* third = index_.sibling(facts.name, "v1");
    if (first && third && first->shape == facts.shape && third->shape == facts.shape) {
      return reading(AxisKind::InOut, 2, AxisEvidence::Pair, "w1 and v1 of the same shape");
    }
  }
  const FeedForward both = feedForwardOf(index_, facts.array);
  if (!both.up || !both.down || both.up->shape.size() != 2 || both.down->shape.size() != 2)
    return {};
  const Shape& up = both.up->shape;
  const Shape& down = both.down->shape;
  const bool inOut = up[0] == down[1] && up[1] == 2 * down[0];
  const bool outIn = up[1] == down[0] && up[0] == 2 * down[1];
  if (inOut == outIn) return {};
  return reading(inOut ? AxisKind::InOut : AxisKind::AsStored, 2, AxisEvidence::Pair,
                 "gate_up and down beside each other");
}

/// Conv1D or an ordinary layer? The one that is not square takes the width of the model.
std::optional<AxisReading> AxisReader::byWidth(const Facts& facts) const {
  if (facts.rank != 2 || facts.family == AxisFamily::Keras) return {};
  if (!isOneOf(facts.name.own, {"c_attn", "c_fc"}) || facts.name.variable != "weight") return {};
  std::uint64_t width = width_;
  std::string path(facts.name.block);
  path += facts.name.path[facts.name.layer.size()];
  const StoredArray* square =
      facts.name.block.empty() ? nullptr : index_.at(path + "c_proj" + path.back() + "weight");
  if (square && square->shape.size() == 2 && square->shape[0] == square->shape[1]) {
    width = square->shape[0];
  }
  const bool inOut = facts.shape[0] == width;
  const bool outIn = facts.shape[1] == width;
  if (inOut == outIn) return {};
  return reading(inOut ? AxisKind::InOut : AxisKind::AsStored, 2, AxisEvidence::Pair,
                 "the model is " + std::to_string(width) + " wide");
}

std::optional<AxisReading> AxisReader::byClass(const Facts& facts) const {
  if (isKeras1Kernel(facts.name.variable) && facts.rank > 2) return {};
  const auto kind = kindOfClass(facts.layer.className, facts.name.variable, facts.rank);
  if (!kind) return {};
  return reading(*kind, facts.rank, AxisEvidence::Class, "class " + facts.layer.className);
}

std::optional<AxisReading> AxisReader::byName(const Facts& facts) const {
  const std::string_view own = facts.name.own;
  // Flax' transposed convolutions are [..., in, out] unless they are asked to be otherwise.
  const bool flax = family_ != AxisFamily::Keras && own.starts_with("ConvTranspose");
  std::optional<AxisKind> kind;
  std::string said(own);
  if (!flax && facts.name.numbered && !facts.given.empty()) {
    kind = kindOfName(facts.given, facts.name.variable, facts.rank, facts.family);
    if (kind) said = facts.given;
  }
  if (!flax && !kind) kind = kindOfName(own, facts.name.variable, facts.rank, facts.family);
  if (!kind && facts.rank >= 3 && facts.family == AxisFamily::Keras) {
    AttentionRole role = attentionRoleOf(own);
    if (role == AttentionRole::None && !facts.given.empty()) role = attentionRoleOf(facts.given);
    const bool kernel = isKernelName(facts.name.variable) || facts.name.variable == "0" ||
                        facts.name.variable == "w";
    const bool gate = folded(own).find("gate") != std::string::npos;
    const bool einsum = own.ends_with("einsum");
    if (kernel && role == AttentionRole::Input && !gate) {
      kind = einsum ? AxisKind::HeadsFirst : AxisKind::HeadsAfter;
    }
    if (kernel && role == AttentionRole::Output && facts.rank == 3) kind = AxisKind::HeadsIn;
  }
  if (!kind) return {};
  if (said.empty()) said = std::string(facts.name.variable);
  return reading(*kind, facts.rank, AxisEvidence::Name,
                 "name " + said + ", variable " + std::string(facts.name.variable));
}

AxisReading AxisReader::byFormat(const Facts& facts) const {
  if (facts.family == AxisFamily::Keras && facts.rank >= 4 && isKeras1Kernel(facts.name.variable)) {
    return byKeras1(facts);
  }
  if (facts.family == AxisFamily::Keras) {
    return reading(AxisKind::InOut, facts.rank, AxisEvidence::Format, "kernels as Keras has them");
  }
  return reading(
      AxisKind::AsStored, facts.rank, AxisEvidence::Format,
      family_ == AxisFamily::PyTorch ? "weights as PyTorch has them" : "nothing says otherwise");
}

/// Theano's [out, in, kh, kw] or TensorFlow's [kh, kw, in, out]? The file's word counts; a file
/// of a time before versions were written is Theano's; else the window is the smaller pair.
AxisReading AxisReader::byKeras1(const Facts& facts) const {
  if (!facts.layer.dimOrdering.empty()) {
    return reading(facts.layer.dimOrdering == "th" ? AxisKind::AsStored : AxisKind::InOut,
                   facts.rank, AxisEvidence::Class,
                   "dim_ordering " + facts.layer.dimOrdering + " of its layer");
  }
  const Shape& shape = facts.shape;
  const bool theano = !hasVersion_ || shape[0] * shape[1] >= shape[facts.rank - 2] * shape.back();
  return reading(theano ? AxisKind::AsStored : AxisKind::InOut, facts.rank, AxisEvidence::Format,
                 theano ? "kernels as Theano has them" : "kernels as TensorFlow has them");
}

AxisReading AxisReader::heldAgainstBias(const Facts& facts, AxisReading answer) const {
  const StoredArray* bias = index_.biasOf(facts.array);
  const bool norm = !bias && facts.rank >= 3 && facts.family != AxisFamily::Keras;
  if (norm) bias = normBehind(facts.array);
  if (!bias || elementsOf(*bias) == 0) return answer;

  std::vector<AxisKind> kinds;
  if (facts.family == AxisFamily::Keras) {
    kinds = {AxisKind::InOut};
    const bool keras1 = isKeras1Kernel(facts.name.variable);
    const bool table = sameRows(facts.shape, answer.axes, AxisMap::rows(facts.rank));
    if (facts.rank == 2 && (!facts.name.numbered || table)) kinds.push_back(AxisKind::AsStored);
    const bool attention =
        facts.rank == 3 &&
        (attentionRoleOf(facts.name.own) != AttentionRole::None ||
         attentionRoleOf(facts.given) != AttentionRole::None || longSides(bias->shape).size() > 1);
    if (attention) {
      const bool output = attentionRoleOf(facts.name.own) == AttentionRole::Output ||
                          attentionRoleOf(facts.given) == AttentionRole::Output;
      kinds = {output ? AxisKind::HeadsIn : AxisKind::InOut, AxisKind::HeadsAfter,
               AxisKind::HeadsFirst};
    } else if (facts.rank > 2) {
      kinds.insert(kinds.end(), {AxisKind::LastButOne, AxisKind::Depthwise});
      if (keras1) kinds.insert(kinds.end(), {AxisKind::AsStored, AxisKind::Second});
    }
  } else {
    kinds = {AxisKind::AsStored, AxisKind::InOut};
    if (facts.rank > 2) kinds.insert(kinds.end(), {AxisKind::Second, AxisKind::LastButOne});
  }

  const bool recurrent =
      index_.sibling(facts.name, "recurrent_kernel") || facts.name.own.ends_with("cell") ||
      facts.layer.className.ends_with("LSTM") || facts.layer.className.ends_with("GRU");
  std::vector<AxisKind> fitting;  // those with the same output channels once
  for (const AxisKind kind : kinds) {
    const AxisMap axes = axesOf(kind, facts.rank);
    if (!fits(bias->shape, facts.shape, axes, recurrent)) continue;
    const bool known = std::any_of(fitting.begin(), fitting.end(), [&](AxisKind other) {
      return sameRows(facts.shape, axes, axesOf(other, facts.rank));
    });
    if (!known) fitting.push_back(kind);
  }
  const std::string what = std::string(norm ? "the normalisation behind it" : "its bias") +
                           " has " + std::to_string(elementsOf(*bias)) + " elements";
  const bool agrees = fits(bias->shape, facts.shape, answer.axes, recurrent);
  if (agrees) {
    const bool alone = std::all_of(fitting.begin(), fitting.end(), [&](AxisKind kind) {
      return sameRows(facts.shape, answer.axes, axesOf(kind, facts.rank));
    });
    if (isWeak(answer.evidence) && alone) {
      answer.evidence = AxisEvidence::Bias;
      answer.because = what + ", as many as output channels (" + answer.because + ")";
    }
    return answer;
  }
  if (!fitting.empty()) {
    const std::string before = std::move(answer.because);
    const bool said = answer.evidence != AxisEvidence::Format;
    // Where several fit, the usual one; others of its kind in the file may know better.
    const bool certain = fitting.size() == 1;
    answer =
        reading(fitting.front(), facts.rank, certain ? AxisEvidence::Bias : AxisEvidence::Format,
                certain ? what : what + ", which is not all that they may be");
    if (said) answer.because += " (against: " + before + ")";
    return answer;
  }
  // Transposed in groups: [in, out / groups, k...].
  const std::uint64_t length = elementsOf(*bias);
  const bool grouped = fitting.empty() && !norm && facts.family != AxisFamily::Keras &&
                       facts.rank > 2 && facts.shape[1] != 0 && length % facts.shape[1] == 0 &&
                       length > facts.shape[1] && facts.shape[0] % (length / facts.shape[1]) == 0;
  if (grouped) answer = reading(AxisKind::Second, facts.rank, AxisEvidence::Bias, what);
  return answer;
}

/// In a list of layers: the batch normalisation at the next place, which has an element for each
/// output channel of the convolution before it.
const StoredArray* AxisReader::normBehind(const StoredArray& array) const {
  const ArrayName& name = index_.nameOf(array);
  const auto place = parseInteger(lastComponent(name.layer));
  if (!place || name.block.empty() || name.path.size() <= name.layer.size()) return nullptr;
  const char separator = name.path[name.layer.size()];
  std::string path(name.layer.substr(0, name.block.size() + 1));
  path += std::to_string(*place + 1) + separator + "running_mean";
  const StoredArray* mean = index_.at(path);
  return mean && mean->shape.size() == 1 ? mean : nullptr;
}

bool AxisReader::isStack(const Facts& facts) const {
  if (facts.rank < 3) return false;
  if (saysExperts(facts.name.path)) return true;
  if (facts.rank != 3 || !widthBeside(facts.name, facts.shape[0])) return false;
  const FeedForward both = feedForwardOf(index_, facts.array);
  return both.up && both.down && both.up->shape.size() == 3 && both.down->shape.size() == 3 &&
         both.up != both.down && both.up->shape[0] == both.down->shape[0];
}

/// The width of the model, by the router of so many experts in the same block or around it.
std::optional<std::uint64_t> AxisReader::widthBeside(const ArrayName& name,
                                                     std::uint64_t experts) const {
  if (routers_.empty()) return {};
  constexpr int kLevels = 3;
  constexpr int kMostRouters = 8;  // a block has one
  std::string_view block = name.layer;
  for (int level = 0; level < kLevels && !block.empty(); ++level, block = above(block)) {
    const auto [begin, end] = routers_.equal_range(block);
    int seen = 0;
    for (auto router = begin; router != end && seen < kMostRouters; ++router, ++seen) {
      const Shape& sides = router->second->shape;
      if (sides[0] == experts && sides[1] != experts) return sides[1];
      if (sides[1] == experts && sides[0] != experts) return sides[0];
    }
  }
  return {};
}

AxisReading AxisReader::stackReading(const Facts& facts) const {
  const std::uint64_t x = facts.shape[facts.rank - 2];
  const std::uint64_t y = facts.shape[facts.rank - 1];
  const auto answer = [&](bool inOut, AxisEvidence evidence, const std::string& who) {
    const AxisKind kind = inOut ? AxisKind::HeadsFirst : AxisKind::LeadingOut;
    return AxisReading{axesOf(kind, facts.rank), evidence,
                       who + ": each matrix stored " + (inOut ? "[in, out]" : "[out, in]"),
                       facts.rank == 3};
  };
  if (const StoredArray* bias = index_.biasOf(facts.array);
      bias && bias->shape.size() >= 2 && bias->shape.front() == facts.shape.front()) {
    const std::uint64_t outputs = bias->shape.back();
    if ((outputs == y) != (outputs == x)) {
      return answer(outputs == y, AxisEvidence::Bias,
                    "its biases have " + std::to_string(outputs) + " elements");
    }
  }
  const FeedForward both = feedForwardOf(index_, facts.array);
  const bool isUp = both.up == &facts.array;
  const bool paired = both.up && both.down && both.up != both.down &&
                      both.up->shape.size() == facts.rank && both.down->shape.size() == facts.rank;
  if (paired) {
    const std::uint64_t u = both.down->shape[facts.rank - 2];
    const std::uint64_t v = both.down->shape[facts.rank - 1];
    const std::uint64_t a = both.up->shape[facts.rank - 2];
    const std::uint64_t b = both.up->shape[facts.rank - 1];
    const bool inOut = a == v && b == 2 * u;
    const bool outIn = b == u && a == 2 * v;
    if (inOut != outIn) {
      return answer(inOut, AxisEvidence::Pair, "gate_up and down beside each other");
    }
  }
  const auto width = widthBeside(facts.name, facts.shape[0]);
  if (width && (both.up == &facts.array || both.down == &facts.array) && x != y &&
      (x == *width) != (y == *width)) {
    return answer((x == *width) == isUp, AxisEvidence::Pair,
                  "the router beside it takes " + std::to_string(*width) + " inputs");
  }
  return answer(
      facts.family == AxisFamily::Keras, AxisEvidence::Format,
      facts.family == AxisFamily::Keras ? "as Keras has kernels" : "as PyTorch has weights");
}

std::string AxisReader::kinKey(const StoredArray& array) const {
  const ArrayName& name = index_.nameOf(array);
  if (isConv1DName(name.own)) return "c_attn\n" + std::to_string(array.shape.size());
  std::string key(name.own);
  const std::size_t underscore = key.rfind('_');
  if (underscore != std::string::npos && isDigits(std::string_view(key).substr(underscore + 1))) {
    key.resize(underscore);
  }
  const std::string_view place = lastComponent(name.layer);
  if (isDigits(place)) (key += '.') += place;
  ((key += '\n') += name.variable) += '\n';
  return key + std::to_string(array.shape.size());
}

bool AxisReader::contradictsBias(const StoredArray& array, const AxisMap& axes) const {
  const StoredArray* bias = index_.biasOf(array);
  return bias && elementsOf(*bias) != 0 && !fits(bias->shape, array.shape, axes, true);
}

void AxisReader::askKin() {
  const std::vector<StoredArray>& arrays = index_.file().arrays;
  const auto firstPart = [&](const StoredArray& array) {
    const std::string_view path = index_.nameOf(array).path;
    return std::string(path.substr(0, path.find_first_of("/.+\\"))) + '\n';
  };
  std::unordered_map<std::string, Kin> kin;
  const auto note = [&](const std::string& key, const AxisReading& told) {
    const auto [place, isNew] = kin.emplace(key, Kin{told, false});
    if (!isNew && place->second.reading.axes != told.axes) place->second.differ = true;
  };
  bool anyWeak = false;
  for (const AxisReading& answer : readings_) anyWeak = anyWeak || isWeak(answer.evidence);
  if (!anyWeak) return;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const AxisReading& told = readings_[i];
    if (told.evidence != AxisEvidence::Bias && told.evidence != AxisEvidence::Pair) continue;
    const std::string key = kinKey(arrays[i]);
    note(key, told);
    note(firstPart(arrays[i]) + key, told);
  }
  if (kin.empty()) return;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    AxisReading& own = readings_[i];
    if (arrays[i].shape.size() < 2 || !isWeak(own.evidence)) continue;
    const std::string key = kinKey(arrays[i]);
    auto like = kin.find(firstPart(arrays[i]) + key);
    if (like == kin.end()) like = kin.find(key);
    if (like == kin.end() || like->second.differ || like->second.reading.stack != own.stack)
      continue;
    const AxisReading& told = like->second.reading;
    if (told.axes != own.axes && !own.stack && contradictsBias(arrays[i], told.axes)) continue;
    own.axes = told.axes;
    own.evidence = told.evidence;
    own.because = "like others named " + std::string(index_.nameOf(arrays[i]).own) + " (" +
                  told.because + ")";
  }
}

}  // namespace quantoscope
