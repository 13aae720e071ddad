#include "ui/panels/preset_dialog.h"

#include <QDialogButtonBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QScopedValueRollback>
#include <QVBoxLayout>

#include "ui/session/shown_text.h"

namespace quantoscope::ui {

PresetDialog::PresetDialog(Session* session, PresetStore* store, QWidget* parent)
    : QDialog(parent),
      session_(session),
      store_(store),
      name_(new QLineEdit(this)),
      save_(new QPushButton(tr("&Save"), this)),
      list_(new QListWidget(this)),
      rename_(new QPushButton(tr("&Rename"), this)),
      remove_(new QPushButton(tr("Re&move"), this)),
      problem_(new QLabel(this)) {
  setAttribute(Qt::WA_DeleteOnClose);
  setObjectName(QStringLiteral("presetDialog"));
  setWindowTitle(tr("Own Presets"));
  name_->setObjectName(QStringLiteral("presetName"));
  name_->setAccessibleName(tr("Name for the present settings"));
  name_->setText(shownText(describe(session->spec())));
  name_->selectAll();
  save_->setObjectName(QStringLiteral("savePreset"));
  save_->setAccessibleName(tr("Save the present settings under this name"));
  save_->setEnabled(session->hasTensor());
  save_->setDefault(true);
  list_->setObjectName(QStringLiteral("ownPresets"));
  list_->setAccessibleName(tr("Own presets"));
  list_->setEditTriggers(QAbstractItemView::EditKeyPressed | QAbstractItemView::DoubleClicked);
  rename_->setAccessibleName(tr("Rename the chosen preset"));
  rename_->setAutoDefault(false);
  remove_->setAccessibleName(tr("Remove the chosen preset"));
  remove_->setShortcut(QKeySequence::Delete);
  remove_->setAutoDefault(false);
  problem_->setAccessibleName(tr("Problem"));
  problem_->setWordWrap(true);
  problem_->hide();

  auto* label = new QLabel(tr("&Name for the present settings"), this);
  label->setBuddy(name_);
  auto* saving = new QHBoxLayout;
  saving->addWidget(name_, 1);
  saving->addWidget(save_);
  auto* changing = new QHBoxLayout;
  changing->addWidget(rename_);
  changing->addWidget(remove_);
  changing->addStretch(1);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  buttons->button(QDialogButtonBox::Close)->setAutoDefault(false);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(label);
  layout->addLayout(saving);
  layout->addWidget(problem_);
  layout->addWidget(list_, 1);
  layout->addLayout(changing);
  layout->addWidget(buttons);
  resize(fontMetrics().averageCharWidth() * 60, fontMetrics().height() * 22);

  connect(save_, &QPushButton::clicked, this, &PresetDialog::save);
  connect(rename_, &QPushButton::clicked, this, [this] {
    if (list_->currentItem() != nullptr) list_->editItem(list_->currentItem());
  });
  connect(remove_, &QPushButton::clicked, this, &PresetDialog::remove);
  connect(list_, &QListWidget::itemChanged, this,
          [this](QListWidgetItem* item) { rename(list_->row(item)); });
  connect(store_, &PresetStore::changed, this, &PresetDialog::showPresets, Qt::QueuedConnection);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
  showPresets();
}

void PresetDialog::showPresets() {
  const QScopedValueRollback<bool> filling(filling_, true);
  const int row = std::max(list_->currentRow(), 0);
  list_->clear();
  for (const Preset& preset : store_->own()) {
    auto* item = new QListWidgetItem(preset.name, list_);
    item->setFlags(item->flags() | Qt::ItemIsEditable);
    item->setToolTip(tipText(shownText(describe(preset.spec))));
  }
  list_->setCurrentRow(std::min(row, list_->count() - 1));
  rename_->setEnabled(list_->count() > 0);
  remove_->setEnabled(list_->count() > 0);
}

void PresetDialog::save() {
  QString problem;
  store_->save(name_->text(), session_->spec(), &problem);
  showProblem(problem);
}

void PresetDialog::rename(int row) {
  if (filling_ || row < 0 || row >= static_cast<int>(store_->own().size())) return;
  QString problem;
  const QString name = store_->own()[static_cast<std::size_t>(row)].name;
  store_->rename(name, list_->item(row)->text(), &problem);
  showProblem(problem);
  if (!problem.isEmpty()) showPresets();
}

void PresetDialog::remove() {
  const int row = list_->currentRow();
  if (row < 0 || row >= static_cast<int>(store_->own().size())) return;
  store_->remove(store_->own()[static_cast<std::size_t>(row)].name);
  showProblem({});
}

void PresetDialog::showProblem(const QString& problem) {
  problem_->setTextFormat(Qt::PlainText);
  problem_->setText(problem);
  problem_->setAccessibleDescription(problem);
  problem_->setVisible(!problem.isEmpty());
}

}  // namespace quantoscope::ui
