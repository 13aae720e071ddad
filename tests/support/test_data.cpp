#include "tests/support/test_data.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>

namespace quantoscope::test {

namespace {

/// Uniform in (0, 1): std::uniform_real_distribution differs between libraries.
double uniform(std::mt19937& engine) {
  return (static_cast<double>(engine()) + 0.5) / 4294967296.0;
}

}  // namespace

WeightTensor tensorOf(std::size_t rows, std::size_t cols, std::vector<float> values,
                      const std::string& name) {
  TensorInfo info;
  info.name = name;
  info.shape = {rows, cols};
  info.dtype = "float32";
  info.bytes = rows * cols * sizeof(float);
  info.quantizable = true;
  setAxes(info, AxisMap::rows(2));
  return WeightTensor(std::move(info), std::move(values));
}

std::vector<float> normalValues(std::size_t count, std::uint32_t seed, float deviation) {
  constexpr double kTwoPi = 6.283185307179586;
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const double radius = std::sqrt(-2 * std::log(uniform(engine)));
    value = static_cast<float>(deviation * radius * std::cos(kTwoPi * uniform(engine)));
  }
  return values;
}

WeightTensor normalTensor(std::size_t rows, std::size_t cols, std::uint32_t seed) {
  return tensorOf(rows, cols, normalValues(rows * cols, seed));
}

std::string sourcePath(const std::string& relative) {
  return std::string(QUANTOSCOPE_SOURCE_DIR) + "/" + relative;
}

std::string sharedDataPath(const std::string& relative) {
  const char* chosen = std::getenv("QUANTOSCOPE_SHARED_DATA");
  const std::string root = chosen != nullptr ? chosen : sourcePath("../shared/data");
  const std::string path = root + "/" + relative;
  return std::filesystem::exists(path) ? path : "";
}

}  // namespace quantoscope::test
