#include "ui/panels/group_chooser.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QSignalBlocker>
#include <QSpinBox>

#include "ui/panels/text_size.h"

namespace quantoscope::ui {

namespace {

enum Kind { Typical, Chosen };

QSpinBox* indexSpin(const QString& prefix, const QString& name, QWidget* parent) {
  auto* spin = new QSpinBox(parent);
  spin->setPrefix(prefix);
  spin->setAccessibleName(name);
  spin->setToolTip(name);
  spin->setKeyboardTracking(false);
  spin->setButtonSymbols(QSpinBox::NoButtons);
  return spin;
}

}  // namespace

GroupChooser::GroupChooser(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      kind_(new QComboBox(this)),
      row_(indexSpin(tr("row "), tr("Row of the group, counted from 0"), this)),
      group_(indexSpin(tr("group "), tr("Place of the group in its row, counted from 0"), this)) {
  kind_->addItems({tr("Typical group"), tr("Chosen")});
  kind_->setAccessibleName(tr("Group whose quantization levels are shown"));
  kind_->setToolTip(
      tr("Quantization levels of this group are drawn; the typical one has the median scale"));

  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(4);
  layout->addWidget(kind_);
  layout->addWidget(row_);
  layout->addWidget(group_);

  connect(kind_, &QComboBox::activated, this, [this] {
    // Begin with the group that is shown already.
    if (const SharedResult result = session_->result(); result && result->group) {
      const QSignalBlocker blockRow(row_);
      const QSignalBlocker blockGroup(group_);
      row_->setValue(static_cast<int>(result->group->index.row));
      group_->setValue(static_cast<int>(result->group->index.group));
    }
    choose();
  });
  connect(row_, &QSpinBox::valueChanged, this, &GroupChooser::choose);
  connect(group_, &QSpinBox::valueChanged, this, &GroupChooser::choose);
  connect(session, &Session::groupChanged, this, &GroupChooser::showState);
  connect(session, &Session::specChanged, this, &GroupChooser::showState);
  connect(session, &Session::tensorChanged, this, &GroupChooser::showState);
  showState();
}

void GroupChooser::showState() {
  const QSignalBlocker blockKind(kind_);
  const QSignalBlocker blockRow(row_);
  const QSignalBlocker blockGroup(group_);
  const TensorInfo* info = session_->currentInfo();
  setEnabled(info != nullptr);
  if (info != nullptr) {
    const GroupLayout layout = layoutOf(session_->spec(), info->rows, info->cols);
    row_->setMaximum(static_cast<int>(info->rows) - 1);
    group_->setMaximum(static_cast<int>(layout.groupsPerRow()) - 1);
  }
  const auto chosen = session_->group();
  if (chosen) {
    row_->setValue(static_cast<int>(chosen->row));
    group_->setValue(static_cast<int>(chosen->group));
  }
  kind_->setCurrentIndex(chosen ? Chosen : Typical);
  fitWidth();
  row_->setVisible(chosen.has_value());
  group_->setVisible(chosen.has_value());
}

/// As wide as what it says: the headline has little room.
void GroupChooser::fitWidth() {
  kind_->setFixedWidth(fontMetrics().horizontalAdvance(kind_->currentText()) + 34);
}

void GroupChooser::choose() {
  if (kind_->currentIndex() == Typical) {
    session_->setGroup(std::nullopt);
  } else {
    session_->setGroup(GroupIndex{static_cast<std::size_t>(row_->value()),
                                  static_cast<std::size_t>(group_->value())});
  }
}

}  // namespace quantoscope::ui
