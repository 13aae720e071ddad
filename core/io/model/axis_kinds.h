// The ways in which frameworks store a kernel's axes, and what names and classes say of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/io/model/array_index.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// How a variable of two or more axes is stored, and so read as a matrix, rows = output channels:
///
/// | kind       | stored                        | rows from      | used by |
/// |------------|-------------------------------|----------------|----------------------------------|
/// | AsStored   | [out, in, k...]               | 0              | PyTorch, Theano, embeddings | |
/// InOut      | [k..., in, out]               | last           | Keras, Flax, Conv1D of GPT-2     |
/// | Second     | [in, out, k...]               | 1              | PyTorch's transposed convolution
/// | | LastButOne | [k..., out, in]               | last but one   | Keras' transposed convolution
/// | | Depthwise  | [k..., in, multiplier]        | last two       | Keras' depthwise convolution |
/// | HeadsAfter | [in, heads, size]             | all but 0      | query, key, value of attention |
/// | HeadsFirst | [heads, in, size]             | all but last-1 | the same in Gemma; stacks | |
/// HeadsIn    | [heads, size, out]            | last           | output of attention              |
/// | LeadingOut | [stack, out, in]              | all but last   | stacks of [out, in] |
enum class AxisKind {
  AsStored,
  InOut,
  Second,
  LastButOne,
  Depthwise,
  HeadsAfter,
  HeadsFirst,
  HeadsIn,
  LeadingOut
};

/// `rank` is 2 at least, 3 for those of heads.
AxisMap axesOf(AxisKind kind, std::size_t rank);
/// "[out, in, ...]", as in the table above.
const char* storedAs(AxisKind kind);

/// Whose habits count where nothing else is known.
enum class AxisFamily { Keras, PyTorch, Unknown };

/// What a class of Keras' own says about one of its variables; nothing for other classes.
std::optional<AxisKind> kindOfClass(std::string_view className, std::string_view variable,
                                    std::size_t rank);

/// What the layer's own name, or the variable's, says: "conv2d_transpose_1", "depthwise_kernel",
/// "word_embeddings". Nothing where they say nothing.
std::optional<AxisKind> kindOfName(std::string_view own, std::string_view variable,
                                   std::size_t rank, AxisFamily family);

/// The part that a layer has in attention, by its own name.
enum class AttentionRole { None, Input, Output };
AttentionRole attentionRoleOf(std::string_view own);

/// Keras 1 names its kernels after the layer: "conv1_W", "conv1_W_1"; before that, "param_0".
bool isKeras1Kernel(std::string_view variable);

}  // namespace quantoscope
