#include "ui/panels/tensor_browser.h"

#include <algorithm>

#include <QCheckBox>
#include <QComboBox>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QScopedValueRollback>
#include <QSignalBlocker>
#include <QSplitter>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/panels/badge_delegate.h"
#include "ui/panels/name_delegate.h"
#include "ui/panels/tensor_details.h"
#include "ui/panels/text_size.h"
#include "ui/panels/vertical_scroll_area.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

TensorBrowser::TensorBrowser(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      model_(new TensorListModel(session, this)),
      filter_(new TensorFilterModel(this)),
      files_(new QComboBox(this)),
      words_(new QLineEdit(this)),
      showAll_(new QCheckBox(tr("Show &all"), this)),
      table_(new QTableView(this)),
      note_(new QLabel(this)),
      details_(new TensorDetails(this)),
      showDetails_(new QToolButton(this)),
      names_(new NameDelegate(this)) {
  filter_->setSourceModel(model_);
  files_->setObjectName(QStringLiteral("files"));
  files_->setAccessibleName(tr("Open file"));
  files_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  words_->setObjectName(QStringLiteral("filter"));
  words_->setAccessibleName(tr("Filter tensors"));
  words_->setPlaceholderText(tr("Filter by name, layer, type"));
  words_->setToolTip(tr("Words that must all occur in name, layer or type (Ctrl+F)\n"
                        "-word: must not occur\n%1")
                         .arg(TensorFilter::examples()));
  words_->setClearButtonEnabled(true);
  words_->installEventFilter(this);
  showAll_->setObjectName(QStringLiteral("showAll"));
  showAll_->setAccessibleName(tr("Show all tensors"));
  showAll_->setToolTip(tr("Also list what cannot be quantized, with the reason"));
  note_->setObjectName(QStringLiteral("note"));
  note_->setAccessibleName(tr("About the tensors"));
  note_->setTextInteractionFlags(Qt::TextBrowserInteraction);
  connect(note_, &QLabel::linkActivated, session, [session] { session->reloadCurrentFile(true); });
  note_->setWordWrap(true);
  note_->setContentsMargins(2, 0, 2, 0);
  setUpTable();

  auto* search = new QHBoxLayout;
  search->setSpacing(6);
  search->addWidget(words_, 1);
  search->addWidget(showAll_);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(6, 6, 6, 4);
  layout->setSpacing(6);
  layout->addWidget(files_);
  layout->addLayout(search);
  layout->addWidget(tableAndDetails(), 1);
  auto* below = new QHBoxLayout;
  below->addWidget(note_, 1);
  below->addWidget(showDetails_, 0, Qt::AlignBottom);
  layout->addLayout(below);

  connect(files_, &QComboBox::activated, session, &Session::setCurrentFile);
  connect(words_, &QLineEdit::textChanged, this, [this](const QString& text) {
    const QScopedValueRollback<bool> rollback(following_, true);
    filter_->setFilterText(text);
    showCurrentTensor();
    updateNote();
  });
  connect(showAll_, &QCheckBox::toggled, this, [this](bool on) {
    const QScopedValueRollback<bool> rollback(following_, true);
    filter_->setShowAll(on);
    showCurrentTensor();
    updateNote();
  });
  connect(session, &Session::filesChanged, this, &TensorBrowser::showFiles);
  connect(session, &Session::fileChanged, this, [this] {
    showFiles();
    fitColumns();
    updateNote();
  });
  connect(session, &Session::openingNamesChanged, this, [this] {
    fitColumns();
    showCurrentTensor();
  });
  connect(session, &Session::tensorChanged, this, &TensorBrowser::showCurrentTensor);
  followFont(this, [this] {
    setMinimumWidth(fontMetrics().averageCharWidth() * 30);
    fitColumns();
  });
  showFiles();
  showCurrentTensor();
  updateNote();
}

QWidget* TensorBrowser::tableAndDetails() {
  auto* area = new VerticalScrollArea(details_, this);
  auto* splitter = new QSplitter(Qt::Vertical, this);
  splitter->setObjectName(QStringLiteral("tableAndDetails"));
  splitter->addWidget(table_);
  splitter->addWidget(area);
  splitter->setChildrenCollapsible(false);
  splitter->setStretchFactor(0, 1);
  splitter->setStretchFactor(1, 0);
  constexpr int kDetailLines = 9;
  splitter->setSizes({1000, fontMetrics().height() * kDetailLines});
  showDetails_->setObjectName(QStringLiteral("showDetails"));
  showDetails_->setText(tr("Details"));
  showDetails_->setToolTip(tr("Type, axes and storage of the array under the cursor"));
  showDetails_->setAccessibleName(tr("Show details of the array"));
  showDetails_->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  showDetails_->setAutoRaise(true);
  showDetails_->setCheckable(true);
  showDetails_->setFocusPolicy(Qt::TabFocus);
  const auto show = [this, area](bool on) {
    area->setVisible(on);
    showDetails_->setArrowType(on ? Qt::DownArrow : Qt::RightArrow);
  };
  connect(showDetails_, &QToolButton::toggled, this, show);
  connect(session_, &Session::integrityChanged, this, &TensorBrowser::updateNote);
  connect(details_, &TensorDetails::orientationChosen, session_, &Session::setOrientation);
  connect(session_, &Session::orientationChanged, this, &TensorBrowser::updateDetails);
  connect(details_, &TensorDetails::wordsTakenForBFloat16, session_,
          &Session::readUint16AsBFloat16);
  connect(details_, &TensorDetails::allowed, session_,
          [this] { session_->reloadCurrentFile(true); });
  show(false);
  return splitter;
}

/// Of the row under the cursor, which need not be the tensor that is shown.
void TensorBrowser::updateDetails() {
  const QModelIndex current = table_->currentIndex();
  const TensorInfo* info = session_->currentInfo();
  if (model_->namesOnly()) {
    info = nullptr;
  } else if (current.isValid()) {
    const auto row = static_cast<std::size_t>(filter_->mapToSource(current).row());
    if (row < session_->tensors().size()) info = &session_->tensors()[row];
  }
  if (info == nullptr) {
    details_->show(nullptr);
    details_->setOrientation(Orientation::Auto, false);
    return;
  }
  const Orientation orientation = session_->orientationOf(*info);
  const TensorInfo read = oriented(*info, orientation);
  details_->show(&read);
  details_->setIntegrity(session_->currentIntegrity());
  const bool shown = info == session_->currentInfo();
  details_->setOrientation(orientation, shown && info->axes.order.size() > 1);
}

void TensorBrowser::setUpTable() {
  table_->setObjectName(QStringLiteral("tensors"));
  table_->setAccessibleName(tr("Tensors"));
  table_->setModel(filter_);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->setTextElideMode(Qt::ElideLeft);  // the end of a path tells more than its beginning
  table_->setTabKeyNavigation(false);
  table_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);  // columns are fitted
  table_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table_->setItemDelegateForColumn(TensorListModel::Name, names_);
  table_->setItemDelegateForColumn(TensorListModel::Type, new BadgeDelegate(this));
  QHeaderView* header = table_->horizontalHeader();
  header->setAccessibleName(tr("Columns of the tensor table"));
  header->setHighlightSections(false);
  header->setMinimumSectionSize(24);
  header->setResizeContentsPrecision(100);  // rows that are asked for their width with each change
  header->setSectionResizeMode(QHeaderView::ResizeToContents);
  header->setSectionResizeMode(TensorListModel::Name, QHeaderView::Stretch);
  header->setSortIndicatorClearable(true);
  header->setSortIndicator(-1, Qt::AscendingOrder);
  table_->setSortingEnabled(true);
  table_->viewport()->installEventFilter(this);
  connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this,
          &TensorBrowser::rowChosen);
}

void TensorBrowser::focusFilter() {
  words_->setFocus(Qt::ShortcutFocusReason);
  words_->selectAll();
}

void TensorBrowser::focusTable() {
  table_->setFocus();
}

void TensorBrowser::step(int direction) {
  int row = table_->currentIndex().isValid() ? table_->currentIndex().row() + direction : 0;
  while (row >= 0 && row < filter_->rowCount()) {
    const QModelIndex index = filter_->index(row, 0);
    if (index.data(TensorListModel::QuantizableRole).toBool()) {
      table_->setCurrentIndex(index);
      return;
    }
    row += direction;
  }
}

QSize TensorBrowser::sizeHint() const {
  return {fontMetrics().averageCharWidth() * 52, fontMetrics().height() * 30};
}

bool TensorBrowser::eventFilter(QObject* watched, QEvent* event) {
  if (watched == table_->viewport() && event->type() == QEvent::Resize) fitColumns();
  if (watched == words_ && event->type() == QEvent::ShortcutOverride) {
    // Escape first clears the filter; only then does it cancel work.
    if (static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape && !words_->text().isEmpty()) {
      event->accept();
      return true;
    }
  }
  if (watched == words_ && event->type() == QEvent::KeyPress) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Escape) {
      words_->clear();
      return true;
    }
    if (key == Qt::Key_Down || key == Qt::Key_Return || key == Qt::Key_Enter) {
      table_->setFocus();
      if (!table_->currentIndex().isValid() || key != Qt::Key_Down) {
        table_->setCurrentIndex(filter_->index(0, 0));
      }
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

void TensorBrowser::showFiles() {
  const QSignalBlocker block(files_);
  files_->clear();
  const QStringList paths = session_->openFiles();
  for (const QString& path : paths) {
    files_->addItem(shownName(QFileInfo(path).fileName()));
    files_->setItemData(files_->count() - 1, tipText(shownText(path)), Qt::ToolTipRole);
  }
  files_->setCurrentIndex(session_->currentFile());
  files_->setVisible(paths.size() > 1);
}

void TensorBrowser::showCurrentTensor() {
  const QScopedValueRollback<bool> rollback(following_, true);
  const int row = model_->shownRow();
  const QModelIndex index = filter_->mapFromSource(model_->index(row, 0));
  if (index.isValid()) {
    if (index.row() != table_->currentIndex().row()) table_->setCurrentIndex(index);
    table_->scrollTo(index);
  } else {
    table_->setCurrentIndex({});
  }
  updateNote();
}

void TensorBrowser::rowChosen(const QModelIndex& current) {
  updateNote();
  if (following_ || !current.isValid()) return;
  if (current.data(TensorListModel::QuantizableRole).toBool()) {
    session_->selectTensor(current.data(TensorListModel::NameRole).toString());
  }
}

void TensorBrowser::updateNote() {
  updateDetails();
  note_->setToolTip(tipText({}));
  if (model_->namesOnly()) {
    showNote(tr("%1 arrays; reading what they are…").arg(model_->rowCount()));
    return;
  }
  const QModelIndex current = table_->currentIndex();
  if (current.isValid() && !current.data(TensorListModel::QuantizableRole).toBool()) {
    const auto row = static_cast<std::size_t>(filter_->mapToSource(current).row());
    const TensorInfo& info = session_->tensors()[row];
    showNote(tr("Cannot be quantized: %1").arg(shownText(info.reason)),
             info.refused ? tr("Allow for this file") : QString());
    return;
  }
  const int shown = filter_->rowCount();
  const int all = model_->rowCount();
  if (all == 0) {
    note_->clear();
  } else if (!filter_->problem().isEmpty()) {
    showNote(filter_->problem());
  } else if (shown == 0) {
    showNote(tr("None of %1 tensors matches").arg(all));
  } else {
    const Completeness& found = session_->currentCompleteness();
    const QString missing =
        found.isComplete()
            ? QString()
            : tr(" · incomplete: %1 of %2 arrays are missing").arg(found.missing).arg(found.arrays);
    showNote(tr("%1 of %2 tensors · %3").arg(shown).arg(all).arg(session_->currentFormat()) +
             missing);
    if (!found.isComplete()) note_->setToolTip(tipText(shownText(found.line())));
  }
}

/// Plain text, but for a link behind it where there is one.
void TensorBrowser::showNote(const QString& text, const QString& link) {
  note_->setTextFormat(link.isEmpty() ? Qt::PlainText : Qt::RichText);
  note_->setText(
      link.isEmpty()
          ? text
          : QStringLiteral("%1. <a href=\"allow\">%2</a>").arg(text.toHtmlEscaped(), link));
}

void TensorBrowser::fitColumns() {
  // The name must stay readable: what the file says anyway gives way first.
  const int nameWidth = fontMetrics().averageCharWidth() * 22;
  int free = table_->viewport()->width() - nameWidth;
  const QHeaderView* header = table_->horizontalHeader();
  const QAbstractItemView* contents = table_;
  const std::vector<int> columns = {TensorListModel::Sqnr, TensorListModel::BestRatio,
                                    TensorListModel::Shape, TensorListModel::Size,
                                    TensorListModel::Type};
  for (int column = 0; column < TensorListModel::kColumns; ++column) {
    const bool kept = column == TensorListModel::Name ||
                      std::find(columns.begin(), columns.end(), column) != columns.end();
    if (!kept) table_->setColumnHidden(column, true);  // those are for the overview
  }
  for (const int column : columns) {
    free -= std::max(header->sectionSizeHint(column), contents->sizeHintForColumn(column));
    table_->setColumnHidden(column, column != TensorListModel::Sqnr && free < 0);
  }
  fitRows();
}

/// Of the names with the most letters; to measure all of 20,000 would take a tenth of a second.
int TensorBrowser::widestName() const {
  constexpr std::size_t kMeasured = 32;
  std::vector<const std::string*> names;
  std::vector<std::string> opening;
  for (const QString& name : session_->openingNames()) opening.push_back(name.toStdString());
  for (const std::string& name : opening) names.push_back(&name);
  if (names.empty()) {
    for (const TensorInfo& info : session_->tensors()) names.push_back(&info.name);
  }
  const std::size_t count = std::min(kMeasured, names.size());
  std::partial_sort(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count), names.end(),
      [](const std::string* a, const std::string* b) { return a->size() > b->size(); });
  int widest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    widest = std::max(widest, fontMetrics().horizontalAdvance(shownName(*names[i])));
  }
  return widest;
}

void TensorBrowser::fitRows() {
  constexpr int kPadding = 8;
  names_->setTwoLines(widestName() + kPadding > table_->columnWidth(TensorListModel::Name));
  table_->verticalHeader()->setDefaultSectionSize(names_->rowHeight(fontMetrics()));
}

}  // namespace quantoscope::ui
