// What decides how each array of a model is read as a matrix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/io/model/array_index.h"
#include "core/io/model/axis_kinds.h"
#include "core/io/model/layer_classes.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// A way to read an array, and what it was decided by.
struct AxisReading {
  AxisMap axes;
  AxisEvidence evidence = AxisEvidence::Format;
  std::string because;  ///< for people: "class Conv2DTranspose is stored [..., out, in]"
  bool stack = false;   ///< axis 0 counts matrices (of experts)
};

/// Reads the axes of all arrays of a file. What is asked, in this order:
///
/// | evidence | is                                                                        |
/// |----------|---------------------------------------------------------------------------|
/// | pair     | shapes of kernels beside each other: query, key, value and output; gate_up |
/// |          | and down; an embedding and its reverse; experts and their router           |
/// | class    | the layer's class in the configuration, an EinsumDense's equation          |
/// | name     | the layer's own name and that of the variable                              |
/// | format   | what the framework does by default                                         |
///
/// Then the bias beside a kernel, which has as many elements as there are output channels, is held
/// against the answer: where exactly one of the ways in which such a kernel may be stored fits it,
/// and the answer does not, the bias wins. What is left to a name or the format goes by other
/// layers of the same name in the file, if pairs or biases tell theirs and all agree.
///
/// Takes time linear in the number of arrays. Keeps references to its arguments.
class AxisReader {
 public:
  AxisReader(const ArrayIndex& index, const LayerClasses& classes, AxisFamily family,
             bool hasVersion);

  /// One of the file's arrays, of rank 2 at least.
  const AxisReading& of(const StoredArray& array) const {
    return readings_[static_cast<std::size_t>(&array - index_.file().arrays.data())];
  }

 private:
  struct Kin {
    AxisReading reading;
    bool differ = false;
  };
  struct Facts;

  void notePairs(const StoredArray& array);
  AxisFamily familyOf(const ArrayName& name) const;

  AxisReading read(const StoredArray& array) const;
  std::optional<AxisReading> byPair(const Facts& facts) const;
  std::optional<AxisReading> byAttention(const Facts& facts) const;
  std::optional<AxisReading> byReverse(const Facts& facts) const;
  std::optional<AxisReading> byGateUp(const Facts& facts) const;
  std::optional<AxisReading> byWidth(const Facts& facts) const;
  std::optional<AxisReading> byClass(const Facts& facts) const;
  std::optional<AxisReading> byName(const Facts& facts) const;
  AxisReading byFormat(const Facts& facts) const;
  AxisReading byKeras1(const Facts& facts) const;
  bool isStack(const Facts& facts) const;
  AxisReading stackReading(const Facts& facts) const;
  std::optional<std::uint64_t> widthBeside(const ArrayName& name, std::uint64_t experts) const;
  AxisReading heldAgainstBias(const Facts& facts, AxisReading reading) const;
  const StoredArray* normBehind(const StoredArray& array) const;

  void askKin();
  std::string kinKey(const StoredArray& array) const;
  bool contradictsBias(const StoredArray& array, const AxisMap& axes) const;

  const ArrayIndex& index_;
  const LayerClasses& classes_;
  AxisFamily family_;
  bool hasVersion_;
  std::unordered_map<std::string_view, const StoredArray*> outputs_;  ///< of attention, by block
  std::unordered_multimap<std::string_view, const StoredArray*> routers_;  ///< by block
  std::uint64_t width_ = 0;                                                ///< of a GPT's embedding
  std::vector<AxisReading> readings_;
};

}  // namespace quantoscope
