// Weights that have broken quantizers before, by seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantoscope::test {

/// The names of the patterns: "normal", "heavy tails", "zero groups", ...
const std::vector<std::string>& patternNames();

/// rows x cols values of a pattern; `groupSize` tells patterns by group where groups begin.
std::vector<float> patternValues(std::size_t pattern, std::size_t rows, std::size_t cols,
                                 std::size_t groupSize, std::uint32_t seed);

}  // namespace quantoscope::test
