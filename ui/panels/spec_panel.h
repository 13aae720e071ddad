// The controls of the specification.
#pragma once

#include <functional>

#include <QWidget>

#include "ui/session/preset_store.h"
#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLabel;
class QPushButton;
class QSlider;
class QSpinBox;
class QToolButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Shows and edits the session's spec. Every change is an undoable step; a drag of the slider, and
/// a run of key presses on it, is one. Controls that do not apply are disabled and say why.
class SpecPanel : public QWidget {
  Q_OBJECT

 public:
  /// Both must outlive the panel.
  SpecPanel(Session* session, PresetStore* ownPresets, QWidget* parent = nullptr);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  using Change = std::function<void(QuantSpec&)>;

  QWidget* makePresets();
  void fillPresets();
  void addFormat(QFormLayout* form);
  void addClipping(QFormLayout* form);
  QWidget* makeDoubleQuantBody();
  QWidget* makeScope();
  void connectControls();

  void edit(const QString& step, const Change& change, int gesture = 0);
  void editDoubleQuant(const QString& step, const std::function<void(DoubleQuant&)>& change);
  void editGroupSize(QComboBox* box, bool second);
  void editRatio(double ratio);
  void editPolicy(int index);

  void showSpec();
  void showFormat(const QuantSpec& spec);
  void showDtype(const QuantSpec& spec);
  void showRanges(const QuantSpec& spec);
  void showCompute(const QuantSpec& spec);
  void showClipping(const QuantSpec& spec);
  void showDoubleQuant(const QuantSpec& spec);
  void showScope();
  void showBest();

  Session* session_;
  PresetStore* ownPresets_;
  int gesture_ = 0;

  QToolButton* presets_;
  QComboBox* dtype_;
  QSpinBox* bits_;
  QComboBox* groupSize_;
  QComboBox* scheme_;
  QCheckBox* fullRange_;
  QCheckBox* halfRange_;
  QComboBox* compute_;
  QComboBox* policy_;
  QSlider* slider_;
  QDoubleSpinBox* ratio_;
  QLabel* best_;
  QPushButton* useBest_;
  QCheckBox* doubleQuant_;
  QWidget* doubleQuantBody_;
  QComboBox* secondDtype_;
  QSpinBox* secondBits_;
  QComboBox* secondScheme_;
  QComboBox* secondGroupSize_;
  QLabel* scope_;
  QPushButton* applyToAll_;
  QPushButton* useDefault_;
};

}  // namespace quantoscope::ui
