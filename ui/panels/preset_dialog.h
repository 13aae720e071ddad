// The user's presets: saved, renamed, removed.
#pragma once

#include <QDialog>

#include "ui/session/preset_store.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// A field and a button that save the present settings under a name, and the list of own presets:
/// F2 or a double click renames, Delete removes. Every change is made at once and can be undone.
class PresetDialog : public QDialog {
  Q_OBJECT

 public:
  /// Both must outlive the dialog.
  PresetDialog(Session* session, PresetStore* store, QWidget* parent);

 private:
  void showPresets();
  void save();
  void rename(int row);
  void remove();
  void showProblem(const QString& problem);

  Session* session_;
  PresetStore* store_;
  QLineEdit* name_;
  QPushButton* save_;
  QListWidget* list_;
  QPushButton* rename_;
  QPushButton* remove_;
  QLabel* problem_;
  bool filling_ = false;
};

}  // namespace quantoscope::ui
