#include "ui/panels/metrics_panel.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QKeyEvent>

#include "ui/panels/text_size.h"

namespace quantoscope::ui {

MetricsPanel::MetricsPanel(Session* session, QWidget* parent)
    : QTableView(parent), metrics_(new MetricsModel(this)) {
  setModel(metrics_);
  setObjectName(QStringLiteral("metrics"));
  setAccessibleName(tr("Metrics"));
  setFrameShape(QFrame::NoFrame);
  setShowGrid(false);
  setWordWrap(false);
  setTabKeyNavigation(false);
  setSelectionBehavior(SelectRows);
  setEditTriggers(NoEditTriggers);
  setHorizontalScrollMode(ScrollPerPixel);
  setVerticalScrollMode(ScrollPerPixel);
  horizontalHeader()->hide();
  verticalHeader()->hide();
  verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  verticalHeader()->setMinimumSectionSize(1);
  followFont(this, [this] {
    setMinimumWidth(fontMetrics().averageCharWidth() * 30);
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 5);
  });
  horizontalHeader()->setSectionResizeMode(MetricsModel::Name, QHeaderView::Stretch);
  horizontalHeader()->setSectionResizeMode(MetricsModel::Value, QHeaderView::ResizeToContents);
  horizontalHeader()->setSectionResizeMode(MetricsModel::Unit, QHeaderView::ResizeToContents);

  auto* copy = new QAction(tr("&Copy"), this);
  connect(copy, &QAction::triggered, this, &MetricsPanel::copySelection);
  auto* copyAll = new QAction(tr("Copy &All"), this);
  connect(copyAll, &QAction::triggered, this, [this] {
    selectAll();
    copySelection();
  });
  addActions({copy, copyAll});
  setContextMenuPolicy(Qt::ActionsContextMenu);

  connect(metrics_, &QAbstractItemModel::modelReset, this, &MetricsPanel::spanSections);
  const auto showResult = [this, session] {
    metrics_->setResult(session->result(), session->detail());
    metrics_->setCurrent(session->resultIsCurrent());
  };
  connect(session, &Session::resultChanged, this, showResult);
  connect(session, &Session::detailChanged, this, showResult);
  showResult();
}

QSize MetricsPanel::sizeHint() const {
  const QFontMetrics metrics = fontMetrics();
  return {metrics.averageCharWidth() * 44, metrics.height() * 18};
}

void MetricsPanel::keyPressEvent(QKeyEvent* event) {
  if (event->matches(QKeySequence::Copy)) {
    copySelection();
  } else {
    QTableView::keyPressEvent(event);
  }
}

void MetricsPanel::spanSections() {
  clearSpans();
  for (int row = 0; row < metrics_->rowCount(); ++row) {
    const bool section = metrics_->index(row, 0).data(MetricsModel::SectionRole).toBool();
    if (section) setSpan(row, 0, 1, MetricsModel::kColumns);
    const bool isText = !section && metrics_->index(row, 0).data(MetricsModel::NumberRole).isNull();
    if (isText) setSpan(row, MetricsModel::Value, 1, 2);
  }
}

void MetricsPanel::copySelection() const {
  QStringList lines;
  for (const QModelIndex& index : selectionModel()->selectedRows()) {
    QStringList cells;
    for (int column = 0; column < MetricsModel::kColumns; ++column) {
      cells << index.siblingAtColumn(column).data().toString().trimmed();
    }
    lines << cells.join(QLatin1Char('\t'));
  }
  QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

}  // namespace quantoscope::ui
