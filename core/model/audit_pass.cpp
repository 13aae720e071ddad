#include "core/model/audit_pass.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "core/base/checked.h"

namespace quantoscope {

namespace {

constexpr std::size_t kChunkWeights = std::size_t{1} << 22;  // codes of 8 MB
constexpr std::size_t kRowsTogether = 32;  // formats pack as many rows into words, or fewer
constexpr std::size_t kBlocksOfChunk = 16;
constexpr std::size_t kMostRecords = std::size_t{1} << 18;

Error misfit(const PackedInfo& info, const char* what) {
  return {ErrorCode::UnreadableFile, info.path + ": " + what + " do not fit its shape"};
}

/// How many leading bits of a number matter.
int significantBits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  constexpr int kMantissa = 23;
  const std::uint32_t mantissa = bits & ((1u << kMantissa) - 1);
  return mantissa == 0 ? 1 : 1 + kMantissa - std::countr_zero(mantissa);
}

/// The most that a stored scale keeps.
int bitsOfType(const std::string& type) {
  if (type == "float16") return 11;
  if (type == "bfloat16") return 8;
  return 24;
}

/// Below it a scale has fewer digits than its type promises.
float leastNormal(const std::string& type) {
  if (type == "float16" || type == "float8_e5m2") return 0x1p-14f;
  if (type == "float8_e4m3fn") return 0x1p-6f;
  if (type == "float8_e8m0fnu") return 0;
  return FLT_MIN;
}

/// A group's members, gathered.
struct Members {
  std::vector<std::size_t> at;  ///< in the chunk
  std::vector<float> w;
  std::vector<std::int16_t> codes;
};

/// The part of a chunk's work that one thread does: a piece of the tally.
struct AuditPiece {
  AuditTally tally;  ///< its rows are empty
  Members members;
};

struct Chunk {
  std::size_t firstRow = 0;
  std::size_t rows = 0;
  std::vector<std::int16_t> codes;
  std::vector<float> scratch;
  MatrixView w;  ///< null without an original
};

class AuditPass {
 public:
  AuditPass(const AuditSubject& subject, const AuditedParameters& parameters)
      : subject_(subject),
        info_(subject.packed.info()),
        p_(parameters),
        leastNormal_(leastNormal(info_.scaleType)) {
    orderColumns();
    const std::size_t perRow = std::max<std::size_t>(1, starts_.size() - 1);
    recordedRows_ = std::max<std::size_t>(1, info_.rows * perRow / kMostRecords);
  }

  Result<AuditTally> run(const Executor& executor, const TaskControl& control) {
    tally_.rows.resize(info_.rows);
    const std::size_t each = rowsOfChunk();
    for (std::size_t first = 0; first < info_.rows; first += each) {
      Chunk chunk;
      chunk.firstRow = first;
      chunk.rows = std::min(each, info_.rows - first);
      auto codes =
          subject_.packed.codes(subject_.container, first, chunk.rows, {control.cancel, {}});
      if (!codes) return codes.error();
      if (codes->size() != chunk.rows * info_.cols) return misfit(info_, "codes");
      chunk.codes = std::move(*codes);
      if (subject_.original != nullptr) {
        chunk.w = subject_.original->block(first, chunk.rows, chunk.scratch);
      }
      if (auto status = take(chunk, executor, control); !status) return status.error();
      if (control.progress) control.progress(first + chunk.rows, info_.rows);
    }
    return std::move(tally_);
  }

 private:
  /// Runs that cross the ends of rows are taken as they lie.
  bool crossesRows() const {
    return p_.stored().flatBlock != 0 && info_.cols % p_.stored().flatBlock != 0;
  }

  std::size_t rowsOfChunk() const {
    const std::size_t rows = std::max<std::size_t>(1, kChunkWeights / info_.cols);
    return rows < kRowsTogether ? rows : rows / kRowsTogether * kRowsTogether;
  }

  /// The columns of each group of a row, together.
  void orderColumns() {
    if (crossesRows()) return;
    order_.resize(info_.cols);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return p_.groupOf(0, a) < p_.groupOf(0, b);
    });
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (i == 0 || p_.groupOf(0, order_[i]) != p_.groupOf(0, order_[i - 1])) starts_.push_back(i);
    }
    starts_.push_back(order_.size());
  }

  Status take(const Chunk& chunk, const Executor& executor, const TaskControl& control) {
    const std::size_t blocks = crossesRows() ? 1 : std::min(chunk.rows, kBlocksOfChunk);
    std::vector<AuditPiece> pieces(blocks);
    const auto work = [&](std::size_t block) {
      const std::size_t first = chunk.rows * block / blocks;
      const std::size_t end = chunk.rows * (block + 1) / blocks;
      if (crossesRows()) {
        takeRuns(chunk, pieces[block]);
      } else {
        for (std::size_t row = first; row < end; ++row) takeRow(chunk, row, pieces[block]);
      }
    };
    if (auto status = executor.forEachBlock(blocks, work, {control.cancel, {}}); !status) {
      return status;
    }
    for (const AuditPiece& piece : pieces) append(piece.tally);
    return ok();
  }

  void append(const AuditTally& next) {
    tally_.groups += next.groups;
    for (std::size_t i = 0; i < next.codes.size(); ++i) tally_.codes[i] += next.codes[i];
    for (std::size_t i = 0; i < next.shifts.size(); ++i) tally_.shifts[i] += next.shifts[i];
    tally_.records.insert(tally_.records.end(), next.records.begin(), next.records.end());
    tally_.largestWeight = std::max(tally_.largestWeight, next.largestWeight);
    for (auto member :
         {&AuditTally::vanished, &AuditTally::subnormal, &AuditTally::notFinite,
          &AuditTally::constantGroups, &AuditTally::saturated, &AuditTally::misfits}) {
      (tally_.*member).append(next.*member);
    }
    tally_.negativeScales += next.negativeScales;
    tally_.judged += next.judged;
    tally_.differing += next.differing;
    tally_.shiftGroups += next.shiftGroups;
  }

  void takeRow(const Chunk& chunk, std::size_t row, AuditPiece& piece) {
    for (std::size_t g = 0; g + 1 < starts_.size(); ++g) {
      Members& m = piece.members;
      m.at.clear();
      for (std::size_t i = starts_[g]; i < starts_[g + 1]; ++i) {
        m.at.push_back(row * info_.cols + order_[i]);
      }
      takeGroup(chunk, piece);
    }
  }

  /// A run that a border between two chunks cuts is left out of what groups tell.
  void takeRuns(const Chunk& chunk, AuditPiece& piece) {
    const std::size_t run = p_.stored().flatBlock;
    const std::size_t begin = chunk.firstRow * info_.cols;
    const std::size_t end = begin + chunk.rows * info_.cols;
    for (std::size_t i = (begin + run - 1) / run * run; i < end; i += run) {
      const std::size_t stop = std::min(i + run, info_.rows * info_.cols);
      if (stop > end) break;
      piece.members.at.resize(stop - i);
      std::iota(piece.members.at.begin(), piece.members.at.end(), i - begin);
      takeGroup(chunk, piece);
    }
  }

  void gather(const Chunk& chunk, Members& m) const {
    m.codes.clear();
    m.w.clear();
    for (const std::size_t at : m.at) {
      m.codes.push_back(chunk.codes[at]);
      if (chunk.w.data == nullptr) continue;
      m.w.push_back(chunk.w.data[at] * p_.inputScale(at % info_.cols));
    }
  }

  void takeGroup(const Chunk& chunk, AuditPiece& piece) {
    Members& m = piece.members;
    gather(chunk, m);
    const std::size_t row = chunk.firstRow + m.at.front() / info_.cols;
    const std::size_t col = m.at.front() % info_.cols;
    const std::size_t group = p_.groupOf(row, col);
    ++piece.tally.groups;
    takeCodes(m, row, piece.tally);
    if (!takeScale(m, group, row, col, piece.tally)) return;
    const GroupRecord record = recordOf(m, group, row);
    if (!m.w.empty()) {
      takeWeights(m, group, record, col, piece.tally);
    } else {
      takeAlone(m, group, row, col, piece.tally);
    }
    if (row % recordedRows_ == 0) piece.tally.records.push_back(record);
  }

  void takeCodes(const Members& m, std::size_t row, AuditTally& tally) {
    AuditRow& seen = tally_.rows[row];  // a row is one thread's
    if (seen.sums.weights == 0) seen.code = m.codes.front();
    for (const std::int16_t code : m.codes) {
      constexpr int kFirst = -256;
      const int at = std::clamp<int>(code - kFirst, 0, AuditTally::kCodes - 1);
      ++tally.codes[static_cast<std::size_t>(at)];
      seen.constant = seen.constant && code == seen.code;
    }
    seen.sums.weights += static_cast<double>(m.codes.size());
  }

  static bool allEqual(const std::vector<std::int16_t>& codes) {
    return std::adjacent_find(codes.begin(), codes.end(), std::not_equal_to<>()) == codes.end();
  }

  /// Whether anything can be decoded with it.
  bool takeScale(const Members& m, std::size_t group, std::size_t row, std::size_t col,
                 AuditTally& tally) const {
    const float scale = p_.stored().scale[group];
    const float step = p_.step(group);
    if (!std::isfinite(scale) || !std::isfinite(step) || !std::isfinite(p_.zero(group)) ||
        !std::isfinite(p_.offset(group))) {
      tally.notFinite.see(row, col);
      return false;
    }
    if (step == 0) {
      const bool needed = m.w.empty() ? !allEqual(m.codes)
                                      : std::any_of(m.w.begin(), m.w.end(),
                                                    [&](float w) { return w != p_.offset(group); });
      if (needed) tally.vanished.see(row, col);
      return false;
    }
    if (std::abs(scale) < leastNormal_) tally.subnormal.see(row, col);
    if (step < 0) ++tally.negativeScales;
    return true;
  }

  GroupRecord recordOf(const Members& m, std::size_t group, std::size_t row) const {
    GroupRecord record;
    record.row = row;
    record.scale = p_.stored().scale[group];
    record.step = p_.step(group);
    record.zero = p_.zero(group);
    if (m.w.empty()) return record;
    const auto [low, high] = std::minmax_element(m.w.begin(), m.w.end());
    record.low = *low;
    record.high = *high;
    return record;
  }

  void takeWeights(const Members& m, std::size_t group, const GroupRecord& record, std::size_t col,
                   AuditTally& tally) {
    const double step = record.step;
    const float offset = p_.offset(group);
    const double tolerance = 2 * p_.roundingOfScale();
    AuditSums sums;
    double units = 0, squaredUnits = 0, product = 0, above = 0;
    std::uint64_t beyond = 0;
    for (std::size_t i = 0; i < m.w.size(); ++i) {
      const double w = m.w[i];
      const float u = p_.unit(m.codes[i], record.zero);
      if (!std::isfinite(u)) return tally.notFinite.see(record.row, col);
      const double t = (w - offset) / step;
      const double nearest = p_.nearestUnit(static_cast<float>(t), record.zero);
      const double off = std::abs(u - t), least = std::abs(nearest - t);
      constexpr double kOfDivision = 2e-3;  // the quotient may be of a 16-bit type
      if (off - least > tolerance * std::abs(t) + kOfDivision) ++tally.differing;
      if (least > 1.5 * p_.gap()) ++beyond;
      const double v = u * step + offset;
      sums.error += (v - w) * (v - w);
      sums.nearest += (nearest - t) * (nearest - t) * step * step;
      sums.signal += w * w;
      sums.value += v * v;
      sums.cross += v * w;
      above += (w - offset) * (w - offset);
      units += u;
      squaredUnits += static_cast<double>(u) * u;
      product += u * (w - offset);
      sums.drift += (u - t) * step * step;
    }
    const auto count = static_cast<double>(m.w.size());
    tally.judged += m.w.size();
    sums.squaredStep = count * step * step;
    sums.unit = units;
    sums.fitted =
        squaredUnits > 0 ? std::max(0.0, above - product * product / squaredUnits) : above;
    tally.largestWeight = std::max(tally.largestWeight, record.largest());
    judge(m, record, sums, static_cast<double>(beyond) / count, col, tally);
    tally_.rows[record.row].sums.add(sums);
  }

  /// Whether the group as a whole is not what it should be.
  void judge(const Members& m, const GroupRecord& record, const AuditSums& sums, double beyond,
             std::size_t col, AuditTally& tally) {
    AuditRow& row = tally_.rows[record.row];
    const double step = std::abs(record.step);
    const double range = static_cast<double>(record.high) - record.low;
    if (range > step) row.flatOriginal = false;
    if (m.w.size() < kLeastGroup) return;
    if (beyond > kMostSaturated) tally.saturated.see(record.row, col);
    if (range > 2 * p_.gap() * step && allEqual(m.codes)) {
      tally.constantGroups.see(record.row, col);
    }
    const double gain = info_.bits <= 2 ? kScaleGainOfTwoBits : kScaleGain;
    if (sums.error > kLeastError * sums.squaredStep && sums.error > gain * sums.fitted &&
        sums.signal > kRelated * sums.fitted) {
      tally.misfits.see(record.row, col);
    }
    if (!p_.integers()) return;
    ++tally.shiftGroups;
    ++row.groups;
    const auto count = static_cast<double>(m.w.size());
    const double mean = sums.drift / sums.squaredStep;
    const double shift = std::round(mean);
    if (shift == 0 || std::abs(shift) > AuditTally::kMostShift) return;
    if (std::abs(mean - shift) > kShiftTolerance) return;
    const double moved = sums.error - 2 * shift * sums.drift + count * shift * shift * step * step;
    if (moved * kShiftGain > sums.error) return;
    row.shift += shift;
    ++row.shifted;
    const int place = static_cast<int>(shift) + AuditTally::kMostShift;
    ++tally.shifts[static_cast<std::size_t>(place)];
  }

  /// What can be told of a group without the original.
  void takeAlone(const Members& m, std::size_t group, std::size_t row, std::size_t col,
                 AuditTally& tally) {
    const float zero = p_.zero(group);
    AuditSums sums;
    std::size_t extreme = 0;
    for (const std::int16_t code : m.codes) {
      const float u = p_.unit(code, zero);
      if (!std::isfinite(u)) return tally.notFinite.see(row, col);
      const float bare = p_.integers() ? code : u;
      if (bare <= p_.lowest() || bare >= p_.highest()) ++extreme;
      const double v = static_cast<double>(u) * p_.step(group) + p_.offset(group);
      sums.unit += u;
      sums.squaredUnit += static_cast<double>(u) * u;
      sums.value += v * v;
    }
    const auto count = static_cast<double>(m.codes.size());
    if (m.codes.size() >= kLeastGroup && !allEqual(m.codes) &&
        static_cast<double>(extreme) > kMostExtremeCodes * count) {
      tally.saturated.see(row, col);
    }
    tally_.rows[row].sums.add(sums);
  }

  const AuditSubject& subject_;
  const PackedInfo& info_;
  const AuditedParameters& p_;
  float leastNormal_;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> starts_;
  std::size_t recordedRows_ = 1;
  AuditTally tally_;
};

}  // namespace

Result<AuditedParameters> AuditedParameters::of(const PackedInfo& info,
                                                PackedParameters parameters) {
  const auto weights = checkedProduct(info.rows, info.cols);
  if (!weights || *weights == 0) return misfit(info, "rows and columns");
  if (info.bits < 1 || info.bits > 8) return misfit(info, "codes of its bits");
  if (parameters.flatBlock == 0 && parameters.groupOf.empty() && parameters.groups == 1) {
    parameters.groupOf.assign(info.cols, 0);
  }
  if (auto status = checkParameters(parameters, info); !status) return status.error();

  AuditedParameters made;
  made.cols_ = info.cols;
  int significant = 1;
  for (const float scale : parameters.scale) {
    const float used = scale / parameters.divisor;
    made.steps_.push_back(parameters.divides ? 1 / used : used);
    if (std::isfinite(scale)) significant = std::max(significant, significantBits(scale));
  }
  made.rounding_ = std::ldexp(1.0, -std::min(significant, bitsOfType(info.scaleType)));
  std::copy_if(parameters.levels.begin(), parameters.levels.end(), std::back_inserter(made.sorted_),
               [](float level) { return std::isfinite(level); });
  if (made.sorted_.empty() && !parameters.levels.empty()) return misfit(info, "levels");
  std::sort(made.sorted_.begin(), made.sorted_.end());
  if (made.sorted_.empty()) {
    const bool fromZero = !parameters.zero.empty() || !parameters.offset.empty();
    const int half = 1 << (info.bits - 1);
    made.lowest_ = static_cast<float>(fromZero ? 0 : -half);
    made.highest_ = static_cast<float>(fromZero ? 2 * half - 1 : half - 1);
  } else {
    made.lowest_ = made.sorted_.front();
    made.highest_ = made.sorted_.back();
    made.gap_ = 0;
    for (std::size_t i = 1; i < made.sorted_.size(); ++i) {
      made.gap_ = std::max(made.gap_, made.sorted_[i] - made.sorted_[i - 1]);
    }
  }
  made.stored_ = std::move(parameters);
  return made;
}

float AuditedParameters::unit(std::int16_t code, float zero) const {
  if (integers()) return static_cast<float>(code) - zero;
  const bool known = code >= 0 && static_cast<std::size_t>(code) < stored_.levels.size();
  return known ? stored_.levels[static_cast<std::size_t>(code)]
               : std::numeric_limits<float>::quiet_NaN();
}

float AuditedParameters::nearestUnit(float target, float zero) const {
  if (integers()) {
    return std::clamp(std::nearbyint(target + zero), lowest_, highest_) - zero;
  }
  const auto above = std::lower_bound(sorted_.begin(), sorted_.end(), target);
  if (above == sorted_.begin()) return *above;
  if (above == sorted_.end()) return sorted_.back();
  const float below = *(above - 1);
  return target - below <= *above - target ? below : *above;
}

float AuditedParameters::farthest() const {
  return std::max(std::abs(lowest_), std::abs(highest_));
}

void AuditSums::add(const AuditSums& other) {
  weights += other.weights;
  error += other.error;
  nearest += other.nearest;
  signal += other.signal;
  value += other.value;
  cross += other.cross;
  fitted += other.fitted;
  drift += other.drift;
  squaredStep += other.squaredStep;
  unit += other.unit;
  squaredUnit += other.squaredUnit;
}

AuditSums AuditTally::sums() const {
  AuditSums sums;
  for (const AuditRow& row : rows) sums.add(row.sums);
  return sums;
}

Result<AuditTally> auditPass(const AuditSubject& subject, const AuditedParameters& parameters,
                             const Executor& executor, const TaskControl& control) {
  return AuditPass(subject, parameters).run(executor, control);
}

}  // namespace quantoscope
