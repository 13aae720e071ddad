#include "ui/panels/selection_bar.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

#include "ui/models/selection_text.h"

namespace quantoscope::ui {

SelectionBar::SelectionBar(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      text_(new QLabel(this)),
      copy_(new QPushButton(tr("Copy"), this)) {
  setObjectName(QStringLiteral("selectionBar"));
  text_->setObjectName(QStringLiteral("selectionText"));
  text_->setAccessibleName(tr("Selected weights"));
  text_->setWordWrap(true);
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  copy_->setToolTip(tr("Copy statistics of the selected weights, with full precision"));
  copy_->setAccessibleName(tr("Copy statistics of the selected weights"));
  auto* clear = new QPushButton(tr("Clear"), this);
  clear->setToolTip(tr("Clear the selection (Esc)"));
  clear->setAccessibleName(tr("Clear selection"));
  connect(copy_, &QPushButton::clicked, this, [this] {
    if (const SharedSelection selected = session_->selected()) {
      QGuiApplication::clipboard()->setText(selectionTable(*selected));
    }
  });
  connect(clear, &QPushButton::clicked, session, [session] { session->setSelection({}); });

  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(10, 2, 6, 2);
  layout->addWidget(text_, 1);
  layout->addWidget(copy_);
  layout->addWidget(clear);

  connect(session, &Session::selectionChanged, this, &SelectionBar::show);
  connect(session, &Session::detailChanged, this, &SelectionBar::show);
  connect(session, &Session::resultChanged, this, &SelectionBar::show);
  show();
}

/// While weights are counted anew, the words about the last ones would be about others.
void SelectionBar::show() {
  setVisible(session_->selection().has_value());
  const SharedSelection selected = session_->selected();
  copy_->setEnabled(selected != nullptr);
  if (selected) {
    text_->setText(selectionSentence(*selected));
  } else if (session_->selection()) {
    text_->setText(tr("Weights, %1: counting…").arg(selectionName(*session_->selection())));
  }
}

}  // namespace quantoscope::ui
