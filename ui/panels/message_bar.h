// A line across the window that says what happened, without stopping anybody.
#pragma once

#include <QFrame>

QT_BEGIN_NAMESPACE
class QLabel;
class QToolButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Hidden until there is something to say; the newest message replaces the last. Announces itself
/// to assistive tools.
class MessageBar : public QFrame {
  Q_OBJECT

 public:
  enum class Kind { Error, Info, Hint };

  explicit MessageBar(QWidget* parent = nullptr);

  void showMessage(Kind kind, const QString& text);
  void clear();
  QString text() const;
  Kind kind() const { return kind_; }

 Q_SIGNALS:
  void dismissed();  ///< by the user

 protected:
  void changeEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void applyColors();

  Kind kind_ = Kind::Info;
  QLabel* icon_;
  QLabel* label_;
  QToolButton* close_;
};

}  // namespace quantoscope::ui
