// What the session reports about its activity.
#include <algorithm>
#include <utility>

#include <QLocale>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

bool Activity::foreground() const {
  switch (kind) {
    case Kind::Opening:
    case Kind::Loading:
    case Kind::Analysing:
    case Kind::Exporting:
      return true;
    case Kind::Idle:
    case Kind::Reporting:
    case Kind::Selecting:
    case Kind::Searching:
    case Kind::Comparing:
    case Kind::Surveying:
      break;
  }
  return false;
}

Activity Session::activity() const {
  Activity now = activityWithoutTime();
  // Until the change is announced, an activity that began just now has taken no time.
  if (!now.idle() && now.kind == announced_) now.elapsedMs = since_.elapsed();
  return now;
}

void Session::startActivityClock() {
  const Activity::Kind kind = activityWithoutTime().kind;
  if (std::exchange(announced_, kind) != kind) since_.start();
}

Activity Session::activityWithoutTime() const {
  if (exporting_) return exportingActivity();
  if (opening_ > 0) return openingActivity();
  if (loading_) return loadingActivity();
  if (lastAnswer_ < lastRequest_) return analysingActivity();
  if (background_ && !halted_) return backgroundActivity(*background_);
  return {};
}

Activity Session::exportingActivity() const {
  Activity now{Activity::Kind::Exporting, tr("Exporting %1").arg(exportName_), {}, 0};
  if (const auto total = exportProgress_->total.load(); total > 0) {
    now.progress = static_cast<double>(exportProgress_->done.load()) / static_cast<double>(total);
  }
  return now;
}

Activity Session::openingActivity() const {
  Activity now{Activity::Kind::Opening, {}, {}, 0};
  now.text = openCancel_.cancelled() ? tr("Cancelling %1").arg(openingName_)
                                     : tr("Opening %1").arg(openingName_);
  if (const auto done = openProgress_->done.load(); done > 0) {
    now.text += QStringLiteral(": ") + tr("%1 arrays").arg(QLocale().toString(done));
  }
  return now;
}

Activity Session::loadingActivity() const {
  Activity now{Activity::Kind::Loading, tr("Loading %1").arg(shownName(currentTensor())), {}, 0};
  const auto total = loadProgress_->total.load();
  if (total == 0) return now;
  const auto done = loadProgress_->done.load();
  const QLocale numbers;
  now.progress = static_cast<double>(done) / static_cast<double>(total);
  now.text +=
      QStringLiteral(": ") + tr("%1 of %2")
                                 .arg(numbers.formattedDataSize(static_cast<qint64>(done)),
                                      numbers.formattedDataSize(static_cast<qint64>(total)));
  return now;
}

Activity Session::analysingActivity() const {
  const bool previewed = result_ && result_->preview && result_->id == lastRequest_;
  const QString text = previewed ? tr("Preview from %1 of %2 weights; analysing all")
                                       .arg(QLocale().toString(result_->preview->sampled),
                                            QLocale().toString(result_->preview->total))
                                 : tr("Analysing %1").arg(shownName(currentTensor()));
  return {Activity::Kind::Analysing, text, {}, 0};
}

Activity Session::backgroundActivity(Activity::Kind kind) const {
  const QString tensor = shownName(currentTensor());
  if (kind == Activity::Kind::Reporting) return {kind, tr("Error map of %1").arg(tensor), {}, 0};
  if (kind == Activity::Kind::Selecting) {
    return {kind, tr("Selected weights of %1").arg(tensor), {}, 0};
  }
  if (kind == Activity::Kind::Searching) return {kind, tr("Clip curve of %1").arg(tensor), {}, 0};
  if (kind == Activity::Kind::Comparing) return {kind, jobText_, {}, 0};
  if (file() == nullptr) return {};
  const std::size_t known = file()->measured;
  const std::size_t all = file()->measurable;
  return {Activity::Kind::Surveying, tr("Measuring all tensors: %1 of %2").arg(known).arg(all),
          static_cast<double>(known) / static_cast<double>(std::max<std::size_t>(all, 1)), 0};
}

}  // namespace quantoscope::ui
