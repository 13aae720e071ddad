// Where Keras 3 puts the variables of each layer of a model.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace quantoscope {

/// A layer of a model's configuration.
struct KerasPlace {
  std::size_t position = 0;  ///< among all layers, those of nested models included
  std::string name;
};

/// The layers of a config.json by the path of their group in model.weights.h5. Keras 3 calls the
/// group by the class, not by the name: `layers/conv2d_transpose_1` is the second Conv2DTranspose;
/// layers of a model inside are below its group. Empty for a text that is no configuration with
/// layers (a subclassed model has none).
std::map<std::string, KerasPlace> kerasPlaces(const std::string& config);

/// "Conv2DTranspose" as Keras writes it in paths: "conv2d_transpose".
std::string snakeCase(const std::string& className);

}  // namespace quantoscope
