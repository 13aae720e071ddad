#include "ui/panels/group_panel.h"

#include <algorithm>
#include <numeric>

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include "core/base/text.h"
#include "ui/panels/group_chooser.h"
#include "ui/panels/text_size.h"
#include "ui/plots/group_plot.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

GroupPanel::GroupPanel(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      model_(new GroupModel(this)),
      headline_(new QLabel(this)),
      table_(new QTableView(this)),
      plot_(new GroupPlot(this)),
      halves_(new QSplitter(this)) {
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
  halves_->setObjectName(QStringLiteral("groupHalves"));
  halves_->addWidget(plot_);
  halves_->addWidget(table_);
  halves_->setHandleWidth(6);
  layout->addWidget(halves_, 1);

  followFont(this, [this] {
    setMinimumWidth(fontMetrics().averageCharWidth() * 22);
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 5);
  });

  auto* copy = new QAction(tr("&Copy"), this);
  copy->setShortcut(QKeySequence::Copy);
  copy->setShortcutContext(Qt::WidgetShortcut);
  connect(copy, &QAction::triggered, this, [this] {
    QList<int> rows;
    for (const QModelIndex& index : table_->selectionModel()->selectedRows()) rows << index.row();
    QGuiApplication::clipboard()->setText(rowsAsTsv(rows));
  });
  auto* copyAll = new QAction(tr("Copy &Table"), this);
  connect(copyAll, &QAction::triggered, this, [this] {
    QList<int> rows(table_->model()->rowCount());
    std::iota(rows.begin(), rows.end(), 0);
    QGuiApplication::clipboard()->setText(rowsAsTsv(rows));
  });
  table_->addActions({copy, copyAll});
  table_->setContextMenuPolicy(Qt::ActionsContextMenu);

  connect(session, &Session::resultChanged, this, &GroupPanel::showResult);
  connect(session, &Session::selectionChanged, this, [this] {
    model_->setSelection(session_->selection());
    showHeadline();
  });
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &GroupPanel::selectRows);
  showResult();
}

/// Beside each other where there is more width than height.
void GroupPanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  const bool wide = width() > height() * 5 / 4;
  halves_->setOrientation(wide ? Qt::Horizontal : Qt::Vertical);
}

void GroupPanel::showResult() {
  const SharedResult result = session_->result();
  model_->setResult(result);
  plot_->setResult(result);
  showHeadline();
}

void GroupPanel::showHeadline() {
  const SharedResult result = session_->result();
  if (!result || !result->group) {
    headline_->setText(tr("No group to show"));
    return;
  }
  const GroupDetail& group = *result->group;
  const QLocale numbers;
  const auto exact = [&](double value) { return numbers.toString(value, 'g', 9); };
  headline_->setTextFormat(Qt::RichText);  // numbers only
  QString text = tr("<b>%1</b>: scale %2").arg(groupText(*result, numbers), exact(group.scale));
  if (codecOf(result->spec).hasZeroPoint()) {
    text += tr(", zero point %1").arg(exact(group.zeroPoint));
  }
  text += tr(", clip ratio %1, weights %2 to %3")
              .arg(ratioText(group.clipRatio, numbers), exact(group.min), exact(group.max));
  if (session_->selection()) {
    text +=
        tr("; %1 of %2 weights selected")
            .arg(numbers.toString(model_->selectedRows()), numbers.toString(model_->rowCount()));
  }
  headline_->setText(text);
}

/// The rows that a person chose; a table that is filled anew loses them and says nothing by that.
void GroupPanel::selectRows() {
  const SharedResult result = session_->result();
  const QModelIndexList rows = table_->selectionModel()->selectedRows();
  if (rows.isEmpty() || !result || !result->group) return;
  std::vector<std::size_t> columns;
  for (const QModelIndex& index : rows) {
    columns.push_back(static_cast<std::size_t>(index.data(GroupModel::NumberRole).toDouble()));
  }
  std::sort(columns.begin(), columns.end());
  Region region{{{result->group->index.row, 1}}, {}};
  for (const std::size_t column : columns) {
    IndexRange* last = region.columns.empty() ? nullptr : &region.columns.back();
    if (last != nullptr && last->first + last->size == column) {
      ++last->size;
    } else {
      region.columns.push_back({column, 1});
    }
  }
  session_->setSelection(std::move(region));
}

QString GroupPanel::rowsAsTsv(QList<int> rows) const {
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
      const double number = shown->index(row, column).data(GroupModel::NumberRole).toDouble();
      cells << QString::fromStdString(formatNumber(number));
    }
    lines << cells.join(QLatin1Char('\t'));
  }
  return lines.join(QLatin1Char('\n'));
}

}  // namespace quantoscope::ui
