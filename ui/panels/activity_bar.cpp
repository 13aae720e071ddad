#include "ui/panels/activity_bar.h"

#include <optional>
#include <unistd.h>

#include <QFile>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QProgressBar>
#include <QToolButton>

#include "core/kernels/kernels.h"
#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

constexpr int kRefreshMs = 100;
constexpr qint64 kShowAfterMs = 300;

/// What this process holds in memory, where the system tells.
std::optional<qint64> residentBytes() {
  QFile file(QStringLiteral("/proc/self/statm"));
  if (!file.open(QIODevice::ReadOnly)) return std::nullopt;
  const QList<QByteArray> pages = file.readAll().split(' ');
  if (pages.size() < 2) return std::nullopt;
  return pages[1].toLongLong() * sysconf(_SC_PAGESIZE);
}

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
  cancel_->setToolTip(tr("Stop running work and keep the last result (Esc)"));
  threads_->setToolTip(
      tr("Threads that analyses run on, the instruction set they use, and the "
         "memory of this program"));
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

void ActivityBar::showMachine() {
  const int count = session_->threads();
  QString text = count == 1 ? tr("1 thread") : tr("%1 threads").arg(count);
  text += QStringLiteral(" · ") + QString::fromLatin1(kernels::activeKernels().name);
  if (const auto bytes = residentBytes()) {
    text += QStringLiteral(" · ") + QLocale().formattedDataSize(*bytes, 0);
  }
  threads_->setText(text);
}

void ActivityBar::refresh() {
  showMachine();
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
