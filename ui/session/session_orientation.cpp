// Which axes of a tensor are read as rows and columns.
#include <utility>

#include <QUndoCommand>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

/// Another reading of one tensor.
class Session::OrientationCommand : public QUndoCommand {
 public:
  OrientationCommand(Session* session, OpenFile& file, Orientation before, Orientation after)
      : QUndoCommand(menuText(tr("axes of %1").arg(shownName(*file.tensor)))),
        session_(session),
        file_(&file),
        tensor_(*file.tensor),
        before_(before),
        after_(after) {}

  void undo() override { session_->applyOrientation(*file_, tensor_, before_); }
  void redo() override { session_->applyOrientation(*file_, tensor_, after_); }

 private:
  Session* session_;
  OpenFile* file_;
  QString tensor_;
  Orientation before_;
  Orientation after_;
};

Orientation Session::orientationOf(const TensorInfo& info) const {
  return file() == nullptr ? Orientation::Auto : file()->orientationOf(info.name);
}

Orientation Session::orientation() const {
  return file() == nullptr ? Orientation::Auto : file()->orientationOf(file()->chosenName());
}

void Session::setOrientation(Orientation chosen) {
  if (currentInfo() == nullptr || chosen == orientation()) return;
  file()->undo->push(new OrientationCommand(this, *file(), orientation(), chosen));
}

void Session::applyOrientation(OpenFile& edited, const QString& tensor, Orientation chosen) {
  const int index = edited.indexOf(tensor);
  if (index < 0) return;
  edited.orientations[edited.info(index)->name] = chosen;
  edited.unsettle(static_cast<std::size_t>(index));
  edited.overview[static_cast<std::size_t>(index)].weights.reset();
  if (&edited != file()) return;
  Q_EMIT overviewChanged(index, index);
  if (tensor != edited.tensor) {
    chooseTensor(edited, tensor);  // undoing elsewhere shows what is undone
    return;
  }
  edited.group.reset();
  halted_ = false;
  loadCurrentTensor();
  Q_EMIT orientationChanged();
  Q_EMIT groupChanged();
  Q_EMIT resultChanged();
  Q_EMIT curveChanged();
}

/// What is shown was read so; the reading that was chosen since could not be had.
void Session::keepLastGoodOrientation() {
  OpenFile* shown = file();
  if (shown == nullptr || !tensor_ || orientation() == loadedAs_) return;
  shown->orientations[shown->chosenName()] = loadedAs_;
  Q_EMIT orientationChanged();
}

}  // namespace quantoscope::ui
