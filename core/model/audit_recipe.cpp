#include "core/model/audit_recipe.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/base/text.h"
#include "core/quant/number_formats.h"

namespace quantoscope {

namespace {

constexpr double kOfArithmetic = 2e-6;  // a few roundings to float32
constexpr double kNearlyAll = 0.99;     // of the groups: a few are odd in most files
constexpr double kSome = 0.01;          // groups at ratio 1 that tell a convention from another
constexpr double kHardlyAny = 0.001;
constexpr double kFewCodes = 0.001;        // ties, and scales that were rounded after the codes
constexpr double kCalibratedCodes = 0.02;  // GPTQ moves a fifth of the codes and more
constexpr double kFaultyCodes =
    10;  // noise over that of rounding, from which no recipe explains it
constexpr double kStepOfGrid = 200;  // ratios are searched on 1 - i / 200

/// One way of making a scale, as the ratio of the scale that is stored to the one it would make.
struct RatioRule {
  Convention convention;
  std::function<double(const GroupRecord&)> ratio;  ///< NaN where the group does not tell
};

using Records = std::vector<GroupRecord>;

double whole(const GroupRecord& g, double steps) {
  return g.largest() > 0 ? std::abs(g.step) * steps / g.largest() : std::nan("");
}

double fullRange(const GroupRecord& g, double steps) {
  // Of two weights of one magnitude either may be the one that decides.
  if (g.high == -g.low) return whole(g, steps);
  return g.extreme() != 0 ? -static_cast<double>(g.step) * steps / g.extreme() : std::nan("");
}

double span(const GroupRecord& g, double steps, bool withZero) {
  const double low = withZero ? std::min(0.0f, g.low) : g.low;
  const double high = withZero ? std::max(0.0f, g.high) : g.high;
  return high > low ? std::abs(g.step) * steps / (high - low) : std::nan("");
}

std::vector<RatioRule> rulesOf(Recipe::Scheme scheme, int bits, double largestLevel) {
  const double all = std::ldexp(1.0, bits) - 1, half = std::ldexp(1.0, bits - 1);
  const double restricted = std::max(1.0, half - 1);
  switch (scheme) {
    case Recipe::Scheme::Sym:
      return {
          {Convention::RestrictedMax, [=](const GroupRecord& g) { return whole(g, restricted); }},
          {Convention::HalfRange, [=](const GroupRecord& g) { return whole(g, all / 2); }},
          {Convention::FullRange, [=](const GroupRecord& g) { return fullRange(g, half); }}};
    case Recipe::Scheme::Asym:
    case Recipe::Scheme::Offset:
      return {{Convention::MinMaxZero, [=](const GroupRecord& g) { return span(g, all, true); }},
              {Convention::MinMax, [=](const GroupRecord& g) { return span(g, all, false); }}};
    case Recipe::Scheme::Levels:
      break;
  }
  return {{Convention::LargestLevel, [=](const GroupRecord& g) { return whole(g, largestLevel); }}};
}

/// Ratios of one rule over the groups that tell it.
struct Ratios {
  Convention convention = Convention::Unknown;
  std::vector<double> sorted;
  double exact = 0;   ///< share at 1
  double beyond = 0;  ///< share above

  double median() const { return sorted[sorted.size() / 2]; }
  double share(double value, double tolerance) const {
    const auto first = std::lower_bound(sorted.begin(), sorted.end(), value - tolerance);
    const auto end = std::upper_bound(sorted.begin(), sorted.end(), value + tolerance);
    return static_cast<double>(end - first) / static_cast<double>(sorted.size());
  }
};

Ratios ratiosOf(const RatioRule& rule, const Records& records, double tolerance) {
  Ratios found;
  found.convention = rule.convention;
  for (const GroupRecord& record : records) {
    const double ratio = rule.ratio(record);
    if (std::isfinite(ratio)) found.sorted.push_back(ratio);
  }
  if (found.sorted.empty()) return found;
  std::sort(found.sorted.begin(), found.sorted.end());
  found.exact = found.share(1, tolerance);
  const auto above = std::upper_bound(found.sorted.begin(), found.sorted.end(), 1 + tolerance);
  found.beyond =
      static_cast<double>(found.sorted.end() - above) / static_cast<double>(found.sorted.size());
  return found;
}

/// The middle of the ratios about the median, if nearly all lie there.
std::optional<double> oneRatio(const Ratios& ratios, double tolerance) {
  const double median = ratios.median();
  const double within = 2 * tolerance * median;
  if (ratios.share(median, within) < kNearlyAll) return std::nullopt;
  const auto first = std::lower_bound(ratios.sorted.begin(), ratios.sorted.end(), median - within);
  const auto end = std::upper_bound(ratios.sorted.begin(), ratios.sorted.end(), median + within);
  if (*(end - 1) - *first > 2 * within) return std::nullopt;
  return (*first + *(end - 1)) / 2;
}

/// The ratio of the usual grid that is within the tolerance.
std::optional<double> onGrid(double ratio, double tolerance) {
  const double nearest = std::round(ratio * kStepOfGrid) / kStepOfGrid;
  if (nearest > 1 || nearest < 0.5 || std::abs(nearest - ratio) > tolerance) return std::nullopt;
  return nearest;
}

/// Whether the groups of each row have one ratio.
bool onePerRow(const RatioRule& rule, const Records& records, double tolerance) {
  std::size_t rows = 0, alike = 0;
  for (std::size_t i = 0; i < records.size();) {
    std::vector<double> ratios;
    const std::size_t row = records[i].row;
    for (; i < records.size() && records[i].row == row; ++i) {
      const double ratio = rule.ratio(records[i]);
      if (std::isfinite(ratio)) ratios.push_back(ratio);
    }
    if (ratios.size() < 2) continue;
    ++rows;
    const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    if (*high - *low <= 2.5 * tolerance * *high) ++alike;
  }
  return rows > 0 && static_cast<double>(alike) >= kNearlyAll * static_cast<double>(rows);
}

void setRatios(Recipe& recipe, const Ratios& ratios, double ratio) {
  recipe.ratio = ratio;
  recipe.leastRatio = ratios.sorted.front();
  recipe.greatestRatio = ratios.sorted.back();
}

/// All scales are those of one convention, unclipped. Several that say the same of every group are
/// candidates.
bool tellUnclipped(Recipe& recipe, const std::vector<Ratios>& all) {
  double most = kNearlyAll;
  for (const Ratios& ratios : all) most = std::max(most, ratios.exact);
  for (const Ratios& ratios : all) {
    if (ratios.exact >= most) recipe.candidates.push_back(ratios.convention);
  }
  if (recipe.candidates.empty()) return false;
  recipe.clipping = Clipping::None;
  recipe.ratio = 1;
  return true;
}

/// Unclipped scales that were quantized themselves: they lie close about what they should be.
bool tellCoarseScales(Recipe& recipe, const std::vector<Ratios>& all) {
  constexpr double kCoarse = 0.02, kCentred = 0.002, kEitherSide = 0.2;
  for (const Ratios& ratios : all) {
    if (ratios.sorted.empty() || std::abs(ratios.median() - 1) > kCentred) continue;
    if (ratios.beyond < kEitherSide || ratios.share(1, kCoarse) < kNearlyAll) continue;
    recipe.candidates.push_back(ratios.convention);
    setRatios(recipe, ratios, 1);
  }
  if (!recipe.candidates.empty()) recipe.clipping = Clipping::None;
  return !recipe.candidates.empty();
}

bool tellOneRatio(Recipe& recipe, const std::vector<Ratios>& all, double tolerance) {
  std::vector<Convention> usual;
  for (const Ratios& ratios : all) {
    if (ratios.sorted.empty()) continue;
    const auto ratio = oneRatio(ratios, tolerance);
    if (!ratio || *ratio > 1 + tolerance) continue;
    recipe.candidates.push_back(ratios.convention);
    if (onGrid(*ratio, tolerance)) usual.push_back(ratios.convention);
  }
  if (recipe.candidates.empty()) return false;
  if (usual.size() == 1) recipe.candidates = usual;
  recipe.clipping = Clipping::OneRatio;
  const auto first = std::find_if(all.begin(), all.end(), [&](const Ratios& ratios) {
    return ratios.convention == recipe.candidates.front();
  });
  const double ratio = *oneRatio(*first, tolerance);
  setRatios(recipe, *first, onGrid(ratio, tolerance).value_or(ratio));
  return true;
}

/// Ratios differ: a convention is told by groups that no ratio changed, with none beyond.
void tellManyRatios(Recipe& recipe, const std::vector<Ratios>& all,
                    const std::vector<RatioRule>& rules, const Records& records, double tolerance) {
  const Ratios* chosen = &all.front();
  for (const Ratios& ratios : all) {
    if (ratios.exact < kSome || ratios.beyond > kHardlyAny) continue;
    recipe.candidates.push_back(ratios.convention);
  }
  if (recipe.candidates.size() == 1) {
    chosen = &*std::find_if(all.begin(), all.end(), [&](const Ratios& ratios) {
      return ratios.convention == recipe.candidates.front();
    });
  }
  if (chosen->sorted.empty()) return;
  const RatioRule& rule = rules[static_cast<std::size_t>(chosen - all.data())];
  recipe.clipping = onePerRow(rule, records, tolerance) ? Clipping::PerRow : Clipping::PerGroup;
  Ratios sizes = *chosen;  // the best scale may have the other sign
  for (double& ratio : sizes.sorted) ratio = std::abs(ratio);
  std::sort(sizes.sorted.begin(), sizes.sorted.end());
  setRatios(recipe, sizes, sizes.median());
}

void settle(Recipe& recipe) {
  if (recipe.candidates.size() != 1) return;
  recipe.convention = recipe.candidates.front();
  recipe.candidates.clear();
}

/// Scales that were cut off rather than rounded: all are below what they should be, by half of the
/// last place on average.
void tellTruncation(Recipe& recipe, const std::vector<RatioRule>& rules, const Records& records,
                    double rounding) {
  constexpr double kFineTypes = 1e-5;  // float32: nothing to be seen
  constexpr std::size_t kLeastRecords = 16;
  if (rounding < kFineTypes) return;
  for (const RatioRule& rule : rules) {
    std::size_t count = 0, within = 0;
    double sum = 0;
    for (const GroupRecord& record : records) {
      const double off = rule.ratio(record) - 1;
      if (!std::isfinite(off)) continue;
      ++count;
      sum += off;
      if (off >= -2 * rounding - kOfArithmetic && off <= kOfArithmetic) ++within;
    }
    if (count < kLeastRecords) continue;
    const double mean = sum / static_cast<double>(count);
    if (static_cast<double>(within) < kNearlyAll * static_cast<double>(count)) continue;
    if (mean > -0.3 * rounding) continue;  // rounding to nearest gives about 0
    recipe.truncatedScales = true;
    recipe.truncation = mean;
    recipe.convention = rule.convention;
    recipe.candidates.clear();
    recipe.clipping = Clipping::None;
    setRatios(recipe, ratiosOf(rule, records, 0), 1);
    return;
  }
}

void tellRatios(Recipe& recipe, const PackedInfo& info, const AuditedParameters& p,
                const Records& records, bool negative) {
  const double tolerance = 1.02 * p.roundingOfScale() + kOfArithmetic;
  std::vector<RatioRule> rules = rulesOf(recipe.scheme, info.bits, p.farthest());
  if (negative && recipe.scheme == Recipe::Scheme::Sym) {
    rules.erase(rules.begin(), rules.begin() + 2);  // scales of both signs: the full range alone
  }
  std::vector<Ratios> all;
  for (const RatioRule& rule : rules) all.push_back(ratiosOf(rule, records, tolerance));
  if (all.front().sorted.empty()) return;
  tellTruncation(recipe, rules, records, p.roundingOfScale());
  if (recipe.truncatedScales) return;
  if (!tellUnclipped(recipe, all) && !tellOneRatio(recipe, all, tolerance) &&
      !tellCoarseScales(recipe, all)) {
    tellManyRatios(recipe, all, rules, records, tolerance);
  }
  settle(recipe);
}

/// Scales that are e4m3 numbers times another: each the nearest to what its group asks for?
void tellE4m3(Recipe& recipe, const AuditedParameters& p, const Records& records,
              float largestWeight) {
  constexpr int kMantissaBits = 3, kLeastExponent = -6;
  const double divisor = p.stored().divisor, farthest = p.farthest();
  if (largestWeight > 0) recipe.globalNumerator = divisor * largestWeight / farthest;
  std::size_t told = 0, exact = 0;
  for (const GroupRecord& record : records) {
    if (record.largest() == 0) continue;
    ++told;
    const double asked = record.largest() / farthest * divisor;
    const int exponent = std::max(kLeastExponent, std::ilogb(record.scale));
    const double half = std::ldexp(1.0, exponent - kMantissaBits - 1);
    if (std::abs(asked - record.scale) <= half * (1 + 1e-3)) ++exact;
  }
  if (told == 0) return;
  if (static_cast<double>(exact) >= kNearlyAll * static_cast<double>(told)) {
    recipe.convention = Convention::LargestLevel;
    recipe.clipping = Clipping::None;
    recipe.ratio = 1;
    return;
  }
  const RatioRule rule = rulesOf(Recipe::Scheme::Levels, 4, farthest).front();
  recipe.clipping = Clipping::PerGroup;
  const Ratios ratios = ratiosOf(rule, records, 0);
  if (!ratios.sorted.empty()) setRatios(recipe, ratios, ratios.median());
}

/// Scales that are powers of two: by which rule?
void tellExponents(Recipe& recipe, const AuditedParameters& p, const Records& records) {
  const int emax = std::ilogb(p.farthest());
  std::size_t told = 0;
  std::size_t agree[3] = {0, 0, 0};
  for (const GroupRecord& record : records) {
    const double largest = record.largest();
    if (largest == 0) continue;
    ++told;
    const int exponent = std::ilogb(record.step);
    // 1.75 and above round up to the next power of two.
    constexpr double kUpFrom = 8.0 / 7.0;
    if (exponent == std::ilogb(largest) - emax) ++agree[0];
    if (exponent == std::ilogb(largest * kUpFrom) - emax) ++agree[1];
    if (exponent == static_cast<int>(std::ceil(std::log2(largest / p.farthest())))) ++agree[2];
  }
  constexpr Convention kRules[] = {Convention::FloorExponent, Convention::EvenExponent,
                                   Convention::CeilExponent};
  for (std::size_t i = 0; i < std::size(kRules); ++i) {
    if (told > 0 && static_cast<double>(agree[i]) >= kNearlyAll * static_cast<double>(told)) {
      recipe.candidates.push_back(kRules[i]);
    }
  }
  if (recipe.candidates.size() > 1) {  // those that explain most
    const std::size_t most = *std::max_element(std::begin(agree), std::end(agree));
    std::erase_if(recipe.candidates, [&](Convention convention) {
      const auto* at = std::find(std::begin(kRules), std::end(kRules), convention);
      return agree[at - std::begin(kRules)] < most;
    });
  }
  if (!recipe.candidates.empty()) recipe.clipping = Clipping::None;
  settle(recipe);
}

Recipe::Scheme schemeOf(const AuditedParameters& p, const PackedInfo& info) {
  const PackedParameters& stored = p.stored();
  if (!p.integers()) return Recipe::Scheme::Levels;
  if (!stored.offset.empty()) return Recipe::Scheme::Offset;
  if (stored.zero.empty()) return Recipe::Scheme::Sym;
  const float first = stored.zero.front();
  const bool one = std::all_of(stored.zero.begin(), stored.zero.end(),
                               [&](float zero) { return zero == first; });
  // One that is off by one is a fault of a symmetric file; see the alarms.
  const float middle = std::ldexp(1.0f, info.bits - 1);
  return one && std::abs(first - middle) <= 1 ? Recipe::Scheme::Sym : Recipe::Scheme::Asym;
}

void tellRounding(Recipe& recipe, const AuditTally& tally) {
  const AuditSums sums = tally.sums();
  if (tally.judged == 0) return;
  recipe.differingCodes = static_cast<double>(tally.differing) / static_cast<double>(tally.judged);
  if (sums.error > kFaultyCodes * sums.nearest && *recipe.differingCodes > kFewCodes) return;
  recipe.rounding = *recipe.differingCodes <= kFewCodes          ? Rounding::Nearest
                    : *recipe.differingCodes <= kCalibratedCodes ? Rounding::NearlyNearest
                                                                 : Rounding::Calibrated;
}

void tellZeros(Recipe& recipe, const AuditedParameters& p, const Records& records) {
  if (recipe.scheme != Recipe::Scheme::Asym || records.empty()) return;
  std::size_t follow = 0;
  for (const GroupRecord& record : records) {
    const double ratio = recipe.clipping == Clipping::None ? 1 : recipe.ratio.value_or(1);
    const bool alone = recipe.convention == Convention::MinMax;
    const double low = alone ? record.low : std::min(0.0f, record.low);
    const double exact = std::clamp<double>(-low * ratio / record.step, p.lowest(), p.highest());
    constexpr double kHalf = 0.5 + 0.02;  // the scale was rounded after the zero point
    if (std::abs(exact - record.zero) <= kHalf) ++follow;
  }
  recipe.zerosThatFollow = static_cast<double>(follow) / static_cast<double>(records.size());
}

bool inOrder(const PackedParameters& stored) {
  return std::is_sorted(stored.groupOf.begin(), stored.groupOf.end());
}

std::string clippingText(const Recipe& recipe) {
  const auto number = [](const std::optional<double>& value) { return formatRounded(*value, 4); };
  switch (recipe.clipping) {
    case Clipping::Unknown:
      return "clipping cannot be told";
    case Clipping::None:
      if (!recipe.leastRatio || recipe.truncatedScales) return "not clipped";
      return "not clipped, scales quantized themselves (" + number(recipe.leastRatio) + " to " +
             number(recipe.greatestRatio) + " of that)";
    case Clipping::OneRatio:
      return "clip ratio " + number(recipe.ratio);
    case Clipping::PerRow:
    case Clipping::PerGroup:
      break;
  }
  constexpr double kBeyond = 1.01;
  const bool fitted = recipe.greatestRatio.value_or(1) > kBeyond;
  std::string text = fitted ? "scales chosen" : "clipped";
  text += recipe.clipping == Clipping::PerRow ? " per row" : " per group";
  if (!recipe.ratio) return text;
  return text + ", median " + number(recipe.ratio) + " (" + number(recipe.leastRatio) + " to " +
         number(recipe.greatestRatio) + ")";
}

std::string roundingText(const Recipe& recipe) {
  if (!recipe.differingCodes) return "rounding cannot be told";
  const std::string share = formatRounded(*recipe.differingCodes * 100, 3) + " %";
  switch (recipe.rounding) {
    case Rounding::Nearest:
      return "codes follow from rounding to nearest";
    case Rounding::NearlyNearest:
      return "codes nearly follow from rounding to nearest (" + share + " differ)";
    case Rounding::Calibrated:
      return share + " of the codes are not the nearest, as calibration (GPTQ, AWQ) leaves them";
    case Rounding::Unknown:
      break;
  }
  return "codes do not follow from these weights (" + share + " are not the nearest)";
}

std::string conventionText(const Recipe& recipe) {
  if (recipe.candidates.empty()) return rowOf(recipe.convention).text;
  if (recipe.candidates == std::vector<Convention>{Convention::MinMaxZero, Convention::MinMax}) {
    return "(max - min) / (2^b - 1); whether 0 is included cannot be told";
  }
  std::string text = "convention cannot be told: ";
  for (std::size_t i = 0; i < recipe.candidates.size(); ++i) {
    if (i > 0) text += ", or ";
    text += rowOf(recipe.candidates[i]).text;
  }
  return text;
}

}  // namespace

const ConventionRow& rowOf(Convention convention) {
  return *std::find_if(std::begin(kConventions), std::end(kConventions),
                       [&](const ConventionRow& row) { return row.convention == convention; });
}

const char* nameOf(Clipping clipping) {
  constexpr const char* kNames[] = {"unknown", "none", "one_ratio", "per_row", "per_group"};
  return kNames[static_cast<std::size_t>(clipping)];
}

const char* nameOf(Rounding rounding) {
  constexpr const char* kNames[] = {"unknown", "nearest", "nearly_nearest", "calibrated"};
  return kNames[static_cast<std::size_t>(rounding)];
}

const char* nameOf(Recipe::Scheme scheme) {
  constexpr const char* kNames[] = {"sym", "asym", "offset", "levels"};
  return kNames[static_cast<std::size_t>(scheme)];
}

std::string Recipe::line() const {
  std::string text = std::string(nameOf(scheme)) + "; " + conventionText(*this) + "; " +
                     clippingText(*this) + "; " + roundingText(*this);
  if (globalNumerator) {
    text += "; global scale " + formatRounded(*globalNumerator, 4) + " * largest level / amax";
  }
  if (actOrder) text += "; groups in another order than the inputs";
  return text;
}

Recipe recipeOf(const AuditedParameters& parameters, const PackedInfo& info,
                const AuditTally& tally, bool hasOriginal) {
  Recipe recipe;
  recipe.scheme = schemeOf(parameters, info);
  recipe.actOrder = !inOrder(parameters.stored());
  if (!hasOriginal || tally.records.empty()) return recipe;
  if (info.scaleType == "float8_e8m0fnu") {
    tellExponents(recipe, parameters, tally.records);
  } else if (info.scaleType == "float8_e4m3fn") {
    tellE4m3(recipe, parameters, tally.records, tally.largestWeight);
  } else {
    tellRatios(recipe, info, parameters, tally.records, tally.negativeScales > 0);
  }
  tellZeros(recipe, parameters, tally.records);
  tellRounding(recipe, tally);
  return recipe;
}

namespace {

/// The format that has these levels and such scales.
std::optional<Dtype> dtypeOfLevels(const std::vector<float>& levels, const PackedInfo& info) {
  std::vector<float> sorted = levels;
  std::sort(sorted.begin(), sorted.end());
  std::erase_if(sorted, [](float level) { return !std::isfinite(level); });
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  const auto scales = info.scaleType == "float8_e8m0fnu"  ? ScaleFormat::E8m0
                      : info.scaleType == "float8_e4m3fn" ? ScaleFormat::E4m3
                                                          : ScaleFormat::Float32;
  for (const NumberFormat& format : numberFormats()) {
    if (format.levels != FormatLevels::Table || format.scaleFormat != scales) continue;
    if (format.table().levels == sorted) return format.dtype;
  }
  return std::nullopt;
}

}  // namespace

std::optional<QuantSpec> specLike(const AuditedParameters& parameters, const PackedInfo& info,
                                  const Recipe& recipe) {
  const PackedParameters& stored = parameters.stored();
  if (recipe.scheme == Recipe::Scheme::Offset || !stored.inputScale.empty()) return std::nullopt;
  if (stored.flatBlock != 0 && info.cols % stored.flatBlock != 0) return std::nullopt;
  QuantSpec spec;
  spec.bits = info.bits;
  if (recipe.scheme == Recipe::Scheme::Levels) {
    const auto dtype = dtypeOfLevels(stored.levels, info);
    if (!dtype) return std::nullopt;
    spec = spec.withDtype(*dtype);
  } else {
    spec.scheme = recipe.scheme == Recipe::Scheme::Sym ? Scheme::Sym : Scheme::Asym;
    spec.halfRange = recipe.convention == Convention::HalfRange;
    spec.fullRange = recipe.convention == Convention::FullRange;
  }
  if (!prescribedGroupSize(spec.dtype)) spec.groupSize = info.groupSize;
  if (!spec.validate()) return std::nullopt;
  return spec;
}

}  // namespace quantoscope
