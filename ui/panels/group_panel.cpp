#include "ui/panels/group_panel.h"

#include <algorithm>

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QVBoxLayout>

#include "ui/panels/group_chooser.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

GroupPanel::GroupPanel(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      model_(new GroupModel(this)),
      headline_(new QLabel(this)),
      table_(new QTableView(this)) {
  auto* sorted = new QSortFilterProxyModel(this);
  sorted->setSourceModel(model_);
  sorted->setSortRole(GroupModel::NumberRole);
  table_->setModel(sorted);
  table_->setObjectName(QStringLiteral("groupTable"));
  table_->setAccessibleName(tr("Weights of the group"));
  table_->setSortingEnabled(true);
  table_->sortByColumn(GroupModel::Channel, Qt::AscendingOrder);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table_->setFrameShape(QFrame::NoFrame);
  table_->setShowGrid(false);
  table_->setTabKeyNavigation(false);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 5);
  table_->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  table_->horizontalHeader()->setStretchLastSection(true);
  table_->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table_->horizontalHeader()->setHighlightSections(false);
  headline_->setWordWrap(true);
  headline_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  headline_->setAccessibleName(tr("Group"));

  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 4, 4, 0);
  layout->addWidget(new GroupChooser(session, this));
  layout->addWidget(headline_);
  layout->addWidget(table_, 1);

  setMinimumWidth(fontMetrics().averageCharWidth() * 22);

  auto* copy = new QAction(tr("&Copy"), this);
  copy->setShortcut(QKeySequence::Copy);
  copy->setShortcutContext(Qt::WidgetShortcut);
  connect(copy, &QAction::triggered, this, &GroupPanel::copySelection);
  auto* copyAll = new QAction(tr("Copy &All"), this);
  connect(copyAll, &QAction::triggered, this, [this] {
    table_->selectAll();
    copySelection();
  });
  table_->addActions({copy, copyAll});
  table_->setContextMenuPolicy(Qt::ActionsContextMenu);

  connect(session, &Session::resultChanged, this, &GroupPanel::showResult);
  showResult();
}

void GroupPanel::showResult() {
  const SharedResult result = session_->result();
  model_->setResult(result);
  if (!result || !result->group) {
    headline_->setText(tr("No group to show"));
    return;
  }
  const GroupDetail& group = *result->group;
  const QLocale numbers;
  const auto exact = [&](double value) { return numbers.toString(value, 'g', 9); };
  QString text = tr("<b>%1</b>: scale %2").arg(groupText(*result, numbers), exact(group.scale));
  if (codecOf(result->spec).hasZeroPoint()) {
    text += tr(", zero point %1").arg(exact(group.zeroPoint));
  }
  text += tr(", clip ratio %1, weights %2 to %3")
              .arg(ratioText(group.clipRatio, numbers), exact(group.min), exact(group.max));
  headline_->setText(text);
}

void GroupPanel::copySelection() const {
  QList<int> rows;
  for (const QModelIndex& index : table_->selectionModel()->selectedRows()) rows << index.row();
  std::sort(rows.begin(), rows.end());
  const QAbstractItemModel* shown = table_->model();
  QStringList lines;
  QStringList header;
  for (int column = 0; column < GroupModel::kColumns; ++column) {
    header << shown->headerData(column, Qt::Horizontal).toString();
  }
  lines << header.join(QLatin1Char('\t'));
  for (const int row : rows) {
    QStringList cells;
    for (int column = 0; column < GroupModel::kColumns; ++column) {
      cells << shown->index(row, column).data(Qt::ToolTipRole).toString();
    }
    lines << cells.join(QLatin1Char('\t'));
  }
  QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

}  // namespace quantoscope::ui
