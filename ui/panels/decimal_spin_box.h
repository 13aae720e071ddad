// A number typed the way its user writes numbers.
#pragma once

#include <QDoubleSpinBox>

namespace quantoscope::ui {

/// Shows the decimal sign of its locale and takes a point as well as a comma for it when typed:
/// neither can mean groups of digits here.
class DecimalSpinBox : public QDoubleSpinBox {
  Q_OBJECT

 public:
  using QDoubleSpinBox::QDoubleSpinBox;

  double valueFromText(const QString& text) const override;
  QValidator::State validate(QString& text, int& place) const override;
};

}  // namespace quantoscope::ui
