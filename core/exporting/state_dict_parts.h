// What formats that are state dicts have in common: how scales are stored, and which layers stay.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/exporting/export_format.h"
#include "core/exporting/rules.h"

namespace quantoscope {

/// The type that scales are stored as beside a weight: the weight's own if that has 16 bits, else
/// float32.
StoredType storedScaleType(const TensorInfo& info);

/// The nearest number of the type, half to even.
float roundedToStored(StoredType type, float value);

/// Makes decodeScale what a file that stores scales as this type says; leaves float32 as it is.
void roundScales(StoredType type, GroupParameters& parameters);

/// The numbers as they are stored, little-endian: float16, bfloat16, or float32 for all others.
std::vector<std::byte> storedBytes(StoredType type, std::span<const float> values);

/// The elements of a vector as bytes.
template <typename T>
std::vector<std::byte> bytesOf(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// The modules of the linear layers that stay in float, heads among them, in the order of the
/// header; and "lm_head", which a tied model has as a layer but not as an array.
std::vector<std::string> unquantizedLinears(const ModelHeader& header);

/// Notes that hold for many tensors, each told once, with the first that it holds for.
class SharedNotes {
 public:
  void add(const std::string& subject, const std::string& text, const std::string& rule);
  /// Writes them in the order in which they came up.
  void into(RuleBook& book) const;

 private:
  struct Entry {
    std::string subject;
    std::string text;
    std::string rule;
    std::size_t others = 0;
  };
  std::vector<Entry> entries_;
};

/// Which tensors of one mixture of experts must be alike.
enum class ExpertsAlike {
  All,            ///< all of its experts' layers
  PerProjection,  ///< those of one name over all experts
};

/// Refuses layers of experts ("...experts.3.up_proj") whose `signature` is not that of the first.
void agreeAmongExperts(RuleBook& book, ExpertsAlike alike,
                       const std::function<std::string(const PlannedTensor&)>& signature,
                       const std::string& rule);

/// Whether it is a layer of one expert.
bool isExpert(const TensorInfo& info);

/// Notes which matrices are stored [in, out], as layers are that loaders do not take for linear
/// ones: a state dict has [out, in].
void noteTransposed(const ModelHeader& header, SharedNotes& notes);

/// Refuses matrices that are a part of a stack, which have no name of their own in a state dict.
void refuseParts(RuleBook& book);

}  // namespace quantoscope
