// What the rows of a recurrent layer's matrices belong to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/container/stored_file.h"

namespace quantoscope {

/// Finds the gates of LSTM and GRU matrices by their shapes: the recurrent matrix beside one tells
/// the number of units, and how often it goes into the rows tells the kind of layer, which names
/// alone do not (`rnn_1/kernel`).
///
/// - Keras (kernel and recurrent_kernel; cell/vars/0 and 1), units along the last axis: 4 gates are
///   input, forget, cell, output; 3 are update, reset, candidate.
/// - PyTorch (weight_ih* and weight_hh*), units along axis 1: 4 gates are input, forget, cell,
///   output; 3 are reset, update, candidate.
///
/// A PyTorch LSTM with a projection, whose recurrent matrix is narrower, is known by "lstm" in its
/// name.
class RecurrentGates {
 public:
  explicit RecurrentGates(const StoredFile& file);

  /// The names of the equal parts of the output channels of the array at `path`, in their order;
  /// empty for what is no such matrix.
  std::vector<std::string> of(const std::string& path) const;

 private:
  const std::vector<std::uint64_t>* shapeOf(const std::string& path) const;
  std::vector<std::string> ofKeras(const std::string& path, const std::string& recurrent) const;
  std::vector<std::string> ofPyTorch(const std::string& path, const std::string& recurrent) const;

  std::map<std::string_view, const std::vector<std::uint64_t>*> shapes_;
};

}  // namespace quantoscope
