#include "ui/session/clip_spread.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/engine/ratio_search.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

std::uint64_t ClipSpread::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint64_t ClipSpread::atEdge() const {
  if (ratios.empty()) return 0;
  const auto smallest = std::min_element(ratios.begin(), ratios.end()) - ratios.begin();
  return counts[static_cast<std::size_t>(smallest)];
}

Result<SharedClipSpread> clipSpreadOf(const WeightTensor& tensor, const QuantSpec& spec,
                                      ClipPolicy::Kind kind, const RatioGrid& window,
                                      const Executor& executor, const TaskControl& control) {
  QuantSpec searched = spec;
  searched.clip = {kind, 1.0};
  searched.grid = window;
  auto search = searchRatios(tensor, searched, executor, control);
  if (!search) return search.error();
  auto found = std::make_shared<ClipSpread>();
  found->kind = kind;
  found->window = window;
  found->ratios = window.ratios();
  found->counts = std::move(search->choice.ratioCounts);
  found->mse = search->metrics.mse;
  found->unclippedMse = search->choice.curve.unclippedMse;
  found->wholeMse = search->choice.curve.bestMse();
  return SharedClipSpread(std::move(found));
}

ClipSpreads::ClipSpreads(Session* session, QObject* parent) : QObject(parent), session_(session) {
  session->serve(this, [this] { return next(); });
  connect(session, &Session::specChanged, this, &ClipSpreads::changed);
  connect(session, &Session::tensorChanged, this, &ClipSpreads::changed);
}

bool ClipSpreads::wanted() const {
  const bool searches =
      kind_ == ClipPolicy::Kind::SearchRows || kind_ == ClipPolicy::Kind::SearchGroups;
  return searches && session_->hasTensor();
}

void ClipSpreads::want(ClipPolicy::Kind kind, const RatioGrid& window) {
  kind_ = kind;
  window_ = window;
  Q_EMIT changed();
  if (next()) session_->wakeBackgroundJobs();
}

/// Nothing where nothing is wanted.
std::optional<Question> ClipSpreads::question() const {
  if (!wanted()) return std::nullopt;
  QuantSpec spec = session_->spec();
  spec.clip = {kind_, 1.0};
  spec.grid = window_;
  return session_->questionUnder(spec);
}

const Result<SharedClipSpread>* ClipSpreads::known() const {
  const auto asked = question();
  const auto found = asked ? spreads_.find(*asked) : spreads_.end();
  return found == spreads_.end() ? nullptr : &found->second;
}

SharedClipSpread ClipSpreads::spread() const {
  const auto* answer = known();
  return answer != nullptr && *answer ? **answer : nullptr;
}

QString ClipSpreads::problem() const {
  const auto* answer = known();
  return answer != nullptr && !*answer ? messageOf(answer->error()) : QString();
}

std::optional<BackgroundJob> ClipSpreads::next() {
  const auto asked = question();
  if (!asked || spreads_.contains(*asked)) return std::nullopt;
  return BackgroundJob::of(
      kind_ == ClipPolicy::Kind::SearchRows ? tr("Searching each row's clip ratio")
                                            : tr("Searching each group's clip ratio"),
      [spec = session_->spec(), kind = kind_, window = window_](
          const auto& tensor, const auto& executor, const auto& control) {
        return clipSpreadOf(*tensor, spec, kind, window, executor, control);
      },
      [this, asked = *asked](const Result<SharedClipSpread>& found) {
        constexpr std::size_t kRemembered = 200;
        if (spreads_.size() >= kRemembered) spreads_.clear();
        spreads_.insert_or_assign(asked, found);
        Q_EMIT changed();
      });
}

}  // namespace quantoscope::ui
