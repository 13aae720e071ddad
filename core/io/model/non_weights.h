// Arrays of two axes or more that are no matrices of weights.
#pragma once

#include <string>

#include "core/io/model/array_index.h"
#include "core/io/model/layer_classes.h"

namespace quantoscope {

/// Why an array of two axes or more is no weight; empty where it may be one. By its own name, its
/// layer's own name or class, and the arrays beside it:
///
/// | is no weight               | is known by                                                   |
/// |----------------------------|---------------------------------------------------------------|
/// | bias                       | bias, b beside W, ..._bias, pos_bias_u, relative_attention_bias |
/// | causal mask                | a bias [1, 1, n, n]; mask, causal_mask, tril                  |
/// | buffer of positions        | inv_freq, cos_cached, freqs_cos, relative_coords_table, ...   |
/// | gain, statistics           | gamma, beta, moving_mean, running_var; a weight with a bias of |
/// |                            | the same shape; what normalisations have; weight_g            |
/// | slopes of an activation    | alpha; what a PReLU has                                       |
/// | vector of spectral norm    | weight_u, vector_u, u beside a kernel                         |
/// | quantizer's own            | what fake quantizers, observers and their kin have            |
std::string reasonNoWeight(const StoredArray& array, const ArrayIndex& index,
                           const LayerClasses& classes, bool keras);

}  // namespace quantoscope
