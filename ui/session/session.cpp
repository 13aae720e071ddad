#include "ui/session/session.h"

#include <algorithm>
#include <utility>

#include <QDir>
#include <QFileInfo>
#include <QUndoCommand>

#include "core/base/output_place.h"
#include "core/io/model_file.h"
#include "ui/session/guarded.h"
#include "ui/session/queued_loader.h"
#include "ui/session/session_state.h"

namespace quantoscope::ui {

namespace {

/// Choices of single tensors that are looked up one by one; more are compared in one pass.
constexpr std::size_t kFewTensors = 64;

/// FILE and TENSOR of FILE::TENSOR.
struct FileAndTensor {
  QString file;
  std::optional<QString> tensor;
};

FileAndTensor partsOf(const QString& fileAndTensor) {
  if (!fileAndTensor.contains(QLatin1String("::"))) return {fileAndTensor, {}};
  const FileAndPath parts = splitFileAndPath(fileAndTensor.toStdString());
  const std::size_t slash = parts.path.starts_with('/') ? 1 : 0;
  FileAndTensor found = {text(parts.file), {}};
  if (!parts.path.empty()) found.tensor = text(parts.path.substr(slash));
  return found;
}

/// The file itself, with its whole path: in place of a folder the one that it holds.
Result<std::string> wholePathOf(const QString& file) {
  return modelFileOf(QFileInfo(file).absoluteFilePath().toStdString());
}

}  // namespace

/// An edit of a file's plan. The whole plan is kept: it is small next to any tensor. The file owns
/// its stack of commands, so that they find it under another id, too, when it was reloaded.
class Session::PlanCommand : public QUndoCommand {
 public:
  PlanCommand(Session* session, OpenFile& file, TuningPlan after, const QString& step, int gesture)
      : QUndoCommand(menuText(shownText(step))),
        session_(session),
        file_(&file),
        tensor_(file.tensor),
        before_(file.plan),
        after_(std::move(after)),
        gesture_(gesture) {}

  void undo() override { session_->setPlan(*file_, before_, tensor_); }
  void redo() override { session_->setPlan(*file_, after_, tensor_); }
  int id() const override { return gesture_ == 0 ? -1 : 1; }

  bool mergeWith(const QUndoCommand* next) override {
    const auto& other = static_cast<const PlanCommand&>(*next);
    if (other.gesture_ != gesture_ || other.tensor_ != tensor_) return false;
    after_ = other.after_;
    return true;
  }

 private:
  Session* session_;
  OpenFile* file_;
  std::optional<QString> tensor_;
  TuningPlan before_;
  TuningPlan after_;
  int gesture_;
};

Session::Session(QObject* parent) : Session(Environment{}, parent) {}

Session::Session(Environment environment, QObject* parent)
    : QObject(parent),
      environment_(std::move(environment)),
      exactExecutor_(environment_.executor.yieldingTo(previewGate_)),
      patientExecutor_(environment_.executor.yieldingTo(foregroundGate_)),
      outbox_(std::make_shared<Outbox<Session>>(this)),
      io_(std::make_shared<IoQueue>()),
      previewLane_(std::make_unique<ComputeLane>()),
      foregroundLane_(std::make_unique<ComputeLane>()),
      backgroundLane_(std::make_unique<ComputeLane>()),
      exportLane_(std::make_unique<ComputeLane>()),
      checkLane_(std::make_unique<ComputeLane>()) {
  constexpr int kPaintMs = 15;
  painted_.setSingleShot(true);
  painted_.setInterval(kPaintMs);
  connect(&painted_, &QTimer::timeout, this, [this] { painting_.release(); });
  // Connected first, so that others can be told how long it has taken.
  connect(this, &Session::activityChanged, this, &Session::startActivityClock);
}

Session::~Session() {
  outbox_->close();
  openCancel_.cancel();
  loadCancel_.cancel();
  backgroundCancel_.cancel();
  exportCancel_.cancel();
  painting_.release();
  // The lanes may wait for the queue, so they are joined while it still works.
  checkLane_.reset();
  exportLane_.reset();
  backgroundLane_.reset();
  foregroundLane_.reset();
  previewLane_.reset();
  io_.reset();
  for (const auto& opened : files_) undoGroup_.removeStack(opened->undo.get());
}

// ---- files

Session::OpenFile* Session::file() const {
  return current_ < 0 ? nullptr : files_[static_cast<std::size_t>(current_)].get();
}

Session::OpenFile* Session::fileById(std::uint64_t id) const {
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [id](const auto& opened) { return opened->id == id; });
  return found == files_.end() ? nullptr : found->get();
}

void Session::openFile(const QString& fileAndTensor, const QString& tensor) {
  Opening opening;
  opening.path = fileAndTensor;
  if (!tensor.isEmpty()) opening.tensor = tensor;
  open(std::move(opening));
}

void Session::openBeside(const QString& file) {
  open({.path = file, .show = false});
}

void Session::reloadFile(const QString& path, bool allowOutside) {
  const auto index = openFiles().indexOf(path);
  if (index < 0) return;
  const OpenFile& opened = *files_[static_cast<std::size_t>(index)];
  OpenOptions options;
  options.allowOutside = allowOutside || opened.allowOutside;
  options.wordsAreBFloat16 = opened.wordsAreBFloat16;
  open({.path = path, .show = index == current_, .replace = true, .options = options});
}

void Session::readUint16AsBFloat16() {
  if (file() == nullptr) return;
  OpenOptions options;
  options.allowOutside = file()->allowOutside;
  options.wordsAreBFloat16 = true;
  open({.path = file()->path, .show = true, .replace = true, .options = options});
}

bool Session::wordsAreBFloat16() const {
  return file() != nullptr && file()->wordsAreBFloat16;
}

bool Session::refusesSomething() const {
  return std::any_of(tensors().begin(), tensors().end(),
                     [](const TensorInfo& info) { return info.refused; });
}

void Session::open(Opening opening) {
  if (OpenFile* listed = waitingFor(opening.path)) {
    listed->opening = true;
    opening.waiting = listed->id;
    opening.options.wordsAreBFloat16 = listed->wordsAreBFloat16;
  }
  ++opening_;
  if (openCancel_.cancelled()) openCancel_ = CancelToken();  // of those that were stopped before
  openProgress_ = std::make_shared<ProgressCell>();
  opening.options.control = {openCancel_, [cell = openProgress_](auto done, auto total) {
                               cell->total = total;
                               cell->done = done;
                             }};
  openingName_ = shownName(QFileInfo(QDir::cleanPath(opening.path)).fileName());
  halted_ = false;
  standBack();
  io_->post(IoQueue::Priority::Foreground,
            [outbox = outbox_, openIt = environment_.open, opening](const CancelToken& closing) {
              if (closing.cancelled()) return;
              Opening found = opening;
              if (found.options.control.cancel.cancelled()) {
                outbox->post([found](Session& session) {
                  session.takeSource(found, Error{ErrorCode::Cancelled, "cancelled"});
                });
                return;
              }
              const FileAndTensor parts = partsOf(found.path);
              found.path = parts.file;
              if (parts.tensor) found.tensor = parts.tensor;
              const auto file = wholePathOf(found.path);
              if (!file) {
                outbox->post([found, error = file.error()](Session& session) {
                  session.takeSource(found, error);
                });
                return;
              }
              found.path = text(*file);
              if (found.show) {
                found.options.onNames = [outbox, path = found.path,
                                         cancel = found.options.control.cancel](const auto& names) {
                  outbox->post([path, names, cancel](Session& session) {
                    if (!cancel.cancelled()) session.takeNames(path, names);
                  });
                };
              }
              const std::string path = found.path.toStdString();
              auto source = guarded(path, [&] { return openIt(path, found.options); });
              outbox->post([found, source = std::move(source)](Session& session) {
                session.takeSource(found, source);
              });
            });
  Q_EMIT activityChanged();
}

void Session::takeNames(const QString& path, const std::vector<std::string>& names) {
  // A file that is read again already shows more than names.
  if (openFiles().contains(path) && waitingAt(path) == nullptr) return;
  for (const std::string& name : names) openingNames_ << tensorText(name);
  Q_EMIT openingNamesChanged();
}

void Session::takeSource(const Opening& opening, Result<SharedSource> source) {
  if (!std::exchange(openingNames_, {}).isEmpty()) Q_EMIT openingNamesChanged();
  if (!source) {
    if (OpenFile* waiting = fileById(opening.waiting)) waiting->opening = false;
    if (!isCancelled(source.error())) {
      Q_EMIT failed(messageOf(source.error()));
      dropWaiting(opening.waiting);
    }
  } else if (opening.options.control.cancel.cancelled()) {
    // It was opened before the cancellation reached it.
    if (OpenFile* waiting = fileById(opening.waiting)) waiting->opening = false;
  } else {
    Q_EMIT fileOpened(opening.path);
    addFile(opening, std::move(*source));
  }
  --opening_;
  pumpBackground();
  Q_EMIT activityChanged();
}

void Session::addFile(const Opening& opening, SharedSource source) {
  OpenFile* listed = listedAs(opening);
  if (listed != nullptr && (opening.replace || listed->waits)) {
    return replaceFile(*listed, opening, std::move(source));
  }
  int index = static_cast<int>(openFiles().indexOf(opening.path));
  if (index < 0) {
    auto opened = std::make_unique<OpenFile>();
    opened->id = ++lastFileId_;
    opened->path = opening.path;
    opened->plan.sourceFile = opening.path.toStdString();
    opened->adopt(std::move(source));
    opened->undo = std::make_unique<QUndoStack>();
    undoGroup_.addStack(opened->undo.get());
    index = static_cast<int>(files_.size());
    files_.push_back(std::move(opened));
    Q_EMIT filesChanged();
    Q_EMIT contentTaken(opening.path);
    checkIntegrity();
  }
  if (opening.show || current_ < 0) showFile(index);
  if (opening.show && file()->isNamed(opening.tensor)) selectTensor(*opening.tensor);
}

Session::OpenFile* Session::listedAs(const Opening& opening) const {
  if (OpenFile* waiting = fileById(opening.waiting)) return waiting;
  const auto index = openFiles().indexOf(opening.path);
  return index < 0 ? nullptr : files_[static_cast<std::size_t>(index)].get();
}

/// A new id, so that answers about the file as it was find no owner.
void Session::replaceFile(OpenFile& replaced, const Opening& opening, SharedSource source) {
  const auto place = std::find_if(files_.begin(), files_.end(),
                                  [&](const auto& opened) { return opened.get() == &replaced; });
  const int index = static_cast<int>(place - files_.begin());
  const bool first = std::exchange(replaced.waits, false);
  replaced.opening = false;
  replaced.id = ++lastFileId_;
  replaced.allowOutside = opening.options.allowOutside;
  replaced.wordsAreBFloat16 = opening.options.wordsAreBFloat16;
  replaced.adopt(std::move(source));
  Q_EMIT contentTaken(opening.path);
  checkIntegrity();
  const TensorInfo* kept = replaced.chosen();
  if (kept == nullptr || !kept->quantizable) replaced.tensor.reset();
  if (index == current_) {
    current_ = -1;  // shown anew
    showFile(index);
  } else if (first && (opening.show || current_ < 0)) {
    showFile(index);
    if (replaced.isNamed(opening.tensor)) selectTensor(*opening.tensor);
  }
}

/// Of a file that is listed already.
void Session::adoptPlanOf(OpenFile& listed, const FileState& state) {
  TuningPlan plan = state.plan;
  plan.sourceFile = listed.plan.sourceFile;
  listed.nameAsInFile(plan.tensors);
  listed.undo->push(new PlanCommand(this, listed, std::move(plan), tr("open session"), 0));
}

Session::OpenFile* Session::waitingAt(const QString& path) const {
  const auto found = std::find_if(files_.begin(), files_.end(), [&](const auto& opened) {
    return opened->waits && opened->path == path;
  });
  return found == files_.end() ? nullptr : found->get();
}

/// The listed file that is meant by its path, as FILE::TENSOR or by its folder. The disk is asked
/// only where something waits and the path is none of theirs.
Session::OpenFile* Session::waitingFor(const QString& fileAndTensor) const {
  if (std::none_of(files_.begin(), files_.end(),
                   [](const auto& opened) { return opened->waits; })) {
    return nullptr;
  }
  if (OpenFile* listed = waitingAt(QFileInfo(fileAndTensor).absoluteFilePath())) return listed;
  const auto path = wholePathOf(partsOf(fileAndTensor).file);
  return path ? waitingAt(text(*path)) : nullptr;
}

void Session::openWaiting(OpenFile& waiting) {
  if (waiting.opening) return;
  open({.path = waiting.path, .show = true});
}

/// What could not be opened gives way to the next one, unless something is shown.
void Session::dropWaiting(std::uint64_t id) {
  const auto place = std::find_if(files_.begin(), files_.end(), [id](const auto& opened) {
    return opened->id == id && opened->waits;
  });
  if (place == files_.end()) return;
  const std::unique_ptr<OpenFile> dropped = std::move(*place);
  const int index = static_cast<int>(place - files_.begin());
  undoGroup_.removeStack(dropped->undo.get());
  files_.erase(place);
  if (current_ > index) --current_;
  Q_EMIT notOpened(dropped->state());
  Q_EMIT filesChanged();
  if (current_ < 0 && !files_.empty()) {
    setCurrentFile(std::min(index, static_cast<int>(files_.size()) - 1));
  }
}

void Session::showFile(int index) {
  if (index == current_) return;
  abandonForeground();
  current_ = index;
  OpenFile* shown = file();
  undoGroup_.setActiveStack(shown == nullptr ? nullptr : shown->undo.get());
  tensor_.reset();
  result_.reset();
  Q_EMIT fileChanged();
  Q_EMIT tensorChanged();
  Q_EMIT specChanged();
  Q_EMIT groupChanged();
  Q_EMIT resultChanged();
  Q_EMIT curveChanged();
  if (shown != nullptr) beginWithTensor(*shown);
  Q_EMIT activityChanged();
}

void Session::beginWithTensor(OpenFile& shown) {
  if (shown.tensor) {
    loadCurrentTensor();
    return;
  }
  const auto& all = shown.source->tensors();
  const auto first =
      std::find_if(all.begin(), all.end(), [](const TensorInfo& info) { return info.quantizable; });
  if (first != all.end()) {
    chooseTensor(shown, tensorText(first->name));
  } else {
    const QString name = shownName(QFileInfo(shown.path).fileName());
    Q_EMIT failed(countQuantized(*shown.source) == 0
                      ? tr("%1 holds no tensor that can be quantized").arg(name)
                      : tr("%1 holds no tensor that can be quantized: %2")
                            .arg(name, shownText(shown.source->format())));
  }
}

void Session::closeCurrentFile() {
  if (current_ < 0) return;
  backgroundCancel_.cancel();
  const int closing = current_;
  const int next = closing > 0 ? closing - 1 : (files_.size() > 1 ? 1 : -1);
  const bool waits = next >= 0 && files_[static_cast<std::size_t>(next)]->waits;
  showFile(waits ? -1 : next);
  undoGroup_.removeStack(files_[static_cast<std::size_t>(closing)]->undo.get());
  files_.erase(files_.begin() + closing);
  if (current_ > closing) --current_;
  Q_EMIT filesChanged();
  if (waits) setCurrentFile(next > closing ? next - 1 : next);
}

QStringList Session::openFiles() const {
  QStringList paths;
  for (const auto& opened : files_) paths << opened->path;
  return paths;
}

int Session::currentFile() const {
  return current_;
}

void Session::setCurrentFile(int index) {
  if (index < 0 || index >= static_cast<int>(files_.size())) return;
  halted_ = false;
  OpenFile& chosen = *files_[static_cast<std::size_t>(index)];
  if (!chosen.waits) return showFile(index);
  openWaiting(chosen);
  Q_EMIT filesChanged();  // choosers return to what is shown until it is open
}

QString Session::currentPath() const {
  return file() == nullptr ? QString() : file()->path;
}

QString Session::currentFormat() const {
  return file() == nullptr ? QString() : shownText(file()->source->format());
}

SharedSource Session::currentSource() const {
  return file() == nullptr ? nullptr : file()->source;
}

const Completeness& Session::currentCompleteness() const {
  static const Completeness kNone;
  return file() == nullptr ? kNone : file()->completeness;
}

Integrity Session::currentIntegrity() const {
  return file() == nullptr ? Integrity::NoChecksums : file()->source->integrity();
}

/// Compares the checksums of the files that are open, one file after the other, the shown one
/// first.
void Session::checkIntegrity() {
  if (checking_) return;
  const auto unchecked = [](const std::unique_ptr<OpenFile>& opened) {
    return opened->source->integrity() == Integrity::NotYet;
  };
  const auto next = current_ >= 0 && unchecked(files_[static_cast<std::size_t>(current_)])
                        ? files_.begin() + current_
                        : std::find_if(files_.begin(), files_.end(), unchecked);
  if (next == files_.end()) return;
  checking_ = true;
  checkLane_->submit([source = (*next)->source, outbox = outbox_](const CancelToken& cancel) {
    const auto status = guarded(source->path(), [&] { return source->verify({cancel, {}}); });
    outbox->post([status](Session& session) { session.takeIntegrity(status); });
  });
}

void Session::takeIntegrity(const Status& status) {
  checking_ = false;
  Q_EMIT integrityChanged();
  if (!status && isCancelled(status.error())) return;
  if (!status) Q_EMIT failed(messageOf(status.error()));
  checkIntegrity();
}

// ---- tensors

const std::vector<TensorInfo>& Session::tensors() const {
  static const std::vector<TensorInfo> kNone;
  return file() == nullptr ? kNone : file()->source->tensors();
}

const TensorOverview& Session::overview(std::size_t tensor) const {
  return file()->overview[tensor];
}

bool Session::hasTensor() const {
  return file() != nullptr && file()->tensor.has_value();
}

QString Session::currentTensor() const {
  return hasTensor() ? *file()->tensor : QString();
}

const TensorInfo* Session::currentInfo() const {
  return file() == nullptr ? nullptr : file()->chosen();
}

void Session::selectTensor(const QString& name) {
  OpenFile* shown = file();
  if (shown == nullptr || name == shown->tensor) return;
  const TensorInfo* info = shown->info(shown->indexOf(name));
  if (info == nullptr) {
    const auto missing = findTensor(*shown->source, name.toStdString());
    Q_EMIT failed(missing ? tr("%1: no such tensor").arg(shownName(name))
                          : messageOf(missing.error()));
    return;
  }
  if (!info->quantizable) {
    Q_EMIT failed(tr("%1 cannot be quantized: %2").arg(shownName(name), shownText(info->reason)));
    return;
  }
  chooseTensor(*shown, name);
}

void Session::chooseTensor(OpenFile& shown, const QString& name) {
  shown.tensor = name;
  shown.group.reset();
  halted_ = false;
  loadCurrentTensor();
  Q_EMIT tensorChanged();
  Q_EMIT specChanged();
  Q_EMIT groupChanged();
  Q_EMIT resultChanged();
  Q_EMIT curveChanged();
}

void Session::loadCurrentTensor() {
  abandonForeground();
  standBack();
  const TensorInfo* info = currentInfo();
  if (info == nullptr) return;
  loading_ = true;
  loadCancel_ = CancelToken();
  loadProgress_ = std::make_shared<ProgressCell>();
  io_->post(
      IoQueue::Priority::Foreground,
      [outbox = outbox_, source = file()->source, info = *info, orientation = orientation(),
       cancel = loadCancel_, progress = loadProgress_, epoch = epoch_](const CancelToken& closing) {
        if (closing.cancelled() || cancel.cancelled()) return;
        const auto tell = [progress](std::uint64_t done, std::uint64_t total) {
          progress->done = done;
          progress->total = total;
        };
        auto shared = guarded(info.name, [&]() -> Result<SharedTensor> {
          auto loaded = source->load(info, orientation, {cancel, tell});
          if (!loaded) return loaded.error();
          return SharedTensor(std::make_shared<WeightTensor>(std::move(*loaded)));
        });
        outbox->post([epoch, orientation, shared = std::move(shared)](Session& session) {
          session.takeTensor(epoch, orientation, shared);
        });
      });
  Q_EMIT activityChanged();
}

void Session::takeTensor(std::uint64_t epoch, Orientation readAs, Result<SharedTensor> tensor) {
  if (epoch != epoch_) return;
  loading_ = false;
  if (tensor) {
    loadedAs_ = readAs;
    tensor_ = std::move(*tensor);
    requestAnalysis();
    return;
  }
  keepLastGoodTensor();
  if (!isCancelled(tensor.error())) Q_EMIT failed(messageOf(tensor.error()));
}

void Session::keepLastGoodTensor() {
  OpenFile* shown = file();
  if (shown != nullptr && tensor_ && tensorText(tensor_->info().name) != shown->tensor) {
    shown->tensor = tensorText(tensor_->info().name);
    shown->group.reset();
    Q_EMIT tensorChanged();
    Q_EMIT specChanged();
    Q_EMIT groupChanged();
    Q_EMIT curveChanged();
  }
  keepLastGoodOrientation();
  Q_EMIT resultChanged();
  pumpBackground();
  Q_EMIT activityChanged();
}

// ---- specs

QuantSpec Session::spec() const {
  if (file() == nullptr) return {};
  return file()->plan.specFor(file()->chosenName());
}

QuantSpec Session::specOf(const TensorInfo& info) const {
  return file() == nullptr ? QuantSpec{} : file()->plan.specFor(info.name);
}

bool Session::hasOwnSpec() const {
  return hasTensor() && file()->plan.tensors.contains(file()->chosenName());
}

TuningPlan Session::plan() const {
  if (file() == nullptr) return {};
  TuningPlan complete = file()->plan;
  for (auto& [name, choice] : complete.tensors) {
    const int index = file()->indexOf(tensorText(name));
    if (index < 0) continue;
    const TensorOverview& known = file()->overview[static_cast<std::size_t>(index)];
    if (!known.settled || !known.measure) continue;
    choice.metrics = known.measure->metrics;
    choice.bitsPerWeight = known.measure->storage.bitsPerWeight();
    if (choice.spec.clip.kind == ClipPolicy::Kind::SearchTensor) {
      choice.clipRatio = known.measure->clipRatio;
    }
  }
  return complete;
}

void Session::editSpec(const QuantSpec& edited, const QString& step, int gesture) {
  if (currentInfo() == nullptr || edited == spec()) return;
  if (const Status valid = edited.validate(); !valid) {
    Q_EMIT specChanged();  // a view that shows the refused value returns to the truth
    Q_EMIT failed(messageOf(valid.error()));
    return;
  }
  TuningPlan plan = file()->plan;
  TensorPlan choice;
  choice.spec = edited;
  choice.pinned = true;
  plan.tensors[file()->chosenName()] = choice;
  pushPlan(std::move(plan), step, gesture);
}

void Session::applyToAll() {
  if (file() == nullptr) return;
  TuningPlan plan = file()->plan;
  plan.defaultSpec = spec();
  plan.tensors.clear();
  pushPlan(std::move(plan), tr("apply to all tensors"), 0);
}

void Session::dropOwnSpec() {
  if (!hasOwnSpec()) return;
  TuningPlan plan = file()->plan;
  plan.tensors.erase(file()->chosenName());
  pushPlan(std::move(plan), tr("back to the default"), 0);
}

void Session::adoptPlan(const TuningPlan& adopted) {
  if (file() == nullptr) return;
  TuningPlan plan = adopted;
  plan.sourceFile = file()->plan.sourceFile;
  file()->nameAsInFile(plan.tensors);
  pushPlan(std::move(plan), tr("open plan"), 0);
}

void Session::pushPlan(TuningPlan plan, const QString& step, int gesture) {
  file()->undo->push(new PlanCommand(this, *file(), std::move(plan), step, gesture));
}

void Session::setPlan(OpenFile& edited, TuningPlan plan, const std::optional<QString>& tensor) {
  const QuantSpec before = spec();
  const TuningPlan planBefore = std::exchange(edited.plan, std::move(plan));
  halted_ = false;
  unsettleOverview(edited, planBefore);
  if (tensor && &edited == file() && tensor != edited.tensor) {
    chooseTensor(edited, *tensor);  // undoing elsewhere shows what is undone
    return;
  }
  Q_EMIT specChanged();
  if (spec() == before) {
    pumpBackground();
    return;
  }
  Q_EMIT curveChanged();
  if (!loading_) requestAnalysis();
}

void Session::unsettleOverview(OpenFile& edited, const TuningPlan& before) {
  int changed = 0;
  int last = -1;
  const auto unsettle = [&](int tensor, const std::string& name) {
    if (tensor < 0) return;
    const bool same = before.specFor(name) == edited.plan.specFor(name);
    if (!same) edited.unsettle(static_cast<std::size_t>(tensor));
    // A spec may become a tensor's own without becoming another.
    if (same && before.tensors.contains(name) == edited.plan.tensors.contains(name)) return;
    ++changed;
    last = tensor;
  };
  if (before.defaultSpec == edited.plan.defaultSpec && before.tensors.size() < kFewTensors &&
      edited.plan.tensors.size() < kFewTensors) {
    // A drag comes here with every move of the mouse: only those with a choice of their own.
    for (const auto& [name, choice] : before.tensors)
      unsettle(edited.indexOf(tensorText(name)), name);
    for (const auto& [name, choice] : edited.plan.tensors) {
      if (!before.tensors.contains(name)) unsettle(edited.indexOf(tensorText(name)), name);
    }
  } else {
    const auto& all = edited.source->tensors();
    for (std::size_t i = 0; i < all.size(); ++i) unsettle(static_cast<int>(i), all[i].name);
  }
  if (&edited != file() || changed == 0) return;
  Q_EMIT overviewChanged(changed == 1 ? last : -1, changed == 1 ? last : -1);
}

// ---- the shown group

std::optional<GroupIndex> Session::group() const {
  return file() == nullptr ? std::nullopt : file()->group;
}

void Session::setGroup(std::optional<GroupIndex> chosen) {
  if (file() == nullptr || file()->group == chosen) return;
  file()->group = chosen;
  Q_EMIT groupChanged();
  if (!loading_) requestAnalysis();
}

// ---- exporting

Status Session::mayWrite(const QString& path) const {
  for (const auto& open : files_) {
    if (const auto input = inputAt(path.toStdString(), open->source->files())) {
      return Error{ErrorCode::OutputFailed,
                   tr("%1 is open and never written to; choose another name")
                       .arg(text(*input))
                       .toStdString()};
    }
  }
  return ok();
}

bool Session::startExport(const QString& what, const QString& path, ExportJob job) {
  if (exporting_) {
    Q_EMIT failed(tr("%1 is still being exported: wait for it or cancel it").arg(exportName_));
    return false;
  }
  if (const Status status = mayWrite(path); !status) {
    Q_EMIT failed(messageOf(status.error()));
    return false;
  }
  exporting_ = true;
  exportName_ = what;
  exportCancel_ = CancelToken();
  exportProgress_ = std::make_shared<ProgressCell>();
  TaskControl control{exportCancel_, [cell = exportProgress_](auto done, auto total) {
                        cell->total = total;
                        cell->done = done;
                      }};
  exportLane_->submit(
      [what, path, job = std::move(job), control, outbox = outbox_](const CancelToken&) {
        auto result = guarded(path.toStdString(), [&] { return job(control); });
        outbox->post([what, path, result = std::move(result)](Session& session) {
          session.takeExport(what, path, result);
        });
      });
  Q_EMIT activityChanged();
  return true;
}

void Session::takeExport(const QString& what, const QString& path, ExportResult result) {
  exporting_ = false;
  if (result) {
    QStringList notes;
    for (const std::string& line : *result) notes << shownText(line);
    Q_EMIT exported(what, path, notes);
  } else if (isCancelled(result.error())) {
    Q_EMIT cancelled(tr("Exporting %1").arg(what));
  } else {
    Q_EMIT failed(messageOf(result.error()));
  }
  pumpBackground();
  Q_EMIT activityChanged();
}

ModelJob Session::jobOf(const OpenFile& opened, SharedSource source) const {
  ModelJob job;
  job.file = opened.source->path();
  job.source = std::move(source);
  job.plan = opened.plan;
  job.load = queuedLoader(opened.source, opened.orientations, io_);
  return job;
}

void Session::exportModel(const ExportFormat& format, const QString& path,
                          const ExportChoice& choice) {
  if (file() == nullptr) return;
  ModelJob job = jobOf(*file(), file()->source);
  if (choice.allTensors) {
    std::copy_if(tensors().begin(), tensors().end(), std::back_inserter(job.tensors),
                 [](const TensorInfo& info) { return info.quantizable; });
  } else if (const TensorInfo* info = currentInfo()) {
    job.tensors.push_back(*info);
  }
  const QString title = QString::fromUtf8(format.title);
  const bool whole = format.content == ExportContent::Plan || choice.allTensors;
  startExport(whole ? title : tr("%1 of one tensor").arg(title), path,
              modelExport(path.toStdString(), format, std::move(job), {choice.dequantized},
                          exactExecutor_));
}

std::optional<ModelJob> Session::wholeModel() const {
  if (file() == nullptr || file()->waits) return std::nullopt;
  ModelJob job = jobOf(*file(), queuedSource(file()->source, io_));
  job.extent = Extent::WholeModel;
  for (const TensorInfo& info : tensors()) {
    // Groups run along the axes that were chosen.
    if (info.quantizable) job.tensors.push_back(oriented(info, orientationOf(info)));
  }
  return job;
}

bool Session::exportWholeModel(const ExportFormat& format, const OutputPath& path,
                               const ExportOptions& options, std::shared_ptr<ExportRun> run) {
  auto job = wholeModel();
  if (!job) return false;
  for (const std::string& report : reportPaths(format, path.path)) {
    if (const Status status = mayWrite(text(report)); !status) {
      Q_EMIT failed(messageOf(status.error()));
      return false;
    }
  }
  job->source = queuedSource(file()->source, io_, [run](std::uint64_t bytes) { run->pass(bytes); });
  return startExport(QString::fromUtf8(format.title), text(path.path),
                     modelExport(path, format, std::move(*job), options, exactExecutor_, run));
}

}  // namespace quantoscope::ui
