// The table of metrics.
#pragma once

#include <QTableView>

#include "ui/models/metrics_model.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

/// The session's result in numbers. Ctrl+C copies the chosen rows, tab-separated.
class MetricsPanel : public QTableView {
  Q_OBJECT

 public:
  /// The session must outlive the panel.
  explicit MetricsPanel(Session* session, QWidget* parent = nullptr);

  const MetricsModel& metrics() const { return *metrics_; }
  QSize sizeHint() const override;

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void spanSections();
  void copySelection() const;

  MetricsModel* metrics_;
};

}  // namespace quantoscope::ui
