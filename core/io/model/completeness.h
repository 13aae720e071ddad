// What a model lacks.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// Arrays that are missing for the same reason, mostly one file that is not there.
struct Gap {
  std::string reason;
  std::vector<std::string> arrays;  ///< their names, as listed
};

struct Completeness {
  std::size_t arrays = 0;   ///< that the model has
  std::size_t missing = 0;  ///< those of them that the files lack, or do not hold whole
  std::vector<Gap> gaps;    ///< in the order of the model

  bool isComplete() const { return missing == 0; }

  /// "2 of 8 arrays are missing: b.safetensors: no such file (x, y)"; empty where none is. One line
  /// that names at most the first few.
  std::string line() const;
};

/// Of all arrays that a source lists: TensorInfo::incomplete tells.
Completeness completenessOf(const std::vector<TensorInfo>& tensors);

}  // namespace quantoscope
