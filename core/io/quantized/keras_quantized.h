// Layers that Keras 3 has quantized.
#pragma once

#include <optional>
#include <string>

#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// Numbers as in `layers/dense/vars/1`, where a vector may be the bias; names as in other files.
inline constexpr PartName kKerasParts[] = {
    {"0", "parameters", 2},     {"1", "parameters", 2},
    {"2", "parameters", 2},     {"3", "parameters", 2},
    {"4", "parameters", 2},     {"5", "parameters", 2},
    {"6", "parameters", 2},     {"7", "parameters", 2},
    {"*_scale", "scales"},      {"*_zero", "zero points"},
    {"kernel_scale", "scales"}, {"kernel_zero", "zero points"},
    {"g_idx", "group numbers"}, {"awq_scales", "scales of inputs"}};

/// QuantizedFormat::describe: bytes among the variables of a layer that has scales beside them, by
/// number or by name. Bits and groups where shapes tell them; int8 only where the configuration
/// does, since Keras up to 3.13 packed int4 into the same shapes.
std::optional<std::string> describeKeras(const Siblings& siblings);

}  // namespace quantoscope
