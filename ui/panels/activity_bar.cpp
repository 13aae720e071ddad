#include "ui/panels/activity_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QProgressBar>
#include <QToolButton>

#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

constexpr int kRefreshMs = 100;
constexpr qint64 kShowAfterMs = 300;

QString durationText(double ms) {
  if (ms < 1000) return ActivityBar::tr("%1 ms").arg(numberText(ms, 3));
  return ActivityBar::tr("%1 s").arg(QLocale().toString(ms / 1000, 'f', 1));
}

}  // namespace

ActivityBar::ActivityBar(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      text_(new QLabel(this)),
      elapsed_(new QLabel(this)),
      progress_(new QProgressBar(this)),
      cancel_(new QToolButton(this)),
      threads_(new QLabel(this)) {
  progress_->setFixedWidth(110);
  progress_->setMaximumHeight(10);
  progress_->setTextVisible(false);
  progress_->setAccessibleName(tr("Progress"));
  cancel_->setText(tr("Cancel (Esc)"));
  cancel_->setAutoRaise(true);
  cancel_->setAccessibleName(tr("Cancel running work"));
  cancel_->setToolTip(tr("Stop what runs and keep what is shown (Esc)"));
  threads_->setText(session->threads() == 1 ? tr("1 thread")
                                            : tr("%1 threads").arg(session->threads()));
  threads_->setToolTip(tr("Threads that analyses run on"));
  threads_->setEnabled(false);

  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(4, 0, 4, 0);
  layout->setSpacing(8);
  for (QWidget* widget :
       std::initializer_list<QWidget*>{text_, elapsed_, progress_, cancel_, threads_}) {
    layout->addWidget(widget);
  }
  timer_.setInterval(kRefreshMs);
  connect(&timer_, &QTimer::timeout, this, &ActivityBar::refresh);
  connect(session, &Session::activityChanged, this, &ActivityBar::refresh);
  connect(session, &Session::resultChanged, this, &ActivityBar::refresh);
  connect(cancel_, &QToolButton::clicked, session, &Session::cancel);
  refresh();
}

void ActivityBar::refresh() {
  const Activity now = session_->activity();
  if (now.idle()) {
    timer_.stop();
    showIdle();
    return;
  }
  if (!timer_.isActive()) timer_.start();
  if (now.elapsedMs < kShowAfterMs && !cancel_->isVisibleTo(this)) return;
  text_->setText(now.text);
  elapsed_->setText(durationText(static_cast<double>(now.elapsedMs)));
  progress_->setRange(0, now.progress ? 1000 : 0);
  if (now.progress) progress_->setValue(static_cast<int>(*now.progress * 1000));
  progress_->show();
  cancel_->show();
}

void ActivityBar::showIdle() {
  const SharedResult result = session_->result();
  progress_->hide();
  cancel_->hide();
  elapsed_->clear();
  if (result && session_->resultIsCurrent()) {
    text_->setText(tr("Analysed in %1").arg(durationText(result->elapsedMs)));
  } else {
    text_->setText(result ? tr("Not up to date (F5 computes again)") : QString());
  }
}

}  // namespace quantoscope::ui
