// A line across the window that reports what happened, without blocking anything.
#pragma once

#include <functional>

#include <QFrame>

QT_BEGIN_NAMESPACE
class QLabel;
class QPushButton;
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
  /// With a button that does what the message is about, and puts it away.
  void showMessage(Kind kind, const QString& text, const QString& button,
                   std::function<void()> action);
  /// Something to be read even while the bar offers something: then a line more of that message;
  /// else a message of its own with a button that puts it away.
  void addMessage(Kind kind, const QString& text, const QString& button);
  void clear();
  /// Whether there is a button that was not pressed yet.
  bool offersSomething() const { return static_cast<bool>(action_); }
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
  QPushButton* button_;
  QToolButton* close_;
  std::function<void()> action_;
};

}  // namespace quantoscope::ui
