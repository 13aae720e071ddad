#include "ui/session/head_to_head.h"

#include <algorithm>
#include <utility>

#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr std::size_t kMapSide = 256;
constexpr std::size_t kBins = 511;  // odd, so that 0 lies in the middle of one

/// -1, a whole row, is the largest.
long long largerGroup(long long a, long long b) {
  return a < 0 || b < 0 ? -1 : std::max(a, b);
}

}  // namespace

HeadToHead::HeadToHead(Session* session, PinStore* pins, QObject* parent)
    : QObject(parent), session_(session), pins_(pins) {
  session->serve(this, [this] { return next(); });
  connect(pins, &PinStore::changed, this, &HeadToHead::follow);
  connect(session, &Session::tensorChanged, this, &HeadToHead::follow);
  connect(session, &Session::orientationChanged, this, &HeadToHead::follow);
  connect(session, &Session::specChanged, this, &HeadToHead::follow);
}

std::vector<HeadToHead::Side> HeadToHead::candidates() const {
  std::vector<Side> sides;
  if (!session_->hasTensor()) return sides;
  sides.push_back({kPresent, tr("Current settings"), -1, session_->spec()});
  for (const Pin& pin : pins_->pins()) {
    if (pin.file != session_->currentPath() || pin.tensor != session_->currentTensor()) continue;
    sides.push_back({pin.id, pin.name, pin.color, pin.spec});
  }
  return sides;
}

std::optional<HeadToHead::Side> HeadToHead::sideOf(int pin) const {
  for (Side& side : candidates()) {
    if (side.pin == pin) return std::move(side);
  }
  return std::nullopt;
}

void HeadToHead::choose(int first, int second) {
  first_ = first;
  second_ = second;
  follow();
}

std::optional<std::pair<HeadToHead::Side, HeadToHead::Side>> HeadToHead::sides() const {
  const Pin* baseline = pins_->baseline();
  auto first = sideOf(first_.value_or(kPresent));
  auto second = sideOf(second_.value_or(baseline != nullptr ? baseline->id : -1));
  // A side that went away, by undo for instance, is replaced by what stands in its place.
  if (!first) first = sideOf(kPresent);
  if (!second) {
    const std::vector<Side> all = candidates();
    if (all.size() > 1) second = all[1];
  }
  if (!first || !second) return std::nullopt;
  return std::pair{std::move(*first), std::move(*second)};
}

WinRateRequest HeadToHead::request() const {
  WinRateRequest request;
  const auto both = sides();
  request.first = both->first.spec;
  request.second = both->second.spec;
  request.mapSide = kMapSide;
  request.bins = kBins;
  request.groupSize = largerGroup(request.first.groupSize, request.second.groupSize);
  return request;
}

/// Nothing without two sides that differ.
std::optional<HeadToHead::Pairing> HeadToHead::pairing() const {
  const auto both = sides();
  if (!both || both->first.spec == both->second.spec) return std::nullopt;
  auto first = session_->questionUnder(both->first.spec);
  if (!first) return std::nullopt;
  return Pairing{std::move(*first), both->second.spec};
}

const Result<SharedWinRate>* HeadToHead::known() const {
  const auto asked = pairing();
  const auto found = asked ? answers_.find(*asked) : answers_.end();
  return found == answers_.end() ? nullptr : &found->second;
}

SharedWinRate HeadToHead::answer() const {
  const auto* answer = known();
  return answer != nullptr && *answer ? **answer : nullptr;
}

QString HeadToHead::problem() const {
  if (!session_->hasTensor()) return tr("Open a file to compare settings");
  const auto both = sides();
  if (!both) return tr("Pin settings of this tensor (Ctrl+P) to compare others with them");
  if (both->first.spec == both->second.spec) {
    return tr("Both sides have the same settings: change them, or choose another pin");
  }
  const auto* answer = known();
  return answer != nullptr && !*answer ? messageOf(answer->error()) : QString();
}

void HeadToHead::setWanted(bool wanted) {
  if (wanted == wanted_) return;
  wanted_ = wanted;
  if (wanted && next()) session_->wakeBackgroundJobs();
}

void HeadToHead::follow() {
  Q_EMIT changed();
  if (next()) session_->wakeBackgroundJobs();
}

std::optional<BackgroundJob> HeadToHead::next() {
  const auto asked = pairing();
  if (!wanted_ || !asked || answers_.contains(*asked)) return std::nullopt;
  const auto both = sides();
  return BackgroundJob::of(
      tr("Comparing %1 and %2").arg(both->first.name, both->second.name),
      [request = request()](const auto& tensor, const auto& executor, const auto& control) {
        WinRateRequest complete = request;
        complete.tensor = tensor;
        return winRate(complete, executor, control);
      },
      [this, asked = *asked](const Result<SharedWinRate>& found) {
        if (answers_.size() >= kRemembered) answers_.clear();
        answers_.insert_or_assign(asked, found);
        Q_EMIT changed();
      });
}

}  // namespace quantoscope::ui
