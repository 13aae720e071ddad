#include "core/quant/codebooks.h"

namespace quantoscope {

namespace {

/// Midpoints are computed in double and compared as float32.
Codebook makeCodebook(const std::vector<double>& levels, std::vector<int> codes) {
  Codebook book;
  for (const double level : levels) book.levels.push_back(static_cast<float>(level));
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    book.thresholds.push_back(static_cast<float>((levels[i] + levels[i + 1]) / 2));
  }
  book.codes = std::move(codes);
  return book;
}

}  // namespace

const Codebook& nf4Codebook() {
  static const Codebook book = makeCodebook(
      {-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0},
      {7, 1, 2, 3, 4, 5, 6, 0, -8, -7, -6, -5, -4, -3, -2, -1});
  return book;
}

const Codebook& fp4Codebook() {
  static const Codebook book =
      makeCodebook({-12, -8, -6, -4, -3, -2, -0.0625, 0, 0.0625, 2, 3, 4, 6, 8, 12},
                   {-5, -6, -3, -4, -1, -2, -7, 0, 1, 6, 7, 4, 5, 2, 3});
  return book;
}

const Codebook& fp4E2m1Codebook() {
  static const Codebook book =
      makeCodebook({-1, -2.0 / 3, -1.0 / 2, -1.0 / 3, -1.0 / 4, -1.0 / 6, -1.0 / 96, 0, 1.0 / 96,
                    1.0 / 6, 1.0 / 4, 1.0 / 3, 1.0 / 2, 2.0 / 3, 1},
                   {-1, -2, -3, -4, -5, -6, -7, 0, 1, 2, 3, 4, 5, 6, 7});
  return book;
}

}  // namespace quantoscope
