// What is known of one array of a file, in full.
#pragma once

#include <QWidget>

#include "core/io/tensor_source.h"
#include "core/tensor/tensor_info.h"

QT_BEGIN_NAMESPACE
class QComboBox;
class QFormLayout;
class QLabel;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// A short table that can be selected and copied: type, shape, axes, storage, size, and where the
/// array cannot be shown, the reason and what can be done about it.
class TensorDetails : public QWidget {
  Q_OBJECT

 public:
  explicit TensorDetails(QWidget* parent = nullptr);

  /// Null: nothing to tell.
  void show(const TensorInfo* info);
  /// How it is read, and whether the user may choose another way.
  void setOrientation(Orientation orientation, bool choosable);
  /// How far the checksums of the array's file are compared.
  void setIntegrity(Integrity integrity);
  /// All of it as text, a line each.
  QString text() const;

 Q_SIGNALS:
  /// The user allows for this file what was refused.
  void allowed();
  /// The user says that the words of this file are bfloat16.
  void wordsTakenForBFloat16();
  void orientationChosen(Orientation orientation);

 private:
  QLabel* addRow(const QString& name);
  /// Hides the row where there is no text.
  void setRow(QLabel* label, const QString& text);

  QFormLayout* form_;
  QLabel* name_;
  QLabel* layer_;
  QLabel* type_;
  QLabel* shape_;
  QLabel* axes_;
  QLabel* evidence_;
  QLabel* matrix_;
  QLabel* gates_;
  QLabel* storage_;
  QLabel* size_;
  QLabel* checksums_;
  QLabel* problem_;
  QComboBox* orientation_;
};

}  // namespace quantoscope::ui
