// How the groups of a tensor are divided between two sides.
#pragma once

#include <cstdint>

#include <QWidget>

namespace quantoscope::ui {

/// A bar in three parts: what the first wins, what is drawn, what the second wins, each with its
/// share. It can be focused, and says what it shows to assistive tools.
class WinBar : public QWidget {
  Q_OBJECT

 public:
  struct Side {
    QString name;
    int color = -1;  ///< a number for pinColor(); -1: the colour of text
    std::uint64_t wins = 0;
  };

  explicit WinBar(QWidget* parent = nullptr);

  /// `groups` is at least the wins of both; 0 shows nothing.
  void show(const Side& first, const Side& second, std::uint64_t groups);

  QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  Side first_;
  Side second_;
  std::uint64_t groups_ = 0;
};

}  // namespace quantoscope::ui
