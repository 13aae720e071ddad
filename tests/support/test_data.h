// Tensors and files that tests share.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/tensor/weight_tensor.h"

namespace quantoscope::test {

/// A float32 tensor of these values, rows x cols.
WeightTensor tensorOf(std::size_t rows, std::size_t cols, std::vector<float> values,
                      const std::string& name = "tensor");

/// Seeded values of one distribution after another; the same on every machine.
std::vector<float> normalValues(std::size_t count, std::uint32_t seed, float deviation = 0.02f);

WeightTensor normalTensor(std::size_t rows, std::size_t cols, std::uint32_t seed);

/// The repository's own files, by their path from its root.
std::string sourcePath(const std::string& relative);

/// The shared weight files beside the repository, or "" where they are absent.
std::string sharedDataPath(const std::string& relative);

}  // namespace quantoscope::test
