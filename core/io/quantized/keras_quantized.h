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

/// QuantizedFormat::open: layers of the modes int8, int4 (Keras 3.14 and later), gptq and awq.
///
/// The mode is that of the layer's dtype policy where the configuration tells it, else it follows
/// from the variables: how many there are, their types and shapes, the length of g_idx, and, where
/// gptq has a byte for each code, how large codes and zero points are. What that leaves open is an
/// error: int8 without a configuration (int4 up to 3.13 has the same shapes), embeddings without
/// groups, kernels with one or two outputs.
///
/// A tensor is listed where its codes are, `layers/dense/vars/1`: gptq and awq have the bias first,
/// so that the place of the kernel in a model of floats, which is PackedInfo::originalPath, may be
/// that of another array. Kernels are [inputs, outputs], of an EinsumDense as Keras flattens it;
/// embeddings [vocabulary, size].
Result<SharedPackedTensor> openKeras(const Siblings& siblings, const PackingContext& context);

}  // namespace quantoscope
