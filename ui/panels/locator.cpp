#include "ui/panels/locator.h"

#include <algorithm>
#include <utility>

#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

std::optional<int> wordScore(const QString& word, const QString& text) {
  constexpr int kRun = 8;        // right behind the letter before
  constexpr int kStart = 6;      // of a word
  constexpr int kAsTyped = 100;  // beats letters that are scattered
  int score = 0;
  qsizetype at = 0;
  qsizetype last = -2;
  for (const QChar letter : word) {
    const qsizetype found = text.indexOf(letter, at, Qt::CaseInsensitive);
    if (found < 0) return std::nullopt;
    if (found == last + 1) score += kRun;
    if (found == 0 || !text[found - 1].isLetterOrNumber()) score += kStart;
    score -= static_cast<int>(std::min<qsizetype>(found - at, 3));
    last = found;
    at = found + 1;
  }
  const qsizetype whole = text.indexOf(word, 0, Qt::CaseInsensitive);
  if (whole >= 0) score += kAsTyped;
  if (whole == 0 || (whole > 0 && !text[whole - 1].isLetterOrNumber())) score += kStart;
  return score;
}

/// A word that only the tensor filter understands.
bool isFilterWord(const QString& word) {
  return word.size() > 1 && (word.startsWith(QLatin1Char('-')) || word.contains(QLatin1Char(':')));
}

}  // namespace

std::optional<int> fuzzyScore(const QString& pattern, const QString& text) {
  constexpr int kSame = 200;
  constexpr int kPhrase = 100;
  int score = 0;
  const QString typed = pattern.simplified();
  for (const QString& word : typed.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    const auto found = wordScore(word, text);
    if (!found) return std::nullopt;
    score += *found;
  }
  if (!typed.isEmpty() && text.contains(typed, Qt::CaseInsensitive)) score += kPhrase;
  if (text.compare(typed, Qt::CaseInsensitive) == 0) score += kSame;
  return score;
}

Locator::Locator(std::vector<Entry> entries, QWidget* parent)
    : QDialog(parent),
      entries_(std::move(entries)),
      field_(new QLineEdit(this)),
      list_(new QListWidget(this)),
      note_(new QLabel(this)) {
  setAttribute(Qt::WA_DeleteOnClose);
  setObjectName(QStringLiteral("locator"));
  setWindowTitle(tr("Find"));
  field_->setPlaceholderText(
      tr("Tensor, action, preset or file; also shape:>1M dtype:f16 sqnr:<20"));
  field_->setAccessibleName(tr("Search text"));
  field_->setClearButtonEnabled(true);
  field_->installEventFilter(this);
  list_->setAccessibleName(tr("Matches"));
  list_->setUniformItemSizes(true);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(field_);
  layout->addWidget(list_, 1);
  layout->addWidget(note_);
  note_->setObjectName(QStringLiteral("locatorNote"));
  note_->setAccessibleName(tr("Number of matches"));
  note_->setWordWrap(true);
  const int letter = fontMetrics().averageCharWidth();
  resize(letter * 80, fontMetrics().height() * 22);
  connect(field_, &QLineEdit::textChanged, this, &Locator::showMatches);
  connect(field_, &QLineEdit::returnPressed, this, &Locator::chooseCurrent);
  connect(list_, &QListWidget::itemActivated, this, &Locator::chooseCurrent);
  showMatches({});
}

std::vector<std::size_t> Locator::ranked(const QString& typed) const {
  QStringList filterWords;
  QStringList words;
  for (const QString& word : typed.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    (isFilterWord(word) ? filterWords : words) << word;
  }
  const TensorFilter filter = TensorFilter::parse(filterWords.join(QLatin1Char(' ')));
  const QString pattern = words.join(QLatin1Char(' '));
  std::vector<std::pair<int, std::size_t>> matches;  // minus the score, and the entry
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto score = fuzzyScore(pattern, entries_[i].name);
    if (!score) continue;
    const bool wanted =
        filterWords.isEmpty() || (entries_[i].facts && filter.matches(entries_[i].facts()));
    if (wanted) matches.emplace_back(-*score, i);
  }
  std::sort(matches.begin(), matches.end());
  std::vector<std::size_t> order;
  for (const auto& match : matches) order.push_back(match.second);
  return order;
}

void Locator::showMatches(const QString& typed) {
  const std::vector<std::size_t> order = ranked(typed);
  list_->clear();
  for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), kMostShown); ++i) {
    const Entry& entry = entries_[order[i]];
    auto* item = new QListWidgetItem(
        QStringLiteral("%1   —   %2").arg(shownName(entry.name), entry.kind), list_);
    item->setData(Qt::UserRole, static_cast<qulonglong>(order[i]));
  }
  list_->setCurrentRow(0);
  QStringList filterWords;
  for (const QString& word : typed.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    if (isFilterWord(word)) filterWords << word;
  }
  tellCount(order.size(), TensorFilter::parse(filterWords.join(QLatin1Char(' '))).problem());
}

void Locator::tellCount(std::size_t matches, const QString& problem) {
  QString text = tr("%1 of %2").arg(matches).arg(entries_.size());
  if (matches > kMostShown) text += tr(", the first %1 shown").arg(kMostShown);
  if (!problem.isEmpty()) text = problem;
  note_->setText(text);
  note_->setAccessibleDescription(text);
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
