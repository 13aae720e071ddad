// Which axes of a PyTorch parameter are output and which are input channels.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/io/container/stored_file.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// Whether a model's layers c_attn, c_proj, c_fc and q_attn are the transposed linear layers that
/// GPT-2 has in transformers (`Conv1D`, [in, out]). Other models use the names for ordinary ones:
/// decided by whether a c_fc or c_attn that is not square takes the width of the embedding `wte`
/// on its first axis, or, as an ordinary one would, on its second.
bool hasConv1D(const StoredFile& file);

/// How a parameter of two or more axes is read as a matrix, rows = output channels:
///
/// | parameter                          | stored              | order         | row axes |
/// |------------------------------------|---------------------|---------------|----------|
/// | linear, recurrent, embedding       | [out, in]           | as stored     | 1        |
/// | convolution                        | [out, in/groups, k] | as stored     | 1        |
/// | transposed convolution, by a name  | [in, out/groups, k] | out in k...   | 1        |
/// | with "transpose" or "deconv"       |                     |               |          |
/// | c_attn, c_proj, c_fc, q_attn where | [in, out]           | 1 0           | 1        |
/// | hasConv1D()                        |                     |               |          |
///
/// `components` are those of its name.
AxisMap pyTorchAxes(const std::vector<std::string>& components,
                    const std::vector<std::size_t>& shape, bool conv1D);

}  // namespace quantoscope
