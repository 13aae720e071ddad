#include "core/exporting/rules.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

namespace {

/// The last component of a module's name, and what is before it with its dot.
struct ModuleName {
  std::string parent;
  std::string own;
};

ModuleName nameOf(const std::string& module) {
  const std::size_t dot = module.rfind('.');
  if (dot == std::string::npos) return {"", module};
  return {module.substr(0, dot + 1), module.substr(dot + 1)};
}

template <std::size_t N>
bool isOneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 4> kHeads = {"lm_head", "output_layer", "embed_out",
                                                    "lm_head_weight"};
constexpr std::array<std::string_view, 8> kEmbeddings = {
    "embed_tokens",        "wte",   "wpe", "tok_embeddings", "word_embeddings", "token_embedding",
    "position_embeddings", "shared"};

/// Projections that loaders put into one matrix.
struct FusedSet {
  std::string_view fused;  ///< what it is called then
  std::array<std::string_view, 3> parts;
};
constexpr std::array<FusedSet, 4> kFusedSets = {{{"qkv_proj", {"q_proj", "k_proj", "v_proj"}},
                                                 {"gate_up_proj", {"gate_proj", "up_proj", ""}},
                                                 {"qkv", {"query", "key", "value"}},
                                                 {"w13", {"w1", "w3", ""}}}};

const FusedSet* fusedSetOf(const std::string& own) {
  for (const FusedSet& set : kFusedSets) {
    if (isOneOf(own, set.parts)) return &set;
  }
  return nullptr;
}

/// Whether a name is that of the weight of a module, which loaders can find.
bool isModuleWeight(const std::string& name) {
  const std::string dotted = stateDictName(name);
  return dotted.ends_with(".weight") || dotted.ends_with(".kernel");
}

/// An array that could be quantized, and whether it is to be.
struct Candidate {
  const TensorInfo* info;
  bool quantized;
};

/// What a set of fused layers consists of, by the names of parent and whole.
using FusedGroups = std::map<std::string, std::vector<Candidate>>;

FusedGroups fusedGroupsOf(const ModelHeader& header) {
  FusedGroups groups;
  const auto put = [&groups](const TensorInfo& info, bool quantized) {
    const ModuleName name = nameOf(moduleOf(info.name));
    const FusedSet* set = fusedSetOf(name.own);
    if (set == nullptr || roleOf(info) != TensorRole::Linear) return;
    groups[name.parent + std::string(set->fused)].push_back({&info, quantized});
  };
  for (const TensorInfo& info : header.tensors) put(info, true);
  for (const TensorInfo& info : header.passed) {
    if (info.quantizable) put(info, false);
  }
  return groups;
}

}  // namespace

TensorRole roleOf(const TensorInfo& info) {
  if (info.shape.size() > 2 && !info.axes.slice) return TensorRole::Convolution;
  const std::string module = moduleOf(info.name);
  const std::string own = nameOf(module).own;
  if (isOneOf(own, kHeads)) return TensorRole::Head;
  if (own == "output" && module.find("layers.") == std::string::npos) return TensorRole::Head;
  if (isOneOf(own, kEmbeddings) || own.find("embedding") != std::string::npos) {
    return TensorRole::Embedding;
  }
  return TensorRole::Linear;
}

std::vector<PlannedTensor> plannedTensors(const ModelHeader& header) {
  std::vector<PlannedTensor> planned;
  planned.reserve(header.tensors.size());
  for (const TensorInfo& info : header.tensors) {
    QuantSpec spec = header.plan.specFor(info.name);
    const GroupLayout layout = layoutOf(spec, info.rows, info.cols);
    planned.push_back({info, std::move(spec), layout});
  }
  return planned;
}

void RuleBook::note(const std::string& subject, const std::string& text, const std::string& rule) {
  findings_.push_back({Finding::Severity::Note, subject, text, rule, {}});
}

void RuleBook::usual(const std::string& subject, const std::string& text, const std::string& rule,
                     std::vector<Remedy> remedies) {
  findings_.push_back({Finding::Severity::Usual, subject, text, rule, std::move(remedies)});
}

void RuleBook::refuse(const std::string& subject, const std::string& text, const std::string& rule,
                      std::vector<Remedy> remedies) {
  findings_.push_back({Finding::Severity::Refusal, subject, text, rule, std::move(remedies)});
}

void keepUsualInFloat(RuleBook& book, const std::string& rule) {
  for (const TensorInfo& info : book.header().tensors) {
    switch (roleOf(info)) {
      case TensorRole::Linear:
        break;
      case TensorRole::Head:
        book.usual(info.name, "an output head, which loaders expect in float", rule);
        break;
      case TensorRole::Embedding:
        book.usual(info.name, "an embedding, which loaders expect in float", rule);
        break;
      case TensorRole::Convolution:
        book.usual(info.name,
                   std::to_string(info.shape.size()) +
                       " axes: only the matrices of linear layers are quantized",
                   rule);
        break;
    }
  }
}

void agreeWithinFused(RuleBook& book,
                      const std::function<std::string(const PlannedTensor&)>& signature,
                      const std::string& rule) {
  const ModelHeader& header = book.header();
  for (const auto& [fused, parts] : fusedGroupsOf(header)) {
    const auto first = std::find_if(parts.begin(), parts.end(),
                                    [](const Candidate& part) { return part.quantized; });
    if (first == parts.end() || parts.size() < 2) continue;
    const auto planned = [&header](const TensorInfo& info) {
      const QuantSpec spec = header.plan.specFor(info.name);
      return PlannedTensor{info, spec, layoutOf(spec, info.rows, info.cols)};
    };
    const PlannedTensor model = planned(*first->info);
    const bool all = std::all_of(parts.begin(), parts.end(),
                                 [](const Candidate& part) { return part.quantized; });
    for (const Candidate& part : parts) {
      if (!part.quantized) continue;
      if (!all) {
        book.refuse(part.info->name,
                    "loaders fuse it into " + fused + ", of which another part stays in float",
                    rule);
        continue;
      }
      if (&part == &*first || signature(planned(*part.info)) == signature(model)) continue;
      book.refuse(part.info->name,
                  "loaders fuse it into " + fused + " with " + model.info.name + ", which has " +
                      signature(model) + "; allowed is the same for both",
                  rule, {Remedy::use(model.spec), Remedy::keepFloat()});
    }
  }
}

std::vector<std::vector<std::string>> fusedSets(const ModelHeader& header) {
  std::vector<std::vector<std::string>> sets;
  for (const auto& [fused, parts] : fusedGroupsOf(header)) {
    std::vector<std::string> names;
    for (const Candidate& part : parts) {
      if (part.quantized) names.push_back(part.info->name);
    }
    if (names.size() > 1) sets.push_back(std::move(names));
  }
  return sets;
}

std::string fusedModuleOf(const std::string& module) {
  const ModuleName name = nameOf(module);
  const FusedSet* set = fusedSetOf(name.own);
  return set == nullptr ? "" : name.parent + std::string(set->fused);
}

void refuseSharedNames(RuleBook& book) {
  std::map<std::string, const std::string*> owners;
  const auto take = [&](const TensorInfo& info, const std::string& name) {
    const auto [there, isNew] = owners.emplace(name, &info.name);
    if (isNew || *there->second == info.name) return;
    book.refuse(info.name, "is called " + name + " in a state dict, like " + *there->second, "",
                {});
  };
  for (const TensorInfo& info : book.header().passed) take(info, stateDictName(info.name));
  for (const TensorInfo& info : book.header().tensors) {
    const std::string module = moduleOf(info.name);
    if (module.empty()) {
      book.refuse(info.name, "its name tells no module; allowed are names such as MODULE.weight",
                  "");
      continue;
    }
    if (!isModuleWeight(info.name)) {
      book.usual(info.name, "its name is not that of a layer's weight, MODULE.weight", "");
      continue;
    }
    take(info, module + ".weight");
  }
}

std::optional<QuantSpec> nearestSpec(const QuantSpec& spec, std::size_t cols,
                                     const std::function<bool(const QuantSpec&)>& allowed) {
  const QuantSpec plain = spec.isFloat() ? QuantSpec{}.withDtype(Dtype::Int) : spec;
  const auto distance = [&](long long size) {
    return std::abs(size - (spec.groupSize < 0 ? static_cast<long long>(cols) : spec.groupSize));
  };
  std::vector<long long> sizes = {128, 64, 32, -1};
  std::stable_sort(sizes.begin(), sizes.end() - 1,
                   [&](long long a, long long b) { return distance(a) < distance(b); });
  sizes.insert(sizes.begin(), spec.groupSize);
  for (int bits = plain.bits; bits <= 8; ++bits) {
    for (const Scheme scheme : {plain.scheme, Scheme::Sym, Scheme::Asym}) {
      for (const long long size : sizes) {
        if (size > 0 && cols % static_cast<std::size_t>(size) != 0) continue;
        QuantSpec candidate = plain;
        candidate.bits = bits;
        candidate.groupSize = size;
        candidate.scheme = scheme;
        candidate.doubleQuant.reset();
        if (scheme == Scheme::Asym) candidate.fullRange = candidate.halfRange = false;
        if (candidate != spec && candidate.validate() && allowed(candidate)) return candidate;
      }
    }
  }
  return std::nullopt;
}

std::vector<Remedy> remediesFor(const QuantSpec& spec, std::size_t cols,
                                const std::function<bool(const QuantSpec&)>& allowed) {
  std::vector<Remedy> remedies;
  if (auto nearest = nearestSpec(spec, cols, allowed)) remedies.push_back(Remedy::use(*nearest));
  remedies.push_back(Remedy::keepFloat());
  return remedies;
}

}  // namespace quantoscope
