// Where Keras 3 puts the variables of each layer of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/io/model/keras_config.h"

namespace quantoscope {

/// A layer of a model's configuration.
struct KerasPlace {
  std::size_t position = 0;  ///< among all layers, those of nested models included
  std::string name;
  KerasClass what;
  /// The mode of the layer's own dtype policy, where it is one of quantized weights: "gptq/4/32",
  /// "int8"; else empty.
  std::string policy = {};
  std::uint64_t outputDim = 0;  ///< of an embedding; 0 where it is not told
  std::string pointer = {};     ///< to the layer in the configuration, RFC 6901
};

/// The layers of a config.json by the path of their group in model.weights.h5. Keras 3 calls the
/// group by the class, not by the name: `layers/conv2d_transpose_1` is the second Conv2DTranspose;
/// layers of a model inside are below its group, and what a wrapper wraps is at the name of its
/// attribute: `layers/time_distributed/layer`, `layers/bidirectional/forward_layer`. Empty for what
/// is no configuration with layers (a subclassed model has none).
std::map<std::string, KerasPlace> kerasPlaces(const Json& config);

/// The mode of a dtype policy in a configuration, an object or a name ("int4/32_from_float32");
/// empty where it is none that quantizes weights.
std::string quantizedModeOf(const Json& dtypePolicy);

/// A path as kerasPlaces() has it: Windows wrote backslashes, and Keras 2.13
/// `_layer_checkpoint_dependencies` for `layers`.
std::string placePath(std::string_view path);

/// "Conv2DTranspose" as Keras writes it in paths: "conv2d_transpose".
std::string snakeCase(const std::string& className);

}  // namespace quantoscope
