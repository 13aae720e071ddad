// Combo boxes whose items stand for the values of an enumeration.
#pragma once

#include <QtCore/QString>
#include <QtWidgets/QComboBox>

namespace quantoscope::ui {

/// An empty box; `name` tells people and assistive tools what is chosen.
inline QComboBox* makeChooser(const char* objectName, const QString& name, const QString& toolTip,
                              QWidget* parent) {
  auto* box = new QComboBox(parent);
  box->setObjectName(QString::fromLatin1(objectName));
  box->setAccessibleName(name);
  box->setToolTip(toolTip);
  return box;
}

/// Appends an item that stands for `value`; no order of items or values is meant.
template <typename Value>
void addChoice(QComboBox* box, const QString& text, Value value) {
  box->addItem(text, static_cast<int>(value));
}

/// What the item at `index` stands for.
template <typename Value>
Value choiceAt(const QComboBox* box, int index) {
  return static_cast<Value>(box->itemData(index).toInt());
}

/// Shows the item that stands for `value`.
template <typename Value>
void showChoice(QComboBox* box, Value value) {
  box->setCurrentIndex(box->findData(static_cast<int>(value)));
}

}  // namespace quantoscope::ui
