// One field that finds everything.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <QDialog>
#include <QString>

#include "ui/models/tensor_filter.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QLineEdit;
class QListWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// How well `text` answers what was typed: each word's letters must occur in order, in any case,
/// and words may come in any order; letters that follow each other, or begin a word, count more,
/// and what occurs as typed counts most. Nothing where they do not occur; an empty pattern fits
/// everything equally.
std::optional<int> fuzzyScore(const QString& pattern, const QString& text);

/// A dialog with a field and the entries that fit what is typed, the best first. Words of the
/// tensor filter, such as shape:>1M or -lm_head, leave the tensors that meet them. Up, Down, Page
/// Up, Page Down and Enter work from the field; Escape leaves.
class Locator : public QDialog {
  Q_OBJECT

 public:
  struct Entry {
    QString name;
    QString kind;  ///< "tensor", "action", ...
    std::function<void()> choose;
    std::function<TensorFacts()> facts = {};  ///< of a tensor; empty for all else
  };

  Locator(std::vector<Entry> entries, QWidget* parent);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void showMatches(const QString& typed);
  std::vector<std::size_t> ranked(const QString& typed) const;
  void tellCount(std::size_t matches, const QString& problem);
  void chooseCurrent();

  static constexpr int kMostShown = 200;  ///< more are never read; typing narrows them

  std::vector<Entry> entries_;
  QLineEdit* field_;
  QListWidget* list_;
  QLabel* note_;
};

}  // namespace quantoscope::ui
