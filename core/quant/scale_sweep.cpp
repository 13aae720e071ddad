#include "core/quant/scale_sweep.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quantoscope {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// What rounding may take from a sum of squares, relative to the whole; far less than float32 does.
constexpr double kNoise = 1e-14;
/// Bounds are loosened by this much, so that rounding never makes one wrong.
constexpr double kSlack = 1e-6;
/// Fractions of the unclipped scale that are tried first: a good error to beat shortens the sweep.
constexpr double kPilots[] = {0.97, 0.82};
/// The growth of 1 / s over one segment of the sweep.
constexpr double kSegment = 1.12;
/// With fewer choices than this, segments cost more than they save.
constexpr std::size_t kManyChoices = 3;
/// Breakpoints of a weight that are written at once.
constexpr std::size_t kBurst = 4;
/// A bucket with more breakpoints than this calls for the library's sort.
constexpr std::size_t kLongRun = 32;

}  // namespace

ScaleSweep::ScaleSweep(const Codec& codec) {
  if (codec.kind == CodecKind::Codebook) {
    addCodebook(*codec.codebook);
  } else {
    addIntegers(codec);
  }
  for (const Side side : {kPositive, kNegative}) {
    for (const Choice& choice : choices_) {
      mostSteps_[side] = std::max(mostSteps_[side], choice.last[side]);
    }
    reached_[side].resize(sides_[side].levels.size());
    states_[side].resize(sides_[side].levels.size());
  }
  buckets_ = std::max(mostSteps_[kPositive], mostSteps_[kNegative]) <= 16 ? 64 : 1024;
}

void ScaleSweep::addIntegers(const Codec& codec) {
  uniform_ = true;
  const auto highest = static_cast<std::size_t>(std::max(codec.maxCode, -codec.minCode));
  SideLevels levels;
  levels.levels.push_back(0);
  for (std::size_t k = 0; k < highest; ++k) {
    levels.thresholds.push_back(static_cast<float>(k) + 0.5f);
    levels.levels.push_back(static_cast<double>(k + 1));
  }
  sides_ = {levels, levels};
  const auto up = static_cast<std::size_t>(codec.maxCode);
  if (codec.kind == CodecKind::Asymmetric) {
    for (std::size_t zero = 0; zero <= up; ++zero) {
      choices_.push_back({{up - zero, zero}, static_cast<float>(zero)});
    }
    return;
  }
  const auto down = static_cast<std::size_t>(-codec.minCode);
  choices_.push_back({{up, down}});
  if (codec.fullRange || codec.halfRange) choices_.push_back({{down, up}, 0, -1});
}

void ScaleSweep::addCodebook(const Codebook& codebook) {
  const auto& levels = codebook.levels;
  const auto& thresholds = codebook.thresholds;
  const auto zeroUp = std::upper_bound(thresholds.begin(), thresholds.end(), 0.0f);
  const auto zeroDown = std::lower_bound(thresholds.begin(), thresholds.end(), 0.0f);
  SideLevels& positive = sides_[kPositive];
  positive.thresholds.assign(zeroUp, thresholds.end());
  positive.levels.assign(levels.begin() + (zeroUp - thresholds.begin()), levels.end());
  SideLevels& negative = sides_[kNegative];
  for (auto at = zeroDown; at != thresholds.begin(); --at) {
    negative.thresholds.push_back(-*(at - 1));
  }
  for (auto at = zeroDown - thresholds.begin(); at >= 0; --at) {
    negative.levels.push_back(-static_cast<double>(levels[static_cast<std::size_t>(at)]));
  }
  zeroLevel_ = negative.levels.front();
  choices_.push_back({{positive.thresholds.size(), negative.thresholds.size()}});
  bothSigns_ = positive.levels != negative.levels;
}

ScaleSweep::Best ScaleSweep::find(std::span<const float> weights,
                                  std::span<const float> importance) {
  if (!load(weights, importance)) return {};
  tabulateBounds();
  run();
  if (bothSigns_) {  // with a negative scale each side of the weights meets the other's levels
    turnLevels();
    run();
    turnLevels();
  }
  Best best;
  best.found = gain_ > 0;
  best.scale = std::ldexp(bestScale_, exponent_);
  best.zeroPoint = bestZeroPoint_;
  best.squaredError = std::ldexp(std::max(0.0, squaredWeight_ - gain_), 2 * exponent_);
  best.squaredWeight = std::ldexp(squaredWeight_, 2 * exponent_);
  return best;
}

void ScaleSweep::turnLevels() {
  std::swap(sides_[kPositive], sides_[kNegative]);
  std::swap(reached_[kPositive], reached_[kNegative]);
  std::swap(states_[kPositive], states_[kNegative]);
  std::swap(mostSteps_[kPositive], mostSteps_[kNegative]);
  std::swap(choices_[0].last[kPositive], choices_[0].last[kNegative]);
  choices_[0].sign = -choices_[0].sign;
}

bool ScaleSweep::load(std::span<const float> weights, std::span<const float> importance) {
  elements_.clear();
  largest_ = {0, 0};
  squaredWeight_ = zeroImportance_ = gain_ = bestScale_ = 0;
  bestZeroPoint_ = 0;
  float amax = 0;
  for (const float w : weights) amax = std::max(amax, std::fabs(w));
  if (amax == 0) return false;
  exponent_ = std::ilogb(amax);
  const double unit = std::ldexp(1.0, -exponent_);
  double smallest = kInfinity;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double h = importance.empty() ? 1.0 : importance[i];
    const double magnitude = std::fabs(weights[i]) * unit;
    if (h == 0) continue;
    if (static_cast<float>(magnitude) == 0) {
      zeroImportance_ += h;
      continue;
    }
    const Side side = weights[i] > 0 ? kPositive : kNegative;
    elements_.push_back({static_cast<float>(magnitude), side, h, h * magnitude});
    largest_[side] = std::max(largest_[side], magnitude);
    smallest = std::min(smallest, magnitude);
    squaredWeight_ += h * magnitude * magnitude;
  }
  amax_ = std::max(largest_[kPositive], largest_[kNegative]);
  smallest_ = smallest;
  return !elements_.empty();
}

void ScaleSweep::run() {
  tryScales();
  const double first = firstPosition();
  const double last = lastPosition(first);
  collectEvents(first, last);
  sortEvents(first, last);
  if (choices_.size() >= kManyChoices) {
    sweepSegments(first, last);
  } else {
    prepareStates();
    for (const Choice& choice : choices_) sweep(choice, 0, events_.size());
  }
}

void ScaleSweep::offer(const Choice& choice, double a, double b) {
  if (!(a > 0 && a * a > (gain_ + kNoise * squaredWeight_) * b)) return;
  gain_ = a * a / b;
  bestScale_ = choice.sign * (a / b);
  bestZeroPoint_ = choice.zeroPoint;
}

double ScaleSweep::errorToBeat() const {
  return (squaredWeight_ - gain_) * (1 + kSlack) + 100 * kNoise * squaredWeight_;
}

std::size_t ScaleSweep::stepsAt(Side side, float u) const {
  const auto& thresholds = sides_[side].thresholds;
  if (!uniform_) {
    const auto next = std::lower_bound(thresholds.begin(), thresholds.end(), u);
    return static_cast<std::size_t>(next - thresholds.begin());
  }
  const auto most = static_cast<float>(thresholds.size());
  return static_cast<std::size_t>(static_cast<int>(std::min(u + 0.5f, most)));
}

/// Tries the choice that reaches all weights with the smallest scale.
void ScaleSweep::tryScales() {
  likeliest_ = nullptr;
  double smallest = kInfinity;
  double scale = 0;
  for (const Choice& choice : choices_) {
    double unclipped = 0;
    double penalty = 0;  // weights on a side without levels
    for (const Side side : {kPositive, kNegative}) {
      const double reach = sides_[side].levels[choice.last[side]];
      if (reach > 0) {
        unclipped = std::max(unclipped, largest_[side] / reach);
      } else {
        penalty += largest_[side];
      }
    }
    if (likeliest_ == nullptr || unclipped + penalty < smallest) {
      likeliest_ = &choice;
      smallest = unclipped + penalty;
      scale = unclipped;
    }
  }
  for (const double pilot : kPilots) tryScale(*likeliest_, pilot * scale);
}

/// What a scale leads to with its nearest levels.
void ScaleSweep::tryScale(const Choice& choice, double scale) {
  if (!(scale > 0)) return;
  const auto position = static_cast<float>(1 / scale);
  double a = 0;
  double b = zeroImportance_ * zeroLevel_ * zeroLevel_;
  for (const Element& element : elements_) {
    const std::size_t step =
        std::min(stepsAt(element.side, element.magnitude * position), choice.last[element.side]);
    const double level = sides_[element.side].levels[step];
    a += element.product * level;
    b += element.importance * level * level;
  }
  offer(choice, a, b);
}

void ScaleSweep::collectEvents(double first, double last) {
  for (auto& sums : reached_) std::fill(sums.begin(), sums.end(), Sums{});
  const auto begin = static_cast<float>(first);
  const auto end = static_cast<float>(last);
  std::size_t count = 0;
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    const Element& element = elements_[i];
    const std::size_t steps = mostSteps_[element.side];
    if (raw_.size() < count + steps + kBurst) raw_.resize(2 * (count + steps + kBurst));
    std::size_t step = std::min(stepsAt(element.side, element.magnitude * begin), steps);
    Sums& reached = reached_[element.side][step];
    reached.h += element.importance;
    reached.x += element.product;
    const std::size_t stop = std::min(stepsAt(element.side, element.magnitude * end), steps);
    if (step >= stop) continue;
    const float* thresholds = sides_[element.side].thresholds.data();
    const float inverse = 1 / element.magnitude;
    // Whole bursts: most weights have so few events that a loop's end would be mispredicted.
    for (std::size_t from = step; from < stop; from += kBurst) {
      for (std::size_t k = from; k < from + kBurst; ++k) {
        const float threshold = thresholds[std::min(k, stop - 1)];
        raw_[count + k - step] = {threshold * inverse, static_cast<std::uint32_t>(i),
                                  static_cast<std::uint16_t>(k)};
      }
    }
    count += stop - step;
  }
  events_.resize(count);
  for (auto& sums : reached_) {
    for (std::size_t step = sums.size() - 1; step-- > 0;) {
      sums[step].h += sums[step + 1].h;
      sums[step].x += sums[step + 1].x;
    }
  }
}

/// Breakpoints are spread evenly, so as many buckets leave little to sort.
void ScaleSweep::sortEvents(double first, double last) {
  const std::size_t count = events_.size();
  const std::span<const RawEvent> raw(raw_.data(), count);
  offsets_.assign(count + 1, 0);
  const auto begin = static_cast<float>(first);
  const auto perUnit = static_cast<float>(static_cast<double>(count) / (last - first));
  const auto highest = static_cast<float>(count) - 1;
  const auto bucketOf = [=](float position) {
    return static_cast<std::size_t>(
        static_cast<int>(std::clamp((position - begin) * perUnit, 0.0f, highest)));
  };
  for (const RawEvent& event : raw) ++offsets_[bucketOf(event.position) + 1];
  std::uint32_t longest = 0;
  for (std::size_t b = 0; b < count; ++b) {
    longest = std::max(longest, offsets_[b + 1]);
    offsets_[b + 1] += offsets_[b];
  }
  for (const RawEvent& event : raw) {
    const Element& element = elements_[event.element];
    const double* level = sides_[element.side].levels.data() + event.step;
    events_[offsets_[bucketOf(event.position)]++] = {
        event.position, event.step, element.side, element.product * (level[1] - level[0]),
        element.importance * (level[1] * level[1] - level[0] * level[0])};
  }
  const auto earlier = [](const Event& x, const Event& y) { return x.position < y.position; };
  if (longest > kLongRun) {
    std::sort(events_.begin(), events_.end(), earlier);
    return;
  }
  for (std::size_t i = 1; i < count; ++i) {
    if (!earlier(events_[i], events_[i - 1])) continue;
    const Event moved = events_[i];
    std::size_t at = i;
    for (; at > 0 && earlier(moved, events_[at - 1]); --at) events_[at] = events_[at - 1];
    events_[at] = moved;
  }
}

/// Lets `states_` hold A and B of each side where `reached_` holds, for levels that end at each
/// step.
void ScaleSweep::prepareStates() {
  for (const Side side : {kPositive, kNegative}) {
    const auto& levels = sides_[side].levels;
    const auto& reached = reached_[side];
    State state{reached[0].x * levels[0], reached[0].h * levels[0] * levels[0]};
    states_[side][0] = state;
    for (std::size_t step = 1; step < levels.size(); ++step) {
      state.a += reached[step].x * (levels[step] - levels[step - 1]);
      state.b +=
          reached[step].h * (levels[step] * levels[step] - levels[step - 1] * levels[step - 1]);
      states_[side][step] = state;
    }
  }
}

ScaleSweep::State ScaleSweep::stateWith(const std::array<std::size_t, 2>& last) const {
  const State& positive = states_[kPositive][last[kPositive]];
  const State& negative = states_[kNegative][last[kNegative]];
  return {positive.a + negative.a,
          positive.b + negative.b + zeroImportance_ * zeroLevel_ * zeroLevel_};
}

/// Sweeps the events [from, to) for one choice; `states_` are what holds before them.
void ScaleSweep::sweep(const Choice& choice, std::size_t from, std::size_t to) {
  auto [a, b] = stateWith(choice.last);
  offer(choice, a, b);
  double bar = gain_ + kNoise * squaredWeight_;
  const std::array<std::size_t, 2> last = choice.last;
  for (std::size_t i = from; i < to; ++i) {
    const Event& event = events_[i];
    if (event.step >= last[event.side]) continue;
    a += event.a;
    b += event.b;
    if (a * a > bar * b && a > 0) {
      offer(choice, a, b);
      bar = gain_ + kNoise * squaredWeight_;
    }
  }
}

void ScaleSweep::sweepSegments(double first, double last) {
  const std::size_t count = events_.size();
  std::size_t from = 0;
  double begin = first;
  do {
    const double end = begin * kSegment;
    std::size_t to = from;
    while (to < count && (to == from || events_[to].position <= end)) ++to;
    // The levels after the last event stay until the next.
    const double until = to < count ? events_[to].position : std::max(end, last);
    prepareStates();
    const double least = leastErrorOfAllLevels(from, to);
    const double largest = 1 / begin;
    const double smallest = 1 / until;
    for (const Choice& choice : choices_) {
      const double limit = errorToBeat();
      if (least >= limit) break;
      if (least + missingLevels(choice, largest, smallest) < limit) sweep(choice, from, to);
    }
    takeSteps(from, to);
    if (to > from) begin = events_[to - 1].position;
    from = to;
  } while (from < count);
}

/// The least error with all levels of any choice, for every state from before `from` to before
/// `to`.
double ScaleSweep::leastErrorOfAllLevels(std::size_t from, std::size_t to) const {
  auto [a, b] = stateWith(mostSteps_);
  double gain = b > 0 ? a * a / b : 0;
  for (std::size_t i = from; i < to; ++i) {
    a += events_[i].a;
    b += events_[i].b;
    if (a * a > gain * b) gain = a * a / b;
  }
  return squaredWeight_ - gain;
}

/// Lets `reached_` hold after the events, whose steps are between integers.
void ScaleSweep::takeSteps(std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    const Event& event = events_[i];
    Sums& reached = reached_[event.side][event.step + 1];
    reached.x += event.a;
    reached.h += event.b / (2 * event.step + 1);
  }
}

}  // namespace quantoscope
