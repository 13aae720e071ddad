// What a Keras configuration says about the layers of a model.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/json.h"

namespace quantoscope {

/// A layer's class, and what of its configuration tells axes.
struct KerasClass {
  std::string className;    ///< without the package of a custom class; of a wrapper: what it wraps
  std::string dimOrdering;  ///< Keras 1: "th" or "tf"; else empty
  std::string equation;     ///< of an EinsumDense; else empty
};

/// The class of the layer that a node of a configuration describes; empty where it is none.
KerasClass kerasClassOf(const Json& layer);

/// The layers of a model_config as the tree that they are: models, wrappers and what is in them.
class KerasConfig {
 public:
  KerasConfig() = default;
  explicit KerasConfig(const Json& config);

  /// The class of the layer that the path of an array leads to. Names are looked for below the
  /// layer that was found before, so that one name may stand for different layers of two models;
  /// names may contain slashes. nullptr where no component names a layer, or none for certain.
  const KerasClass* find(std::string_view path) const;

 private:
  struct Layer {
    KerasClass what;
    std::size_t depth = 0;
    std::size_t end = 0;  ///< behind its last descendant; layers stand in preorder
  };

  void add(const Json& node, std::size_t depth);
  void addLayer(const Json& node, const std::string& name, std::size_t depth);
  const Layer* nearest(std::string_view name, std::size_t begin, std::size_t end) const;

  std::vector<Layer> layers_;
  std::unordered_map<std::string, std::vector<std::size_t>> byName_;
  std::size_t longestName_ = 0;  ///< in components
};

}  // namespace quantoscope
