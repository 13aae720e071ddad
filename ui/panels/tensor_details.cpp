#include "ui/panels/tensor_details.h"

#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QLocale>
#include <QStringList>

#include "ui/models/number_text.h"
#include "ui/models/tensor_badges.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

TensorDetails::TensorDetails(QWidget* parent) : QWidget(parent), form_(new QFormLayout(this)) {
  setObjectName(QStringLiteral("tensorDetails"));
  setAccessibleName(tr("About the array"));
  form_->setContentsMargins(4, 4, 4, 4);
  form_->setHorizontalSpacing(10);
  form_->setVerticalSpacing(3);
  form_->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
  form_->setRowWrapPolicy(QFormLayout::DontWrapRows);
  name_ = addRow(tr("Name"));
  layer_ = addRow(tr("Layer"));
  type_ = addRow(tr("Type"));
  shape_ = addRow(tr("Shape"));
  axes_ = addRow(tr("Axes"));
  evidence_ = addRow(tr("Decided by"));
  matrix_ = addRow(tr("Matrix"));
  gates_ = addRow(tr("Gates"));
  storage_ = addRow(tr("Stored"));
  size_ = addRow(tr("Size"));
  checksums_ = addRow(tr("Checksums"));
  problem_ = addRow(tr("Problem"));
  problem_->setTextFormat(Qt::RichText);
  problem_->setTextInteractionFlags(Qt::TextBrowserInteraction);
  connect(problem_, &QLabel::linkActivated, this, [this](const QString& link) {
    if (link == QLatin1String("bfloat16")) {
      Q_EMIT wordsTakenForBFloat16();
    } else {
      Q_EMIT allowed();
    }
  });
  orientation_ = new QComboBox(this);
  orientation_->setObjectName(QStringLiteral("orientation"));
  orientation_->setAccessibleName(tr("Which axis holds the output channels"));
  orientation_->setToolTip(
      tr("Which axis holds the output channels; groups run along the input channels"));
  for (const NamedOrientation& row : kOrientations) {
    orientation_->addItem(tr(row.meaning), static_cast<int>(row.orientation));
  }
  form_->insertRow(6, tr("Read"), orientation_);
  form_->labelForField(orientation_)->setEnabled(false);
  connect(orientation_, &QComboBox::activated, this, [this] {
    Q_EMIT orientationChosen(static_cast<Orientation>(orientation_->currentData().toInt()));
  });
  show(nullptr);
}

void TensorDetails::setOrientation(Orientation orientation, bool choosable) {
  orientation_->setCurrentIndex(orientation_->findData(static_cast<int>(orientation)));
  orientation_->setVisible(choosable);
  form_->labelForField(orientation_)->setVisible(choosable);
}

QLabel* TensorDetails::addRow(const QString& name) {
  auto* title = new QLabel(name, this);
  title->setEnabled(false);  // the fainter of the two
  auto* value = new QLabel(this);
  value->setAccessibleName(name);
  value->setWordWrap(true);
  value->setTextFormat(Qt::PlainText);
  value->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  title->setBuddy(value);
  form_->addRow(title, value);
  return value;
}

void TensorDetails::setRow(QLabel* label, const QString& text) {
  label->setText(text);
  label->setVisible(!text.isEmpty());
  form_->labelForField(label)->setVisible(!text.isEmpty());
}

void TensorDetails::setIntegrity(Integrity integrity) {
  const bool none = integrity == Integrity::NoChecksums;
  setRow(checksums_, none ? QString() : tr(nameOf(integrity)));
}

void TensorDetails::show(const TensorInfo* info) {
  const auto set = [this](QLabel* label, const QString& text) { setRow(label, text); };
  if (info == nullptr) {
    for (QLabel* label : {name_, layer_, type_, shape_, axes_, evidence_, matrix_, gates_, storage_,
                          size_, checksums_, problem_}) {
      set(label, {});
    }
    return;
  }
  // A name has no spaces to wrap at.
  QString name = info->name.empty() ? shownName(info->name) : shownText(info->name);
  for (const char* separator : {"/", "."}) {
    name.replace(QLatin1String(separator), QLatin1String(separator) + QChar(0x200b));
  }
  set(name_, name);
  set(layer_, shownText(info->layer));
  QString type = info->dtype.empty() ? tr("unknown") : shownText(info->dtype);
  if (!info->quantizedAs.empty()) {
    type = tr("%1, decoded from %2").arg(type, shownText(info->quantizedAs));
  }
  set(type_, type);
  set(shape_, shapeText(info->shape));
  set(axes_, info->quantizable ? axesText(*info) : QString());
  set(evidence_, info->quantizable ? QString::fromStdString(info->because) : QString());
  set(matrix_, info->quantizable
                   ? tr("%1 output × %2 input channels%3")
                         .arg(info->rows)
                         .arg(info->cols)
                         .arg(info->transposed ? tr(", transposed for quantization") : QString())
                   : QString());
  QStringList gates;
  for (const std::string& gate : info->gates) gates << shownText(gate, kMostOfName);
  set(gates_, gates.isEmpty()
                  ? QString()
                  : tr("rows in equal parts: %1").arg(gates.join(QStringLiteral(", "))));
  set(storage_, storageText(*info));
  set(size_, tr("%1 (%2 bytes), uncompressed")
                 .arg(bytesText(static_cast<double>(info->bytes)),
                      QLocale().toString(static_cast<qulonglong>(info->bytes))));
  QString problem;
  if (!info->quantizable) {
    problem = tr("Cannot be quantized: %1").arg(shownText(info->reason).toHtmlEscaped());
    if (info->refused) {
      problem += QStringLiteral(".<br><a href=\"allow\">%1</a>").arg(tr("Allow for this file"));
    }
    if (info->perhapsBFloat16) {
      problem += QStringLiteral(".<br><a href=\"bfloat16\">%1</a>")
                     .arg(tr("Read 16-bit words of this file as bfloat16"));
    }
  }
  set(problem_, problem);
}

QString TensorDetails::text() const {
  QStringList lines;
  for (QLabel* label : {name_, layer_, type_, shape_, axes_, evidence_, matrix_, gates_, storage_,
                        size_, checksums_, problem_}) {
    if (label->text().isEmpty()) continue;
    QString value = label->text();
    value.remove(QChar(0x200b));
    lines << label->accessibleName() + QStringLiteral(": ") + value;
  }
  return lines.join(QLatin1Char('\n'));
}

}  // namespace quantoscope::ui
