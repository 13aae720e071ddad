// What is asked about one tensor: the key under which an answer to it is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/quant/quant_spec.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// A tensor of an opened file, read along certain axes, under a specification. Questions that are
/// equal have the same answer, whatever is measured. A value type.
struct Question {
  std::uint64_t file = 0;  ///< the caller's number for the file and its present content
  std::string tensor;
  AxisMap axes;
  QuantSpec spec;

  bool operator==(const Question&) const = default;
};

/// For containers that find questions by hash.
struct QuestionHash {
  std::size_t operator()(const Question& question) const noexcept;
};

}  // namespace quantoscope
