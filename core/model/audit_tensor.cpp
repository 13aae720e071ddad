#include "core/model/audit_tensor.h"

#include <algorithm>
#include <cmath>

#include "core/base/memory_border.h"
#include "core/base/text.h"
#include "core/metrics/error_metrics.h"
#include "core/model/audit_trials.h"

namespace quantoscope {

namespace {

/// Error over that of the nearest codes under the same scales. Calibrated codes (GPTQ) have 2 to 5
/// dB; a zero point off by one has 11 with any number of bits, rows of others 20 and more.
constexpr double kSuspectDb = 6;
constexpr double kMisfitDb = 10;
/// No right file gains by another order of its codes or rows.
constexpr double kOrderGainDb = 6;
/// A factor for each input gains 3 dB where weights are unrelated, and some 0.1 dB in right files.
constexpr double kInputGainDb = 6;
constexpr double kInputSpread = 1.2;  // one factor for all would be a fault of the scales
/// Of zero points, as asked for: 11 dB are lost where one is off by one, fewer where codes are
/// clipped or calibrated; then the share of groups tells.
constexpr double kZeroGainDb = 10;
constexpr double kMostGroups = 0.5;
constexpr double kSomeGroups = 0.01;
/// Of groups with scales that do not suit their codes; a scale of another tensor suits some by
/// chance.
constexpr double kMisfitGroups = 0.25;
/// Codes that have something in common with the weights, whatever their scales.
constexpr double kRelatedDb = 6;
/// Cosine of decoded and original weights; with one bit it is 0.8, of unrelated ones some 0.01.
constexpr double kUnrelated = 0.5;
/// Rows with other errors than the rest are told as such below this share of all rows.
constexpr double kMostRows = 0.9;
/// Without the original: rows whose codes lie about their zero point plus or minus one. Weights
/// have means of hundredths of a step over a row of 64 and more.
constexpr double kShiftedRows = 0.9;
constexpr std::size_t kLeastRow = 64;
constexpr std::size_t kZerosTogether = 32;  // 3-bit fields of three words

double share(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

std::string percent(double ratio) {
  return formatRounded(ratio * 100, 3) + " %";
}

std::string db(double value) {
  return formatRounded(value, 3) + " dB";
}

std::string at(const Sightings& seen) {
  return "first at row " + std::to_string(seen.first.row) + ", column " +
         std::to_string(seen.first.col);
}

/// The error that could not be avoided under these scales; not 0, so that exact weights divide.
double unavoidable(const AuditSums& sums) {
  constexpr double kLeast = 1e-6;
  return std::max(sums.nearest, kLeast * sums.squaredStep);
}

double excessDb(const AuditSums& sums) {
  return sums.error > 0 ? decibels(sums.error, unavoidable(sums)) : 0;
}

class Examination {
 public:
  Examination(const AuditSubject& subject, const AuditedParameters& parameters,
              const AuditTally& tally, const Executor& executor, const TaskControl& control)
      : subject_(subject),
        info_(subject.packed.info()),
        p_(parameters),
        tally_(tally),
        sums_(tally.sums()),
        executor_(executor),
        trials_(subject, parameters, control) {}

  Result<TensorFindings> run() {
    found_.recipe = recipeOf(p_, info_, tally_, subject_.original != nullptr);
    judgeScales();
    judgeConstants();
    judgeSaturation();
    if (subject_.original == nullptr) {
      judgeZerosAlone();
      return std::move(found_);
    }
    judgeZeros();
    if (auto status = judgeErrors(); !status) return status.error();
    return std::move(found_);
  }

 private:
  void raise(const char* id, std::string sentence,
             std::vector<std::pair<std::string, double>> evidence) {
    found_.alarms.push_back({id, info_.path, std::move(sentence), std::move(evidence)});
  }

  void raise(const char* id, const std::string& what, const Sightings& seen) {
    if (seen.count == 0) return;
    raise(id,
          std::to_string(seen.count) + " of " + std::to_string(tally_.groups) + " " + what + ", " +
              at(seen),
          {{"groups", static_cast<double>(seen.count)},
           {"of", static_cast<double>(tally_.groups)},
           {"row", static_cast<double>(seen.first.row)},
           {"col", static_cast<double>(seen.first.col)}});
  }

  void judgeScales() {
    raise("not_finite", "groups have scales, zero points or values that are NaN or Inf",
          tally_.notFinite);
    raise("scale_vanished",
          subject_.original != nullptr ? "groups have the scale 0 although their weights are not 0"
                                       : "groups have the scale 0 although their codes differ",
          tally_.vanished);
    raise("scale_subnormal", "groups have scales that are subnormal as " + info_.scaleType,
          tally_.subnormal);
    if (!found_.recipe.truncatedScales) return;
    raise("scales_truncated",
          "scales were cut off rather than rounded to their type: all are below what " +
              std::string(rowOf(found_.recipe.convention).text) + " gives, by " +
              percent(-found_.recipe.truncation) + " on average",
          {{"mean_relative_error", found_.recipe.truncation}});
  }

  std::size_t codesUsed() const {
    return static_cast<std::size_t>(std::count_if(tally_.codes.begin(), tally_.codes.end(),
                                                  [](std::uint64_t count) { return count > 0; }));
  }

  bool originalVaries() const {
    return subject_.original != nullptr &&
           std::any_of(tally_.rows.begin(), tally_.rows.end(),
                       [](const AuditRow& row) { return !row.flatOriginal; });
  }

  void judgeConstants() {
    const bool hasOriginal = subject_.original != nullptr;
    const bool oneARow = info_.groupSize == -1 || p_.stored().groups == 1;
    const bool isZero = sums_.value == 0 && (!hasOriginal || sums_.signal > 0);
    constantEverywhere_ = codesUsed() == 1 && (originalVaries() || !hasOriginal);
    if (isZero && oneARow && p_.stored().flatBlock == 0 && sums_.weights > 1) {
      constantEverywhere_ = true;
      raise("whole_rows_zero",
            "everything decodes to 0: a writer that does not know groups of a whole row (-1) "
            "saves zeros",
            {{"codes_used", static_cast<double>(codesUsed())}});
      return;
    }
    if (constantEverywhere_) {
      raise("constant_codes",
            "all codes are " + std::to_string(tally_.rows.front().code) +
                ": nothing of the weights was packed",
            {{"code", static_cast<double>(tally_.rows.front().code)}});
      return;
    }
    judgeConstantRows();
  }

  void judgeConstantRows() {
    std::uint64_t rows = 0;
    std::size_t first = 0;
    for (std::size_t r = tally_.rows.size(); r-- > 0;) {
      const AuditRow& row = tally_.rows[r];
      if (!row.constant || row.flatOriginal || row.sums.weights < kLeastGroup) continue;
      ++rows;
      first = r;
    }
    const double constant = share(tally_.constantGroups.count, tally_.groups);
    if (rows == 0 && constant <= kSomeGroups) return;
    raise("constant_rows",
          rows > 0 ? std::to_string(rows) +
                         " rows have one code throughout although their weights "
                         "vary, the first is row " +
                         std::to_string(first)
                   : percent(constant) +
                         " of the groups have one code throughout although their "
                         "weights vary, " +
                         at(tally_.constantGroups),
          {{"rows", static_cast<double>(rows)},
           {"groups", static_cast<double>(tally_.constantGroups.count)}});
  }

  void judgeSaturation() {
    const double part = share(tally_.saturated.count, tally_.groups);
    // Few codes are all at the ends; without the original, that is all there is to go by.
    if (part <= kSomeGroups || constantEverywhere_) return;
    if (subject_.original == nullptr && (info_.bits < 3 || codesUsed() * 2 < (1u << info_.bits))) {
      return;
    }
    raise("saturated_groups",
          percent(part) + " of the groups are saturated, most of their codes at the ends: " +
              at(tally_.saturated),
          {{"share", part}, {"groups", static_cast<double>(tally_.saturated.count)}});
  }

  /// Rows whose codes lie a step beside their zero points, on average.
  void judgeZerosAlone() {
    if (!p_.integers() || !p_.hasZeros() || info_.cols < kLeastRow) return;
    std::uint64_t up = 0, down = 0;
    for (const AuditRow& row : tally_.rows) {
      // The mean of a row has a deviation of its own, three of which are allowed.
      const double count = std::max(1.0, row.sums.weights), mean = row.sums.unit / count;
      const double tolerance = kShiftTolerance + 3 * std::sqrt(row.sums.squaredUnit) / count;
      if (std::abs(mean - 1) <= tolerance) ++up;
      if (std::abs(mean + 1) <= tolerance) ++down;
    }
    const double mean = sums_.unit / std::max(1.0, sums_.weights);
    if (std::abs(std::abs(mean) - 1) > kShiftTolerance) return;
    const double part = share(std::max(up, down), tally_.rows.size());
    if (part < kShiftedRows || constantEverywhere_) return;
    raise("zero_points_shifted",
          "the codes of " + percent(part) + " of the rows lie one step " +
              (up > down ? "above" : "below") +
              " their zero points on average: zero points seem to be off by one, as where GPTQ "
              "v1 is read as v2 or the other way round",
          {{"shift", up > down ? 1.0 : -1.0}, {"rows_share", part}});
  }

  struct Shift {
    int steps = 0;
    std::uint64_t groups = 0;  ///< with that one
    std::uint64_t all = 0;     ///< with any
  };
  Shift commonShift() const {
    Shift found;
    for (std::size_t i = 0; i < tally_.shifts.size(); ++i) {
      found.all += tally_.shifts[i];
      if (tally_.shifts[i] <= found.groups) continue;
      found.groups = tally_.shifts[i];
      found.steps = static_cast<int>(i) - AuditTally::kMostShift;
    }
    return found;
  }

  double errorShifted(double steps) const {
    return sums_.error - 2 * steps * sums_.drift + steps * steps * sums_.squaredStep;
  }

  void judgeZeros() {
    if (!p_.integers() || constantEverywhere_) return;
    const Shift shift = commonShift();
    const double every = share(shift.groups, tally_.shiftGroups);
    const double gain =
        shift.groups == 0
            ? 0
            : decibels(sums_.error, std::max(errorShifted(shift.steps), unavoidable(sums_)));
    const double some = share(shift.all, tally_.shiftGroups);
    if (some <= kSomeGroups) return;
    zerosExplain_ = true;
    std::erase_if(found_.alarms, [](const Alarm& alarm) { return alarm.id == "saturated_groups"; });
    if (info_.bits == 3 && p_.hasZeros() && raiseThreeBits(some)) return;
    if (every >= kMostGroups || gain >= kZeroGainDb) return raiseShift(shift, every, gain);
    raise("zero_points_shifted",
          "zero points of " + percent(some) + " of the groups are off, most by " +
              std::to_string(shift.steps),
          {{"shift", shift.steps}, {"groups_share", some}});
  }

  void raiseShift(const Shift& shift, double every, double gain) {
    const std::string steps = std::to_string(std::abs(shift.steps));
    const bool one = std::abs(shift.steps) == 1, large = shift.steps > 0;
    raise("zero_points_shifted",
          "decoded weights are " + steps + (one ? " step too " : " steps too ") +
              (large ? "large" : "small") + " in " + percent(every) +
              " of the groups; the error falls by " + db(gain) + " if " + steps +
              (large ? " is added to" : " is taken from") + " the zero points" +
              (one ? ": GPTQ v1 is read as v2, or the other way round" : ""),
          {{"shift", shift.steps}, {"gain_db", gain}, {"groups_share", every}});
  }

  /// Whether the rows at some places of each 32 are off, and the others are not.
  bool raiseThreeBits(double some) {
    std::uint64_t groups[kZerosTogether] = {}, off[kZerosTogether] = {};
    for (std::size_t r = 0; r < tally_.rows.size(); ++r) {
      groups[r % kZerosTogether] += tally_.rows[r].groups;
      off[r % kZerosTogether] += tally_.rows[r].shifted;
    }
    std::vector<std::string> places;
    for (std::size_t i = 0; i < kZerosTogether; ++i) {
      const double part = share(off[i], groups[i]);
      if (part >= kMostGroups) places.push_back(std::to_string(i));
    }
    if (places.empty() || places.size() == kZerosTogether) return false;
    raise("three_bit_zeros",
          "3-bit zero points are off at the outputs " + join(places, ", ") +
              " of each 32: an old writer of GPTQ v1 subtracted 1 at the wrong bits",
          {{"places", static_cast<double>(places.size())}, {"groups_share", some}});
    return true;
  }

  std::vector<std::size_t> badRows() const {
    std::vector<std::size_t> rows;
    for (std::size_t r = 0; r < tally_.rows.size(); ++r) {
      const AuditSums& sums = tally_.rows[r].sums;
      if (sums.squaredStep > 0 && excessDb(sums) > kMisfitDb) rows.push_back(r);
    }
    return rows;
  }

  double cosine() const {
    const double norms = std::sqrt(sums_.signal * sums_.value);
    return norms > 0 ? sums_.cross / norms : 0;
  }

  Status judgeErrors() {
    if (zerosExplain_ || constantEverywhere_ || sums_.squaredStep == 0) return ok();
    const double excess = excessDb(sums_);
    const double misfits = share(tally_.misfits.count, tally_.groups);
    const std::vector<std::size_t> bad = badRows();
    if (excess < kSuspectDb && bad.empty() && misfits < kMisfitGroups && cosine() >= kUnrelated) {
      return ok();
    }
    const auto explained = tryOrders();
    if (!explained) return explained.error();
    if (*explained) return ok();
    if (misfits < kMisfitGroups) return judgeRows(bad, excess);
    const double gain = decibels(sums_.error, sums_.fitted);
    raise("scales_misplaced",
          "the scales of " + percent(misfits) +
              " of the groups belong to other weights: the error "
              "falls by " +
              db(gain) + " if each group has the scale that suits its codes",
          {{"gain_db", gain}, {"groups_share", misfits}});
    return ok();
  }

  /// Whether another order of codes, rows or inputs explains the error.
  Result<bool> tryOrders() {
    const auto order = trials_.bestOrder();
    if (!order) return order.error();
    const auto heads = trials_.bestHeads();
    if (!heads) return heads.error();
    const double ofHeads = *heads ? (*heads)->gainDb : 0;
    if (order->gainDb >= kOrderGainDb && order->gainDb >= ofHeads) {
      raise("code_order",
            "the error falls by " + db(order->gainDb) + " " + sentenceOf(order->order),
            {{"gain_db", order->gainDb}});
      return true;
    }
    if (ofHeads >= kOrderGainDb) {
      raiseHeads(**heads);
      return true;
    }
    const auto inputs = trials_.inputScaling();
    if (!inputs) return inputs.error();
    if (inputs->gainDb < kInputGainDb || inputs->relatedDb < kRelatedDb ||
        inputs->greatest < kInputSpread * inputs->least) {
      return false;
    }
    found_.remarks.push_back("inputs were scaled before it was quantized (AWQ, SmoothQuant), by " +
                             formatRounded(inputs->least, 3) + " to " +
                             formatRounded(inputs->greatest, 3) +
                             ": the original's weights are not those that were quantized");
    Recipe unknown;
    unknown.scheme = found_.recipe.scheme;
    unknown.actOrder = found_.recipe.actOrder;
    unknown.globalNumerator = found_.recipe.globalNumerator;
    found_.recipe = unknown;
    std::erase_if(found_.alarms, [](const Alarm& alarm) { return alarm.id == "saturated_groups"; });
    return true;
  }

  void raiseHeads(const HeadTrial& heads) {
    const std::string size = std::to_string(heads.headRows);
    raise("heads_permuted",
          "the error falls by " + db(heads.gainDb) + " if the rows of each head of " + size +
              " are rearranged: they are in the order of " +
              (heads.fromHalves ? "adjacent pairs (llama, GGUF) where halves (transformers)"
                                : "halves (transformers) where adjacent pairs (llama, GGUF)") +
              " are meant",
          {{"gain_db", heads.gainDb}, {"head_rows", static_cast<double>(heads.headRows)}});
  }

  Status judgeRows(const std::vector<std::size_t>& bad, double excess) {
    const auto moved = trials_.movedRows(bad, executor_);
    if (!moved) return moved.error();
    if (!moved->empty()) {
      const MovedRow& first = moved->front();
      raise("rows_moved",
            std::to_string(bad.size()) + " rows do not hold their own weights: row " +
                std::to_string(first.row) + " holds those of row " + std::to_string(first.from),
            {{"rows", static_cast<double>(bad.size())},
             {"row", static_cast<double>(first.row)},
             {"from", static_cast<double>(first.from)},
             {"cosine", first.cosine}});
      return ok();
    }
    if (cosine() < kUnrelated) {
      raise("unrelated_weights",
            "has nothing in common with the original (cosine " + formatRounded(cosine(), 2) +
                "): the weights of another layer?",
            {{"cosine", cosine()}, {"excess_db", excess}});
    } else if (!bad.empty() &&
               static_cast<double>(bad.size()) < kMostRows * static_cast<double>(info_.rows)) {
      raise("rows_differ",
            std::to_string(bad.size()) + " of " + std::to_string(info_.rows) +
                " rows have far more error than rounding explains, from row " +
                std::to_string(bad.front()) + " to row " + std::to_string(bad.back()),
            {{"rows", static_cast<double>(bad.size())},
             {"first", static_cast<double>(bad.front())},
             {"last", static_cast<double>(bad.back())}});
    } else if (excess > kMisfitDb) {
      raise("codes_misfit",
            "has " + db(excess) + " more error than rounding to nearest under its scales",
            {{"cosine", cosine()}, {"excess_db", excess}});
    }
    return ok();
  }

  const AuditSubject& subject_;
  const PackedInfo& info_;
  const AuditedParameters& p_;
  const AuditTally& tally_;
  AuditSums sums_;
  const Executor& executor_;
  AuditTrials trials_;
  TensorFindings found_;
  bool constantEverywhere_ = false;
  bool zerosExplain_ = false;
};

Result<TensorFindings> examine(const AuditSubject& subject, const Executor& executor,
                               const TaskControl& control) {
  auto stored = subject.packed.parameters(subject.container, {control.cancel, {}});
  if (!stored) return stored.error();
  const auto parameters = AuditedParameters::of(subject.packed.info(), std::move(*stored));
  if (!parameters) return parameters.error();
  const auto tally = auditPass(subject, *parameters, executor, control);
  if (!tally) return tally.error();
  return Examination(subject, *parameters, *tally, executor, control).run();
}

}  // namespace

Result<TensorFindings> examineTensor(const AuditSubject& subject, const Executor& executor,
                                     const TaskControl& control) {
  return withinMemory(subject.packed.info().path,
                      [&] { return examine(subject, executor, control); });
}

Result<std::vector<Alarm>> alarmsOf(const AuditSubject& subject, const Executor& executor,
                                    const TaskControl& control) {
  auto found = examineTensor(subject, executor, control);
  if (!found) return found.error();
  return std::move(found->alarms);
}

}  // namespace quantoscope
