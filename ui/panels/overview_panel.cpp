#include "ui/panels/overview_panel.h"

#include <algorithm>
#include <utility>

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QFileInfo>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QStackedWidget>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/models/model_totals.h"
#include "ui/panels/text_size.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr int kSoonMs = 50;

/// Under which the state of a table with so many columns is kept.
QString tableName(int columns = TensorListModel::kColumns) {
  return QStringLiteral("overview.%1").arg(columns);
}

/// Further metrics stand beside those that are always listed.
std::vector<int> columnsInOrder() {
  std::vector<int> columns;
  for (int column = 0; column < TensorListModel::kFurtherMetrics; ++column) {
    if (column == TensorListModel::Bits) {
      for (int further = TensorListModel::kFurtherMetrics; further < TensorListModel::kColumns;
           ++further) {
        columns.push_back(further);
      }
    }
    columns.push_back(column);
  }
  return columns;
}

/// The name of the tensor that is shown, in bold.
class ShownDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    option->textElideMode = Qt::ElideLeft;  // the end of a path tells more than its beginning
    if (index.data(TensorListModel::ShownRole).toBool()) option->font.setBold(true);
  }
};

/// Text away from the number to the left of it.
class PaddedDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    QStyleOptionViewItem item = option;
    initStyleOption(&item, index);
    const QString text = std::exchange(item.text, QString());
    const QStyle* style = item.widget != nullptr ? item.widget->style() : QApplication::style();
    style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);
    const bool selected = item.state.testFlag(QStyle::State_Selected);
    const auto group =
        item.state.testFlag(QStyle::State_Active) ? QPalette::Active : QPalette::Inactive;
    const QRect rect = item.rect.adjusted(item.fontMetrics.averageCharWidth() * 2, 0, -2, 0);
    painter->save();
    painter->setPen(
        item.palette.color(group, selected ? QPalette::HighlightedText : QPalette::Text));
    painter->setFont(item.font);
    painter->drawText(rect, Qt::AlignLeft | Qt::AlignVCenter,
                      item.fontMetrics.elidedText(text, Qt::ElideRight, rect.width()));
    painter->restore();
  }
};

}  // namespace

OverviewPanel::OverviewPanel(Session* session, Settings* settings, PresetStore* ownPresets,
                             QWidget* parent)
    : QWidget(parent),
      session_(session),
      settings_(settings),
      ownPresets_(ownPresets),
      model_(new TensorListModel(session, this)),
      filter_(new TensorFilterModel(this)),
      words_(new QLineEdit(this)),
      problem_(new QLabel(this)),
      pages_(new QStackedWidget(this)),
      table_(new QTableView(this)),
      message_(new QLabel(this)),
      totals_(new QLabel(this)) {
  filter_->setSourceModel(model_);
  createFilter();
  createTable();
  createActions();

  message_->setObjectName(QStringLiteral("overviewMessage"));
  message_->setAccessibleName(tr("Reason why no tensors are listed"));
  message_->setTextFormat(Qt::RichText);  // for the link
  message_->setAlignment(Qt::AlignCenter);
  message_->setWordWrap(true);
  message_->setTextInteractionFlags(Qt::TextBrowserInteraction);
  connect(message_, &QLabel::linkActivated, words_, &QLineEdit::clear);
  totals_->setObjectName(QStringLiteral("overviewTotals"));
  totals_->setAccessibleName(tr("Sum of the tensors"));
  totals_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  totals_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  totals_->setToolTip(
      tr("Bytes as stored and as quantized; bits per weight with every overhead\n"
         "SQNR of all weights together: 10 log₁₀(Σ w² / Σ e²), so that large tensors count for "
         "more"));

  pages_->addWidget(table_);
  pages_->addWidget(message_);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(6, 4, 6, 4);
  layout->setSpacing(4);
  layout->addWidget(headline());
  layout->addWidget(problem_);
  layout->addWidget(pages_, 1);
  layout->addWidget(totals_);
  followFont(this, [this] {
    setMinimumWidth(fontMetrics().averageCharWidth() * 45);
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 7);
  });

  later_.setSingleShot(true);
  connect(&later_, &QTimer::timeout, this, &OverviewPanel::updateState);
  const auto soon = [this] {
    if (isVisible() && !later_.isActive()) later_.start(kSoonMs);
  };
  for (QAbstractItemModel* model : std::initializer_list<QAbstractItemModel*>{model_, filter_}) {
    connect(model, &QAbstractItemModel::modelReset, this, soon);
    connect(model, &QAbstractItemModel::dataChanged, this, soon);
    connect(model, &QAbstractItemModel::rowsInserted, this, soon);
    connect(model, &QAbstractItemModel::rowsRemoved, this, soon);
  }
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this, soon] {
    soon();
    updateActions();
  });
  connect(session, &Session::tensorChanged, this, &OverviewPanel::updateActions);
  updateState();
  updateActions();
}

OverviewPanel::~OverviewPanel() {
  settings_->setTableState(tableName(), table_->horizontalHeader()->saveState());
}

void OverviewPanel::showEvent(QShowEvent* event) {
  updateState();  // which nobody kept up to date meanwhile
  QWidget::showEvent(event);
}

void OverviewPanel::createFilter() {
  words_->setObjectName(QStringLiteral("overviewFilter"));
  words_->setAccessibleName(tr("Filter the overview"));
  words_->setPlaceholderText(tr("Filter: attn sqnr:<20 kurtosis:>5"));
  words_->setToolTip(tr("Words that must all occur in name, layer or type; -word must not\n%1")
                         .arg(TensorFilter::examples()));
  words_->setClearButtonEnabled(true);
  words_->installEventFilter(this);
  problem_->setObjectName(QStringLiteral("overviewProblem"));
  problem_->setAccessibleName(tr("Problem with the filter"));
  problem_->setWordWrap(true);
  problem_->hide();
  connect(words_, &QLineEdit::textChanged, this, [this](const QString& text) {
    filter_->setFilterText(text);
    updateState();
  });
}

void OverviewPanel::createTable() {
  table_->setObjectName(QStringLiteral("overview"));
  table_->setAccessibleName(tr("All tensors"));
  table_->setModel(filter_);
  table_->setItemDelegateForColumn(TensorListModel::Name, new ShownDelegate(table_));
  table_->setItemDelegateForColumn(TensorListModel::Spec, new PaddedDelegate(table_));
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table_->setFrameShape(QFrame::NoFrame);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->setTabKeyNavigation(false);
  table_->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table_->installEventFilter(this);
  QHeaderView* header = table_->horizontalHeader();
  header->setAccessibleName(tr("Columns of the overview"));
  header->setHighlightSections(false);
  header->setSectionsMovable(true);
  header->setFirstSectionMovable(false);
  header->setStretchLastSection(true);
  const int letter = fontMetrics().averageCharWidth();
  header->setDefaultSectionSize(letter * 13);
  header->resizeSection(TensorListModel::Name, letter * 36);
  header->resizeSection(TensorListModel::Shape, letter * 16);
  header->resizeSection(TensorListModel::Layer, letter * 20);
  for (const int column : {TensorListModel::Type, TensorListModel::Size, TensorListModel::Layer}) {
    header->hideSection(column);
  }
  table_->setSortingEnabled(true);
  const int known = restoreColumns();
  if (known == 0) table_->sortByColumn(TensorListModel::Sqnr, Qt::AscendingOrder);
  for (int column = std::max<int>(known, TensorListModel::kFurtherMetrics);
       column < TensorListModel::kColumns; ++column) {
    header->moveSection(header->visualIndex(column), header->visualIndex(TensorListModel::Bits));
    header->hideSection(column);
  }
  createColumnMenu();
  header->setContextMenuPolicy(Qt::CustomContextMenu);
  connect(header, &QWidget::customContextMenuRequested, this,
          [this, header](QPoint at) { columns_->popup(header->mapToGlobal(at)); });
  connect(table_, &QTableView::doubleClicked, this, &OverviewPanel::showChosen);
}

/// The columns as they were left, perhaps by a version with fewer metrics: how many columns that
/// knew, which have the same numbers still; 0 where nothing was left.
int OverviewPanel::restoreColumns() {
  for (int columns = TensorListModel::kColumns; columns >= TensorListModel::kFurtherMetrics;
       --columns) {
    const QByteArray left = settings_->tableState(tableName(columns));
    if (!left.isEmpty() && table_->horizontalHeader()->restoreState(left)) return columns;
  }
  return 0;
}

void OverviewPanel::createColumnMenu() {
  columns_ = new QMenu(tr("Columns"), this);
  columns_->setObjectName(QStringLiteral("overviewColumns"));
  for (const int column : columnsInOrder()) {
    if (column == TensorListModel::Name) continue;
    QAction* action =
        columns_->addAction(model_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
    action->setCheckable(true);
    action->setChecked(!table_->isColumnHidden(column));
    connect(action, &QAction::toggled, this,
            [this, column](bool on) { table_->setColumnHidden(column, !on); });
  }
}

void OverviewPanel::createActions() {
  const auto add = [this](const QString& text, const QString& toolTip, const QKeySequence& keys,
                          void (OverviewPanel::*slot)()) {
    auto* action = new QAction(text, this);
    action->setToolTip(keys.isEmpty() ? toolTip
                                      : QStringLiteral("%1 (%2)").arg(
                                            toolTip, keys.toString(QKeySequence::NativeText)));
    action->setShortcut(keys);
    action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    connect(action, &QAction::triggered, this, slot);
    table_->addAction(action);
    return action;
  };
  show_ =
      add(tr("&Show Tensor"), tr("Show this tensor in the plots"), {}, &OverviewPanel::showChosen);
  apply_ = new QAction(tr("Apply Settings to &Selected"), this);
  apply_->setIconText(tr("Apply Settings"));
  apply_->setShortcut(QKeySequence(Qt::CTRL | Qt::Key_Return));
  apply_->setToolTip(tr("Give the selected tensors the present settings (%1)")
                         .arg(apply_->shortcut().toString(QKeySequence::NativeText)));
  connect(apply_, &QAction::triggered, this,
          [this] { applyToSelected(session_->spec(), tr("settings")); });
  table_->addAction(apply_);
  default_ = new QAction(tr("Use &Default Settings"), this);
  default_->setIconText(tr("Default"));
  default_->setToolTip(tr("Let the selected tensors follow the default"));
  connect(default_, &QAction::triggered, this,
          [this] { session_->dropOwnSpecsOf(selectedTensors()); });
  table_->addAction(default_);
  copy_ = new QAction(tr("&Copy Rows"), this);
  copy_->setShortcut(QKeySequence::Copy);
  copy_->setShortcutContext(Qt::WidgetWithChildrenShortcut);
  connect(copy_, &QAction::triggered, this, &OverviewPanel::copyRows);
  table_->addAction(copy_);
  table_->setContextMenuPolicy(Qt::ActionsContextMenu);
}

/// Those that come with the program, then one's own.
void OverviewPanel::fillPresets(QMenu* menu) {
  menu->clear();
  const auto add = [&](const Preset& preset) {
    connect(menu->addAction(menuText(preset.name)), &QAction::triggered, this,
            [this, preset] { applyToSelected(preset.spec, preset.name); });
  };
  for (const Preset& preset : quantoscope::ui::presets()) add(preset);
  if (!ownPresets_->own().empty()) menu->addSeparator();
  for (const Preset& preset : ownPresets_->own()) add(preset);
}

QWidget* OverviewPanel::headline() {
  auto* line = new QWidget(this);
  auto* layout = new QHBoxLayout(line);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(words_, 1);
  for (QAction* action : {apply_, default_}) {
    auto* button = new QToolButton(line);
    button->setDefaultAction(action);
    button->setAccessibleName(action->text().remove(QLatin1Char('&')));
    button->setToolButtonStyle(Qt::ToolButtonTextOnly);
    layout->addWidget(button);
  }
  const auto addMenu = [&](const QString& text, const QString& name, QMenu* menu) {
    auto* button = new QToolButton(line);
    button->setText(text);
    button->setAccessibleName(name);
    button->setToolTip(name);
    button->setMenu(menu);
    button->setPopupMode(QToolButton::InstantPopup);
    button->setFocusPolicy(Qt::TabFocus);
    layout->addWidget(button);
    return button;
  };
  presets_ = addMenu(tr("Preset"), tr("Give the selected tensors a preset"), new QMenu(this));
  fillPresets(presets_->menu());
  connect(ownPresets_, &PresetStore::changed, this, [this] { fillPresets(presets_->menu()); });
  presets_->setObjectName(QStringLiteral("overviewPresets"));
  addMenu(tr("Columns"), tr("Choose the columns"), columns_);
  return line;
}

void OverviewPanel::focusFilter() {
  words_->setFocus(Qt::ShortcutFocusReason);
  words_->selectAll();
}

bool OverviewPanel::eventFilter(QObject* watched, QEvent* event) {
  if (watched == words_ && event->type() == QEvent::ShortcutOverride) {
    // Escape first clears the filter; only then does it stop work.
    if (static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape && !words_->text().isEmpty()) {
      event->accept();
      return true;
    }
  }
  if (event->type() == QEvent::KeyPress) {
    const auto* press = static_cast<QKeyEvent*>(event);
    const int key = press->key();
    const bool enter = key == Qt::Key_Return || key == Qt::Key_Enter;
    if (watched == words_ && key == Qt::Key_Escape && !words_->text().isEmpty()) {
      words_->clear();
      return true;
    }
    if (watched == words_ && (key == Qt::Key_Down || enter)) {
      table_->setFocus();
      if (!table_->currentIndex().isValid()) table_->setCurrentIndex(filter_->index(0, 0));
      return true;
    }
    if (watched == table_ && enter && press->modifiers() == Qt::NoModifier) {
      showChosen();
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

QStringList OverviewPanel::selectedTensors() const {
  QStringList names;
  for (const QModelIndex& index : table_->selectionModel()->selectedRows()) {
    names << index.data(TensorListModel::NameRole).toString();
  }
  return names;
}

std::vector<int> OverviewPanel::selectedRows() const {
  std::vector<int> rows;
  for (const QModelIndex& index : table_->selectionModel()->selectedRows()) {
    rows.push_back(filter_->mapToSource(index).row());
  }
  return rows;
}

void OverviewPanel::applyToSelected(const QuantSpec& spec, const QString& what) {
  const QStringList names = selectedTensors();
  const QString step = names.size() == 1 ? tr("%1 for %2").arg(what, names.front())
                                         : tr("%1 for %2 tensors").arg(what).arg(names.size());
  session_->applySpecTo(names, spec, step);
}

void OverviewPanel::showChosen() {
  const QModelIndex current = table_->currentIndex();
  if (current.isValid()) {
    session_->selectTensor(current.data(TensorListModel::NameRole).toString());
  }
}

/// Of the columns that are shown, as they stand; numbers exactly.
void OverviewPanel::copyRows() const {
  const QHeaderView* header = table_->horizontalHeader();
  std::vector<int> columns;
  for (int place = 0; place < header->count(); ++place) {
    const int column = header->logicalIndex(place);
    if (!table_->isColumnHidden(column)) columns.push_back(column);
  }
  QStringList lines;
  QStringList titles;
  for (const int column : columns) {
    titles << model_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
  }
  lines << titles.join(QLatin1Char('\t'));
  QModelIndexList rows = table_->selectionModel()->selectedRows();
  std::sort(rows.begin(), rows.end());
  for (const QModelIndex& row : rows) {
    QStringList cells;
    for (const int column : columns) {
      const QModelIndex index = row.siblingAtColumn(column);
      const QVariant number = index.data(TensorListModel::SortRole);
      const bool isNumber = number.typeId() == QMetaType::Double;
      cells << (isNumber ? QString::number(number.toDouble(), 'g', 17) : index.data().toString());
    }
    lines << cells.join(QLatin1Char('\t'));
  }
  QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

void OverviewPanel::updateState() {
  problem_->setText(filter_->problem());
  problem_->setVisible(!filter_->problem().isEmpty());
  const ModelTotals model = ModelTotals::of(*session_);
  if (session_->currentFile() < 0) {
    message_->setText(tr("Open a file to see all of its tensors"));
  } else if (model.tensors == 0) {
    message_->setText(
        tr("%1 has no tensors to quantize")
            .arg(shownName(QFileInfo(session_->currentPath()).fileName()).toHtmlEscaped()));
  } else if (filter_->rowCount() == 0) {
    message_->setText(tr("No tensor passes the filter. <a href=\"clear\">Clear the filter</a>"));
  }
  pages_->setCurrentWidget(filter_->rowCount() > 0 ? static_cast<QWidget*>(table_) : message_);
  const std::vector<int> rows = selectedRows();
  totals_->setText(model.tensors == 0 ? QString()
                   : rows.size() < 2
                       ? totalsText(model)
                       : tr("Selected: %1").arg(totalsText(ModelTotals::of(*session_, rows))));
  totals_->setAccessibleDescription(totals_->text());
}

void OverviewPanel::updateActions() {
  const bool any = table_->selectionModel()->hasSelection();
  for (QAction* action : {show_, default_, copy_}) action->setEnabled(any);
  apply_->setEnabled(any && session_->hasTensor());
  presets_->setEnabled(any);
}

}  // namespace quantoscope::ui
