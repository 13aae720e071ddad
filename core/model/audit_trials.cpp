#include "core/model/audit_trials.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/metrics/error_metrics.h"

namespace quantoscope {

namespace {

constexpr std::size_t kSampledWeights = std::size_t{1} << 20;
constexpr std::size_t kStretchRows = 32;
constexpr std::array<std::size_t, 8> kAwq = {0, 2, 4, 6, 1, 3, 5, 7};
/// Sizes of heads that models have, and small ones of test models.
constexpr std::size_t kHeadRows[] = {8, 16, 32, 48, 64, 72, 80, 96, 112, 128, 160, 192, 256, 512};
constexpr std::size_t kSampledHeads = 4;

struct Source {
  std::size_t row = 0;
  std::size_t col = 0;
};

/// Where the code that belongs to (row, col) is found; rows count from a multiple of 8.
Source sourceOf(CodeOrder order, std::size_t row, std::size_t col, std::size_t perWord) {
  switch (order) {
    case CodeOrder::PairsOfInputs:
      return {row, col ^ 1};
    case CodeOrder::WordsOfInputs:
      return {row, col / perWord * perWord + (perWord - 1 - col % perWord)};
    case CodeOrder::PairsOfOutputs:
      return {row ^ 1, col};
    case CodeOrder::AwqToPlain:
      return {row / 8 * 8 + kAwq[row % 8], col};
    case CodeOrder::PlainToAwq:
      break;
  }
  const auto* at = std::find(kAwq.begin(), kAwq.end(), row % 8);
  return {row / 8 * 8 + static_cast<std::size_t>(at - kAwq.begin()), col};
}

/// The original row, within its head, that decoded row `i` stands for.
std::size_t rowOfHead(std::size_t i, std::size_t headRows, bool fromHalves) {
  const std::size_t half = headRows / 2;
  return fromHalves ? (i < half ? 2 * i : 2 * (i - half) + 1) : i % 2 * half + i / 2;
}

}  // namespace

const char* sentenceOf(CodeOrder order) {
  switch (order) {
    case CodeOrder::PairsOfInputs:
      return "if codes of neighbouring inputs are swapped: nibbles are in the other order";
    case CodeOrder::WordsOfInputs:
      return "if the codes of each word are taken in reverse";
    case CodeOrder::PairsOfOutputs:
      return "if codes of neighbouring outputs are swapped: nibbles are in the other order";
    case CodeOrder::AwqToPlain:
      return "if the outputs of each word are taken in AWQ's order (0, 2, 4, 6, 1, 3, 5, 7)";
    case CodeOrder::PlainToAwq:
      break;
  }
  return "if the outputs of each word are taken in plain order rather than AWQ's";
}

struct AuditTrials::Stretch {
  std::size_t first = 0;
  std::size_t rows = 0;
  std::vector<std::int16_t> codes;
  std::vector<float> w;
};

Result<AuditTrials::Stretch> AuditTrials::stretch(std::size_t first, std::size_t rows) const {
  const std::size_t cols = p_.cols();
  Stretch made{first, rows, {}, {}};
  auto codes = subject_.packed.codes(subject_.container, first, rows, {control_.cancel, {}});
  if (!codes) return codes.error();
  if (codes->size() != rows * cols) {
    return Error{ErrorCode::UnreadableFile,
                 subject_.packed.info().path + ": codes do not fit its shape"};
  }
  made.codes = std::move(*codes);
  std::vector<float> scratch;
  const MatrixView w = subject_.original->block(first, rows, scratch);
  made.w.reserve(rows * cols);
  for (std::size_t i = 0; i < rows * cols; ++i) {
    made.w.push_back(w.data[i] * p_.inputScale(i % cols));
  }
  return made;
}

/// Stretches of `each` rows that begin at multiples of it, evenly over the tensor, of about `rows`
/// in all.
Result<std::vector<AuditTrials::Stretch>> AuditTrials::stretches(std::size_t each,
                                                                 std::size_t rows) const {
  const std::size_t all = subject_.packed.info().rows;
  const std::size_t there = std::max<std::size_t>(1, all / each);
  const std::size_t wanted = std::clamp<std::size_t>(rows / each, 1, there);
  std::vector<Stretch> made;
  for (std::size_t i = 0; i < wanted; ++i) {
    if (control_.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    const std::size_t first = i * there / wanted * each;
    auto next = stretch(first, std::min(each, all - first));
    if (!next) return next.error();
    made.push_back(std::move(*next));
  }
  return made;
}

/// The value of a row's parameters with a code, and its zero point, from elsewhere.
float AuditTrials::valueAt(const Stretch& s, std::size_t row, std::size_t codeRow, std::size_t col,
                           std::size_t codeCol) const {
  const std::size_t group = p_.groupOf(s.first + row, col);
  const std::size_t zeroOf = p_.groupOf(s.first + codeRow, col);
  const float unit = p_.unit(s.codes[codeRow * p_.cols() + codeCol], p_.zero(zeroOf));
  return unit * p_.step(group) + p_.offset(group);
}

Result<OrderTrial> AuditTrials::bestOrder() const {
  const std::size_t cols = p_.cols();
  auto made = stretches(kStretchRows, kSampledWeights / cols);
  if (!made) return made.error();
  const auto perWord = static_cast<std::size_t>(32 / subject_.packed.info().bits);
  const auto errorIn = [&](const std::optional<CodeOrder>& order) {
    double sum = 0;
    for (const Stretch& s : *made) {
      for (std::size_t row = 0; row < s.rows; ++row) {
        for (std::size_t col = 0; col < cols; ++col) {
          Source from{row, col};
          if (order) from = sourceOf(*order, row, col, perWord);
          if (from.row >= s.rows || from.col >= cols) from = {row, col};
          const double e = valueAt(s, row, from.row, col, from.col) - s.w[row * cols + col];
          sum += std::isfinite(e) ? e * e : 0;
        }
      }
    }
    return sum;
  };
  const double now = errorIn(std::nullopt);
  OrderTrial best;
  best.gainDb = -1;
  for (const CodeOrder order :
       {CodeOrder::PairsOfInputs, CodeOrder::WordsOfInputs, CodeOrder::PairsOfOutputs,
        CodeOrder::AwqToPlain, CodeOrder::PlainToAwq}) {
    const double gain = now > 0 ? decibels(now, errorIn(order)) : 0;
    if (gain > best.gainDb) best = {order, gain};
  }
  return best;
}

Result<std::optional<HeadTrial>> AuditTrials::bestHeads() const {
  const std::size_t cols = p_.cols(), rows = subject_.packed.info().rows;
  std::optional<HeadTrial> best;
  for (const std::size_t head : kHeadRows) {
    if (rows % head != 0) continue;
    auto made = stretches(head, kSampledHeads * head);
    if (!made) return made.error();
    double now = 0, other[2] = {0, 0};
    for (const Stretch& s : *made) {
      for (std::size_t i = 0; i < s.rows * cols; ++i) {
        const std::size_t row = i / cols, col = i % cols;
        const double v = valueAt(s, row, row, col, col);
        if (!std::isfinite(v)) continue;
        now += (v - s.w[i]) * (v - s.w[i]);
        for (const bool fromHalves : {false, true}) {
          const double e = v - s.w[rowOfHead(row, head, fromHalves) * cols + col];
          other[fromHalves ? 1 : 0] += e * e;
        }
      }
    }
    for (const bool fromHalves : {false, true}) {
      const double gain = now > 0 ? decibels(now, other[fromHalves ? 1 : 0]) : 0;
      if (!best || gain > best->gainDb) best = HeadTrial{head, fromHalves, gain};
    }
  }
  return best;
}

Result<std::vector<MovedRow>> AuditTrials::movedRows(const std::vector<std::size_t>& rows,
                                                     const Executor& executor) const {
  const std::size_t cols = p_.cols();
  const std::size_t count = std::min(rows.size(), kMostMoved);
  std::vector<std::vector<float>> values;
  for (std::size_t i = 0; i < count; ++i) {
    const auto s = stretch(rows[i], 1);
    if (!s) return s.error();
    std::vector<float> row(cols);
    for (std::size_t col = 0; col < cols; ++col) row[col] = valueAt(*s, 0, 0, col, col);
    values.push_back(std::move(row));
  }
  const RowBlocks blocks = RowBlocks::of(subject_.original->rows(), cols);
  std::vector<std::vector<MovedRow>> found(blocks.count());
  const auto work = [&](std::size_t block) {
    std::vector<float> scratch;
    const MatrixView w = subject_.original->block(blocks.first(block), blocks.size(block), scratch);
    found[block].resize(count);
    for (std::size_t r = 0; r < w.rows; ++r) {
      for (std::size_t i = 0; i < count; ++i) {
        double cross = 0, signal = 0, value = 0;
        for (std::size_t col = 0; col < cols; ++col) {
          const double a = w.row(r)[col] * p_.inputScale(col), v = values[i][col];
          cross += a * v;
          signal += a * a;
          value += v * v;
        }
        const double cosine = signal * value > 0 ? cross / std::sqrt(signal * value) : 0;
        if (cosine > found[block][i].cosine) {
          found[block][i] = {rows[i], blocks.first(block) + r, cosine};
        }
      }
    }
  };
  if (auto status = executor.forEachBlock(blocks.count(), work, {control_.cancel, {}}); !status) {
    return status.error();
  }
  std::vector<MovedRow> moved;
  for (std::size_t i = 0; i < count; ++i) {
    MovedRow best;
    for (const auto& block : found) {
      if (block[i].cosine > best.cosine) best = block[i];
    }
    if (best.cosine >= kLikeness && best.from != best.row) moved.push_back(best);
  }
  return moved;
}

Result<InputScaling> AuditTrials::inputScaling() const {
  constexpr std::size_t kLeastRows = 64;
  const std::size_t cols = p_.cols();
  if (subject_.packed.info().rows < kLeastRows) return InputScaling{};
  auto made = stretches(kStretchRows, std::max(kLeastRows, kSampledWeights / cols));
  if (!made) return made.error();
  std::vector<double> signal(cols, 0), cross(cols, 0);
  double now = 0, value = 0;
  for (const Stretch& s : *made) {
    for (std::size_t i = 0; i < s.rows * cols; ++i) {
      const std::size_t row = i / cols, col = i % cols;
      const double v = valueAt(s, row, row, col, col), w = s.w[i];
      if (!std::isfinite(v)) continue;
      now += (v - w) * (v - w);
      value += v * v;
      signal[col] += w * w;
      cross[col] += w * v;
    }
  }
  InputScaling found;
  std::vector<double> factors;
  double fitted = value;
  for (std::size_t col = 0; col < cols; ++col) {
    if (signal[col] == 0) continue;
    fitted -= cross[col] * cross[col] / signal[col];
    factors.push_back(cross[col] / signal[col]);
  }
  if (factors.empty() || now == 0) return found;
  std::sort(factors.begin(), factors.end());
  const std::size_t odd = factors.size() / 20;
  fitted = std::max(fitted, 0.0);
  return InputScaling{decibels(now, fitted), decibels(value, fitted), factors[odd],
                      factors[factors.size() - 1 - odd]};
}

}  // namespace quantoscope
