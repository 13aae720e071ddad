// The reference's outputs, read with the HDF5 C library and none of our own reading code.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor/weight_tensor.h"

namespace quantoscope::test {

/// One case: what was called, with what, and what came out.
struct GoldenCase {
  std::string name;  ///< "0000", ...
  std::map<std::string, std::string> text;
  std::map<std::string, double> numbers;  ///< booleans are 0 or 1
  std::map<std::string, Matrix> matrices;
  std::vector<double> loss;

  double number(const std::string& key, double otherwise) const;
  std::string textOr(const std::string& key, const std::string& otherwise) const;
};

struct GoldenFile {
  std::map<std::string, Matrix> inputs;
  std::vector<GoldenCase> cases;

  /// Reads tests/golden/weight_only_golden.h5; empty if that fails.
  static GoldenFile read();
  /// Another file of that layout.
  static GoldenFile read(const std::string& path);
};

}  // namespace quantoscope::test
