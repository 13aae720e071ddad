// What rules of targets are made of: who a tensor is, which tensors must agree, and findings.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/exporting/export_format.h"

namespace quantoscope {

/// What loaders take a tensor for, by name and shape.
enum class TensorRole {
  Linear,       ///< a matrix that inputs are multiplied with
  Embedding,    ///< rows are looked up
  Head,         ///< the output head of a language model
  Convolution,  ///< more axes than two
};

TensorRole roleOf(const TensorInfo& info);

/// One tensor of a header with the spec it is to have.
struct PlannedTensor {
  const TensorInfo& info;
  QuantSpec spec;
  GroupLayout layout;
};

/// The tensors of a header, with their specs.
std::vector<PlannedTensor> plannedTensors(const ModelHeader& header);

/// Collects findings. `rule` is who demands it: "vLLM, marlin_utils"; "" for the format itself.
class RuleBook {
 public:
  explicit RuleBook(const ModelHeader& header) : header_(header) {}

  const ModelHeader& header() const { return header_; }
  void note(const std::string& subject, const std::string& text, const std::string& rule = {});
  void usual(const std::string& subject, const std::string& text, const std::string& rule,
             std::vector<Remedy> remedies = {Remedy::keepFloat()});
  void refuse(const std::string& subject, const std::string& text, const std::string& rule,
              std::vector<Remedy> remedies = {Remedy::keepFloat()});
  Findings take() { return std::move(findings_); }

 private:
  const ModelHeader& header_;
  Findings findings_;
};

/// Usual findings: heads and embeddings that loaders keep in float, and weights of more than two
/// axes, which no Linear layer has. `rule` as above.
void keepUsualInFloat(RuleBook& book, const std::string& rule);

/// Layers that loaders fuse and that must then agree: query, key and value projections of one
/// attention; gate and up projections of one block. Refuses those of a set that are not all
/// quantized, or differ in what `signature` returns ("int4 g128 sym"); the remedy is the first
/// one's spec, or to leave them.
void agreeWithinFused(RuleBook& book,
                      const std::function<std::string(const PlannedTensor&)>& signature,
                      const std::string& rule);

/// The tensors of each set of layers that loaders fuse, where more than one is quantized.
std::vector<std::vector<std::string>> fusedSets(const ModelHeader& header);

/// What loaders call the whole that a module is fused into, "model.layers.0.self_attn.qkv_proj";
/// empty for a module that is not fused.
std::string fusedModuleOf(const std::string& module);

/// Refuses two tensors that are called the same in a state dict, and names without a module. Usual
/// findings: names that are not MODULE.weight (or .kernel), since no loader looks for others.
void refuseSharedNames(RuleBook& book);

/// The spec nearest to `spec` that `allowed` admits: the same bits first, then more bits, of the
/// group sizes 128, 64, 32 that divide `cols` the nearest; nothing where none is allowed.
std::optional<QuantSpec> nearestSpec(const QuantSpec& spec, std::size_t cols,
                                     const std::function<bool(const QuantSpec&)>& allowed);

/// The remedies for a spec that a target cannot carry: nearestSpec(), then leaving it.
std::vector<Remedy> remediesFor(const QuantSpec& spec, std::size_t cols,
                                const std::function<bool(const QuantSpec&)>& allowed);

}  // namespace quantoscope
