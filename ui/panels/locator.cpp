#include "ui/panels/locator.h"

#include <algorithm>
#include <utility>

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

namespace quantoscope::ui {

std::optional<int> fuzzyScore(const QString& pattern, const QString& text) {
  constexpr int kRun = 8;    // right behind the letter before
  constexpr int kStart = 6;  // of a word
  int score = 0;
  qsizetype at = 0;
  qsizetype last = -2;
  for (const QChar letter : pattern) {
    if (letter.isSpace()) continue;
    const qsizetype found = text.indexOf(letter, at, Qt::CaseInsensitive);
    if (found < 0) return std::nullopt;
    if (found == last + 1) score += kRun;
    if (found == 0 || !text[found - 1].isLetterOrNumber()) score += kStart;
    score -= static_cast<int>(std::min<qsizetype>(found - at, 3));
    last = found;
    at = found + 1;
  }
  // What is typed as it stands beats letters that are scattered.
  if (!pattern.isEmpty() && text.contains(pattern, Qt::CaseInsensitive)) score += 100;
  return score;
}

Locator::Locator(std::vector<Entry> entries, QWidget* parent)
    : QDialog(parent),
      entries_(std::move(entries)),
      field_(new QLineEdit(this)),
      list_(new QListWidget(this)) {
  setAttribute(Qt::WA_DeleteOnClose);
  setObjectName(QStringLiteral("locator"));
  setWindowTitle(tr("Find"));
  field_->setPlaceholderText(tr("Tensor, action, preset or file"));
  field_->setAccessibleName(tr("What to find"));
  field_->setClearButtonEnabled(true);
  field_->installEventFilter(this);
  list_->setAccessibleName(tr("What was found"));
  list_->setUniformItemSizes(true);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(field_);
  layout->addWidget(list_, 1);
  const int letter = fontMetrics().averageCharWidth();
  resize(letter * 80, fontMetrics().height() * 22);
  connect(field_, &QLineEdit::textChanged, this, &Locator::showMatches);
  connect(field_, &QLineEdit::returnPressed, this, &Locator::chooseCurrent);
  connect(list_, &QListWidget::itemActivated, this, &Locator::chooseCurrent);
  showMatches({});
}

void Locator::showMatches(const QString& pattern) {
  std::vector<std::pair<int, std::size_t>> matches;  // minus the score, and the entry
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (const auto score = fuzzyScore(pattern, entries_[i].name)) matches.emplace_back(-*score, i);
  }
  std::sort(matches.begin(), matches.end());
  list_->clear();
  for (std::size_t i = 0; i < std::min<std::size_t>(matches.size(), kMostShown); ++i) {
    const Entry& entry = entries_[matches[i].second];
    auto* item =
        new QListWidgetItem(QStringLiteral("%1   —   %2").arg(entry.name, entry.kind), list_);
    item->setData(Qt::UserRole, static_cast<qulonglong>(matches[i].second));
  }
  list_->setCurrentRow(0);
}

void Locator::chooseCurrent() {
  const QListWidgetItem* item = list_->currentItem();
  if (item == nullptr) return;
  const auto choose = entries_[item->data(Qt::UserRole).toULongLong()].choose;
  accept();
  choose();
}

bool Locator::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
  const auto* key = static_cast<QKeyEvent*>(event);
  constexpr int kPage = 10;
  int step = 0;
  if (key->key() == Qt::Key_Down) step = 1;
  if (key->key() == Qt::Key_Up) step = -1;
  if (key->key() == Qt::Key_PageDown) step = kPage;
  if (key->key() == Qt::Key_PageUp) step = -kPage;
  if (step == 0 || list_->count() == 0) return QDialog::eventFilter(watched, event);
  list_->setCurrentRow(std::clamp(list_->currentRow() + step, 0, list_->count() - 1));
  return true;
}

}  // namespace quantoscope::ui
