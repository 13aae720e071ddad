// Combo boxes whose items stand for the values of an enumeration.
#pragma once

#include <QtWidgets/QComboBox>
#include <QtCore/QString>

namespace quantoscope::ui {

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
