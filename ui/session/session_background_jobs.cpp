// The session's background lane, lent to others.
#include <algorithm>
#include <utility>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

void Session::serve(QObject* owner, BackgroundJobSource source) {
  jobSources_.emplace_back(owner, std::move(source));
}

void Session::wakeBackgroundJobs() {
  halted_ = false;
  pumpBackground();
  Q_EMIT activityChanged();
}

bool Session::startBackgroundJob() {
  if (!tensor_ || !resultIsCurrent() || !result_->health.finite()) return false;
  std::erase_if(jobSources_, [](const auto& known) { return known.first.isNull(); });
  for (const auto& [owner, source] : jobSources_) {
    auto job = source();
    if (!job) continue;
    background_ = Activity::Kind::Comparing;
    jobText_ = job->text;
    backgroundLane_->submit([work = std::move(job->work), owner = owner, tensor = tensor_,
                             executor = patientExecutor_, cancel = backgroundCancel_,
                             outbox = outbox_](const CancelToken&) {
      auto delivery = work(tensor, executor, {cancel, {}});
      outbox->post([owner, delivery = std::move(delivery)](Session& session) {
        session.background_.reset();
        if (delivery && !owner.isNull()) delivery();
        session.pumpBackground();
        Q_EMIT session.activityChanged();
      });
    });
    return true;
  }
  return false;
}

}  // namespace quantoscope::ui
