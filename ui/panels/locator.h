// One field that finds everything.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <QDialog>
#include <QString>

QT_BEGIN_NAMESPACE
class QLineEdit;
class QListWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// How well `text` answers what was typed: its letters must occur in order, in any case; letters
/// that follow each other, or begin a word, count more. Nothing where they do not occur; an empty
/// pattern fits everything equally.
std::optional<int> fuzzyScore(const QString& pattern, const QString& text);

/// A dialog with a field and the entries that fit what is typed, the best first. Up, Down and Enter
/// work from the field; Escape leaves.
class Locator : public QDialog {
  Q_OBJECT

 public:
  struct Entry {
    QString name;
    QString kind;  ///< "tensor", "action", ...
    std::function<void()> choose;
  };

  Locator(std::vector<Entry> entries, QWidget* parent);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void showMatches(const QString& pattern);
  void chooseCurrent();

  static constexpr int kMostShown = 200;  ///< more are never read; typing narrows them

  std::vector<Entry> entries_;
  QLineEdit* field_;
  QListWidget* list_;
};

}  // namespace quantoscope::ui
