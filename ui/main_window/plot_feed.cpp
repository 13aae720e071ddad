#include "ui/main_window/plot_feed.h"

#include <utility>

#include <QLocale>

#include "ui/plots/plot.h"
#include "ui/plots/plot_rows.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

template <typename Answer>
QString subjectOf(const Answer& answer) {
  return shownText(answer.info.name + ", " + describe(answer.spec));
}

}  // namespace

PlotFeed::PlotFeed(Session* session, std::vector<Plot*> plots, QObject* parent)
    : QObject(parent), session_(session), plots_(std::move(plots)) {
  connect(session, &Session::resultChanged, this, &PlotFeed::showResult);
  connect(session, &Session::resultChanged, this, &PlotFeed::showDetail);
  connect(session, &Session::detailChanged, this, &PlotFeed::showDetail);
  connect(session, &Session::tensorChanged, this, &PlotFeed::showDetail);
  connect(session, &Session::activityChanged, this, &PlotFeed::showResult);
  connect(session, &Session::activityChanged, this, &PlotFeed::showStale);
  showNewResult();
  showResult();
  showDetail();
}

void PlotFeed::setPins(const std::vector<PinOverlay>& pins) {
  for (Plot* plot : plots_) plot->setPins(pins);
}

void PlotFeed::showResult() {
  const SharedResult result = session_->result();
  if (result != shown_) showNewResult();
  // A preview is not stale but rough, as the status bar says.
  const QString estimate =
      result && result->preview && !session_->resultIsCurrent()
          ? tr("preview of %1 weights").arg(QLocale().toString(result->preview->sampled))
          : QString();
  for (Plot* plot : plots_) {
    if (rowOf(*plot).basis == PlotBasis::Result) plot->setEstimate(estimate);
  }
}

void PlotFeed::showNewResult() {
  shown_ = session_->result();
  const QString subject = shown_ ? subjectOf(*shown_) : QString();
  for (Plot* plot : plots_) {
    const PlotBasis basis = rowOf(*plot).basis;
    if (basis == PlotBasis::Result) plot->setResult(shown_);
    if (basis == PlotBasis::Result || basis == PlotBasis::Curve) plot->setSubject(subject);
  }
}

/// The last detail stays until the next one arrives, unless it is another tensor's.
void PlotFeed::showDetail() {
  const SharedDetail detail = session_->detail();
  const bool nothing =
      !session_->hasTensor() || (session_->resultIsCurrent() && !session_->result()->metrics);
  for (Plot* plot : plots_) {
    const PlotBasis basis = rowOf(*plot).basis;
    if (basis != PlotBasis::Result && basis != PlotBasis::Detail) continue;
    if (detail || nothing) plot->setDetail(detail);
    if (detail && basis == PlotBasis::Detail) plot->setSubject(subjectOf(*detail));
  }
  showStale();
}

void PlotFeed::showStale() {
  const Activity activity = session_->activity();
  const bool awaited = session_->hasTensor() && !session_->detail() && !activity.idle();
  // Only what is about to be replaced: after a stop nothing is, as the message bar says.
  const SharedResult result = session_->result();
  const bool overtaken =
      result && !result->preview && !session_->resultIsCurrent() && activity.foreground();
  for (Plot* plot : plots_) {
    const PlotBasis basis = rowOf(*plot).basis;
    if (basis == PlotBasis::Detail) plot->setStale(awaited);
    if (basis == PlotBasis::Result) {
      plot->setStale(overtaken || (awaited && plot->awaitsDetail()));
    }
  }
}

}  // namespace quantoscope::ui
