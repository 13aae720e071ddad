// Weights that are selected in one view and shown in all.
#pragma once

#include <vector>

#include <QObject>

#include "ui/session/session.h"

namespace quantoscope::ui {

class Plot;

/// Hands what is chosen in a plot to the session, and what the session found to all plots that can
/// show it; others are left alone.
class Brushing : public QObject {
  Q_OBJECT

 public:
  /// All must outlive this object.
  Brushing(Session* session, const std::vector<Plot*>& plots, QObject* parent);
};

}  // namespace quantoscope::ui
