// Which axes of a Keras variable are output and which are input channels.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// What is known about one Keras variable when its axes are asked for.
struct KerasVariable {
  std::string name;  ///< "kernel", "conv1_W", or its number in a Keras 3 file: "0"
  std::string part;  ///< the innermost name that holds it: "dense_1", "cell", "query"
  std::string
      layer;  ///< the class of the layer where the file tells it, else names that hint at it
  std::string dimOrdering;  ///< Keras 1, where the file tells it: "th" or "tf"
  bool hasVersion = true;   ///< whether the file has a keras_version
  std::vector<std::size_t> shape;
};

/// How a variable of two or more axes is read as a matrix, rows = output channels:
///
/// | variable                        | stored                      | order          | row axes |
/// |---------------------------------|-----------------------------|----------------|----------|
/// | dense, recurrent                | [in, out]                   | 1 0            | 1        |
/// | convolution                     | [k..., in, out]             | out in k...    | 1        |
/// | transposed convolution          | [k..., out, in]             | out in k...    | 1        |
/// | depthwise convolution           | [k..., in, multiplier]      | in mult k...   | 2        |
/// | query, key, value of attention  | [in, heads, size]           | 1 2 0          | 2        |
/// | output of attention             | [heads, size, out]          | 2 0 1          | 1        |
/// | embedding                       | [vocabulary, size]          | as stored      | 1        |
/// | Keras 1 kernel, Theano ordering | [out, in, kh, kw]           | as stored      | 1        |
///
/// What is none of these is taken as [..., in, out].
AxisMap kerasAxes(const KerasVariable& variable);

/// Whether it adds to outputs instead of multiplying inputs; some biases have two axes (GRU).
bool isKerasBias(const KerasVariable& variable);

/// Whether a variable's name alone says that it is stored [..., in, out]: "kernel",
/// "recurrent_kernel", "depthwise_kernel", ...
bool isKernelName(std::string_view name);

/// A path's last component without the number of the output that old TensorFlow appends:
/// "kernel:0" becomes "kernel".
std::string withoutOutputNumber(std::string_view name);

/// What a model_config says about one layer.
struct KerasLayer {
  std::string className;    ///< of a wrapper (TimeDistributed, ...): the class it wraps
  std::string dimOrdering;  ///< Keras 1; else empty
};

/// The layers of a model_config by name, those of nested models too. Empty for text that is not
/// the JSON of a model.
std::map<std::string, KerasLayer> kerasLayers(const std::string& modelConfig);

}  // namespace quantoscope
