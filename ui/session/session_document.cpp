#include "ui/session/session_document.h"

#include <algorithm>
#include <utility>

#include <QDir>
#include <QFileInfo>
#include <QSet>

#include "ui/session/guarded.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

using Priority = IoQueue::Priority;

}  // namespace

SessionDocument::SessionDocument(Session* session, PinStore* pins, QObject* parent)
    : QObject(parent),
      session_(session),
      pins_(pins),
      outbox_(std::make_shared<Outbox<SessionDocument>>(this)),
      queue_(std::make_unique<IoQueue>()) {
  connect(session, &Session::activityChanged, this, &SessionDocument::openingEnded);
  // What could not be opened stays in what is saved; what was restored waits here already, with
  // what is known of its contents.
  connect(session, &Session::notOpened, this, [this](const FileState& state) {
    const bool known = std::any_of(pending_.begin(), pending_.end(), [&](const SavedFile& file) {
      return file.state.path == state.path;
    });
    if (!known) pending_.push_back({state, {}});
  });
}

SessionDocument::~SessionDocument() {
  outbox_->close();
  queue_.reset();
}

void SessionDocument::setPath(const QString& path) {
  path_ = path;
  Q_EMIT pathChanged();
}

SavedSession SessionDocument::snapshot(bool withPins) const {
  SavedSession saved = savedSessionOf(*session_);
  // Once each: sessions that were saved by earlier versions may name a file often.
  const QStringList open = session_->openFiles();
  QSet<QString> listed(open.begin(), open.end());
  for (const auto* files : {&pending_, &missing_}) {
    for (const SavedFile& file : *files) {
      if (listed.contains(file.state.path)) continue;
      listed.insert(file.state.path);
      saved.files.push_back(file);
    }
  }
  if (!withPins) return saved;
  saved.pins = SavedPins{pins_->pins(), -1};
  for (std::size_t i = 0; i < saved.pins->pins.size(); ++i) {
    if (&pins_->pins()[i] == pins_->baseline()) saved.pins->baseline = static_cast<int>(i);
  }
  return saved;
}

void SessionDocument::save(const QString& path) {
  if (const Status status = session_->mayWrite(path); !status) {
    Q_EMIT failed(messageOf(status.error()));
    return;
  }
  // Whatever happens to the program meanwhile: what a person asked to be saved is written.
  queue_->post(Priority::Foreground, [path, session = snapshot(true),
                                      outbox = outbox_](const CancelToken&) {
    const Status status = guarded(path.toStdString(), [&] { return writeSession(session, path); });
    outbox->post([path, status](SessionDocument& document) {
      if (!status) {
        Q_EMIT document.failed(messageOf(status.error()));
        return;
      }
      document.setPath(path);
      Q_EMIT document.saved(path);
    });
  });
}

SessionDocument::Checked SessionDocument::checked(SavedSession session) {
  Checked result{std::move(session), {}};
  for (const SavedFile& file : result.session.files) result.states.push_back(sourceStateOf(file));
  return result;
}

void SessionDocument::open(const QString& path) {
  load(path, true);
}

void SessionDocument::reopen(const QString& path) {
  load(path, false);
}

void SessionDocument::load(const QString& path, bool named) {
  queue_->post(Priority::Foreground, [path, named, outbox = outbox_](const CancelToken& closing) {
    if (closing.cancelled()) return;
    auto read = guarded(path.toStdString(), [&] { return readSession(path); });
    if (!read) {
      outbox->post([message = messageOf(read.error())](SessionDocument& document) {
        Q_EMIT document.failed(message);
      });
      return;
    }
    outbox->post([path, named, found = checked(std::move(*read))](SessionDocument& document) {
      if (named) document.setPath(path);
      document.take(found);
      if (named) Q_EMIT document.opened(path);
    });
  });
}

void SessionDocument::restore(const SavedSession& saved) {
  pending_.insert(pending_.end(), saved.files.begin(), saved.files.end());
  queue_->post(Priority::Foreground, [saved, outbox = outbox_](const CancelToken& closing) {
    if (closing.cancelled()) return;
    outbox->post([found = checked(saved)](SessionDocument& document) { document.take(found); });
  });
}

void SessionDocument::take(const Checked& restored) {
  const auto& files = restored.session.files;
  std::erase_if(pending_, [&](const SavedFile& waiting) {
    return std::any_of(files.begin(), files.end(), [&](const SavedFile& file) {
      return file.state.path == waiting.state.path;
    });
  });
  QStringList changed;
  std::optional<std::size_t> shown;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool current = static_cast<int>(i) == restored.session.current;
    if (restored.states[i] == SourceState::Missing) {
      missing_.push_back(files[i]);
      if (current) missingCurrent_ = files[i].state.path;
      continue;
    }
    if (restored.states[i] == SourceState::Changed) {
      changed << shownName(QFileInfo(files[i].state.path).fileName());
    }
    pending_.push_back(files[i]);
    if (current || !shown) shown = i;
  }
  std::vector<FileState> found;
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (restored.states[i] == SourceState::Missing) continue;
    if (shown == i) first = found.size();
    found.push_back(files[i].state);
  }
  if (!found.empty()) session_->restoreFiles(found, first);
  if (restored.session.pins) {
    pins_->restore(restored.session.pins->pins, restored.session.pins->baseline);
  }
  if (!missing_.empty()) Q_EMIT missingChanged();
  if (!changed.isEmpty()) {
    Q_EMIT noticed(tr("Changed since the session was saved: %1. All figures are of the files as "
                      "they are now.")
                       .arg(changed.join(QStringLiteral(", "))));
  }
}

void SessionDocument::openingEnded() {
  const bool busy = session_->activity().kind == Activity::Kind::Opening;
  // Before anything was handed to the session its activity says nothing about what is pending.
  if (busy || session_->currentFile() < 0) return;
  // What could not be opened, or was stopped, stays in what is saved.
  const QStringList open = session_->openFiles();
  std::erase_if(pending_, [&](const SavedFile& file) { return open.contains(file.state.path); });
}

void SessionDocument::locate(const QString& source, const QString& found) {
  queue_->post(Priority::Foreground, [source, found, missing = missing_,
                                      outbox = outbox_](const CancelToken& closing) {
    if (closing.cancelled()) return;
    const QDir folder = QFileInfo(found).absoluteDir();
    std::vector<Located> located;
    for (SavedFile file : missing) {
      const QString saved = file.state.path;
      file.state.path = saved == source ? found : folder.filePath(QFileInfo(saved).fileName());
      const SourceState state = sourceStateOf(file);
      const bool taken = saved == source || (state == SourceState::Same && file.fingerprint);
      if (taken) {
        located.push_back({saved, file.state.path, state == SourceState::Same});
      }
    }
    outbox->post([located](SessionDocument& document) { document.takeLocated(located); });
  });
}

void SessionDocument::takeLocated(const std::vector<Located>& located) {
  QStringList others;
  for (const Located& one : located) {
    const auto place = std::find_if(missing_.begin(), missing_.end(), [&](const SavedFile& file) {
      return file.state.path == one.source;
    });
    if (place == missing_.end()) continue;
    SavedFile file = std::move(*place);
    missing_.erase(place);
    file.state.path = one.found;
    pins_->relocate(one.source, one.found, one.same);
    session_->restoreFile(file.state, one.source == missingCurrent_ || session_->currentFile() < 0);
    pending_.push_back(std::move(file));
    if (!one.same) others << shownName(QFileInfo(one.found).fileName());
  }
  Q_EMIT missingChanged();
  if (!others.isEmpty()) {
    Q_EMIT noticed(tr("Not what it was when the session was saved, the contents differ: %1. All "
                      "figures are of the file that was located.")
                       .arg(others.join(QStringLiteral(", "))));
  }
}

}  // namespace quantoscope::ui
