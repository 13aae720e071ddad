#include "tests/support/weight_patterns.h"

#include <cmath>
#include <random>

#include "tests/support/test_data.h"

namespace quantoscope::test {

namespace {

using Change = void (*)(std::vector<float>& values, std::size_t cols, std::size_t groupSize,
                        std::mt19937& engine);

std::size_t pick(std::mt19937& engine, std::size_t below) {
  return engine() % below;
}

/// Calls fn(first, last) for every group.
template <typename Fn>
void eachGroup(std::vector<float>& values, std::size_t cols, std::size_t groupSize, Fn fn) {
  for (std::size_t row = 0; row < values.size(); row += cols) {
    for (std::size_t begin = 0; begin < cols; begin += groupSize) {
      fn(values.data() + row + begin, values.data() + row + std::min(cols, begin + groupSize));
    }
  }
}

void normal(std::vector<float>&, std::size_t, std::size_t, std::mt19937&) {}

void heavyTails(std::vector<float>& values, std::size_t, std::size_t, std::mt19937& engine) {
  for (float& value : values) {
    value /= std::sqrt(static_cast<float>(1 + pick(engine, 1000)) / 1000);
  }
}

void zeroGroups(std::vector<float>& values, std::size_t cols, std::size_t size,
                std::mt19937& engine) {
  eachGroup(values, cols, size, [&](float* first, float* last) {
    if (pick(engine, 3) == 0) std::fill(first, last, pick(engine, 2) == 0 ? 0.0f : -0.0f);
  });
}

void constantGroups(std::vector<float>& values, std::size_t cols, std::size_t size,
                    std::mt19937& engine) {
  eachGroup(values, cols, size, [&](float* first, float* last) {
    if (pick(engine, 2) == 0) std::fill(first, last, *first);
  });
}

void allPositive(std::vector<float>& values, std::size_t, std::size_t, std::mt19937&) {
  for (float& value : values) value = std::fabs(value);
}

void allNegative(std::vector<float>& values, std::size_t, std::size_t, std::mt19937&) {
  for (float& value : values) value = -std::fabs(value);
}

void subnormal(std::vector<float>& values, std::size_t, std::size_t, std::mt19937&) {
  for (float& value : values) value *= 1e-37f;
}

void huge(std::vector<float>& values, std::size_t, std::size_t, std::mt19937&) {
  for (float& value : values) value *= 1e37f;
}

void mixedExponents(std::vector<float>& values, std::size_t, std::size_t, std::mt19937& engine) {
  for (float& value : values) value = std::ldexp(value, static_cast<int>(pick(engine, 40)) - 20);
}

void mixedGroups(std::vector<float>& values, std::size_t cols, std::size_t size,
                 std::mt19937& engine) {
  eachGroup(values, cols, size, [&](float* first, float* last) {
    const int exponent = static_cast<int>(pick(engine, 200)) - 100;
    for (; first != last; ++first) *first = std::ldexp(*first, exponent);
  });
}

/// Multiples of a half step with the extremes in place: every value is a tie or a level.
void ties(std::vector<float>& values, std::size_t cols, std::size_t size, std::mt19937& engine) {
  eachGroup(values, cols, size, [&](float* first, float* last) {
    for (float* value = first; value != last; ++value) {
      *value = static_cast<float>(static_cast<int>(pick(engine, 31)) - 15) * 0.03125f;
    }
    *first = -0.46875f;
    if (last - first > 1) first[1] = 0.46875f;
  });
}

void signedZeros(std::vector<float>& values, std::size_t, std::size_t, std::mt19937& engine) {
  for (float& value : values) {
    if (pick(engine, 2) == 0) value = pick(engine, 2) == 0 ? 0.0f : -0.0f;
  }
}

void outliers(std::vector<float>& values, std::size_t, std::size_t, std::mt19937& engine) {
  for (float& value : values) {
    if (pick(engine, 100) == 0) value *= 50;
  }
}

struct Pattern {
  const char* name;
  Change change;
};

constexpr Pattern kPatterns[] = {{"normal", normal},
                                 {"heavy tails", heavyTails},
                                 {"zero groups", zeroGroups},
                                 {"constant groups", constantGroups},
                                 {"all positive", allPositive},
                                 {"all negative", allNegative},
                                 {"subnormal", subnormal},
                                 {"huge", huge},
                                 {"mixed exponents", mixedExponents},
                                 {"mixed groups", mixedGroups},
                                 {"ties", ties},
                                 {"signed zeros", signedZeros},
                                 {"outliers", outliers}};

}  // namespace

const std::vector<std::string>& patternNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Pattern& pattern : kPatterns) all.emplace_back(pattern.name);
    return all;
  }();
  return names;
}

std::vector<float> patternValues(std::size_t pattern, std::size_t rows, std::size_t cols,
                                 std::size_t groupSize, std::uint32_t seed) {
  std::vector<float> values = normalValues(rows * cols, seed);
  std::mt19937 engine(seed ^ 0x9e3779b9u);
  kPatterns[pattern].change(values, cols, groupSize, engine);
  return values;
}

}  // namespace quantoscope::test
