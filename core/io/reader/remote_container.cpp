#include "core/io/reader/remote_container.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/checked.h"
#include "core/io/container/element_type.h"
#include "core/io/reader/handed_files.h"
#include "core/io/reader/message_channel.h"
#include "core/io/reader/shared_memory.h"

namespace quantoscope {

namespace {

using Clock = std::chrono::steady_clock;
using protocol::Type;

std::string secondsText(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

/// How long a request may take. Progress that leads on buys time, but only until an end that the
/// amount of work sets; what brings no data must not come more often than a reader sends it.
class Patience {
 public:
  Patience(std::chrono::milliseconds each, std::uint64_t workBytes)
      : each_(each), begin_(Clock::now()), work_(workBytes) {
    renew();
  }

  Clock::time_point deadline() const { return deadline_; }
  std::chrono::milliseconds each() const { return each_; }

  /// There is more to do than was known.
  void addWork(std::uint64_t bytes) { work_ = checkedSum(work_, bytes).value_or(work_); }

  void renew() { deadline_ = std::min(Clock::now() + each_, begin_ + longest()); }

  /// One more message without data; false where there were too many.
  bool mayBeTold() {
    constexpr std::int64_t kAlways = 1000;
    return ++told_ <= kAlways + longest() / std::chrono::milliseconds(10);
  }

  /// One more file that is wanted: an index of so many bytes cannot name more.
  bool mayWant(std::uint64_t indexBytes) { return ++wanted_ <= 16 + indexBytes / 4; }

 private:
  std::chrono::milliseconds longest() const {
    constexpr std::uint64_t kAlways = 6;
    constexpr std::uint64_t kMost = 360;  // an hour, where one is 10 s
    constexpr std::uint64_t kWorkOfOne = std::uint64_t{1} << 20;
    return each_ * static_cast<int>(std::min(kMost, kAlways + work_ / kWorkOfOne));
  }

  std::chrono::milliseconds each_;
  Clock::time_point begin_;
  Clock::time_point deadline_;
  std::uint64_t work_ = 0;
  std::int64_t told_ = 0;
  std::uint64_t wanted_ = 0;
};

/// The bytes of a box, or nothing where there are more than can be.
std::optional<std::uint64_t> bytesOf(const Box& box, std::uint64_t elementBytes) {
  const auto bytes = checkedVolume(box.count, elementBytes);
  return bytes && *bytes <= std::numeric_limits<std::int64_t>::max() ? bytes : std::nullopt;
}

/// Whether a listed array is one that can be. What it claims to hold may be too much, but must not
/// depend on how it is counted.
bool isPossible(const StoredArray& array) {
  const auto known = listedBytesOf(array.dtype);
  return !known || array.elementBytes == 0 || array.elementBytes == *known;
}

class RemoteContainer : public Container {
 public:
  RemoteContainer(std::string path, const OpenOptions& options, ReaderSettings settings)
      : path_(std::move(path)),
        allowOutside_(options.allowOutside),
        wordsAreBFloat16_(options.wordsAreBFloat16),
        asStored_(options.asStored),
        settings_(std::move(settings)),
        files_(path_) {}

  Status open(const OpenOptions& options) {
    auto contents = start(options);
    if (!contents) return contents.error();
    contents_ = *std::move(contents);
    return ok();
  }

  const StoredFile& contents() const override { return contents_; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    const auto description = describe(path);
    if (!description) return description.error();
    return (*description)->element;
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    const auto description = describe(path);
    if (!description) return description.error();
    return (*description)->extent;
  }

  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    const auto description = describe(path);
    if (!description) return {};
    return (*description)->chunk;
  }

  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    const auto element = elementOf(path);
    if (!element) return element.error();
    return copied(path, box, false, element->bytes, bytes, control);
  }

  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    return copied(path, box, true, sizeof(float), values, {});
  }

  Result<SharedBytes> readShared(const std::string& path, const Box& box,
                                 const TaskControl& control) const override {
    const auto element = elementOf(path);
    if (!element) return element.error();
    const auto memory = filled(path, box, false, element->bytes, control);
    if (!memory) return memory.error();
    return SharedBytes(*memory, (*memory)->data());
  }

 private:
  /// What is asked, for the clock and for people.
  struct Request {
    Type type;
    std::string payload;
    int descriptor = -1;
    std::string activity;  ///< "listing", "reading dense/kernel"
    std::chrono::milliseconds patience;
    std::uint64_t workBytes = 0;
  };

  /// Ends the reader; the next request starts another.
  Error stopped(const std::string& how, const std::string& activity) const {
    process_.reset();
    return {ErrorCode::UnreadableFile,
            "reading " + path_ + " stopped: " + how + " while " + activity};
  }

  Error nonsense(const std::string& activity) const {
    return stopped("the reader gave an answer that cannot be", activity);
  }

  Error describeEnd(Waiting waiting, const Request& request) const {
    switch (waiting) {
      case Waiting::Cancelled:
        process_.reset();
        return {ErrorCode::Cancelled, "cancelled"};
      case Waiting::TimedOut:
        return stopped("no progress for " + secondsText(request.patience), request.activity);
      case Waiting::Closed:
        return stopped(process_->howItEnded(), request.activity);
      case Waiting::Arrived:
      case Waiting::Malformed:
        break;
    }
    return nonsense(request.activity);
  }

  /// The next answer that is no progress and asks for no file.
  Result<Message> answer(const Request& request, const TaskControl& control, Patience& patience,
                         std::uint64_t& furthest) const {
    for (;;) {
      Message message;
      const Waiting waiting =
          process_->channel().receive(message, patience.deadline(), control.cancel);
      if (waiting != Waiting::Arrived) return describeEnd(waiting, request);
      if (message.type == Type::Failed) {
        const auto error = protocol::decodeError(message.payload);
        if (!error) return nonsense(request.activity);
        // Only this process cancels, by ending the reader.
        if (error->code == ErrorCode::Cancelled) return nonsense(request.activity);
        return *error;
      }
      if (message.type == Type::FileWanted) {
        if (Status status = hand(message.payload, request, patience); !status) {
          return status.error();
        }
        continue;
      }
      if (message.type != Type::Progress) return message;
      const auto progress = protocol::decodeProgress(message.payload);
      if (!progress || !patience.mayBeTold()) return nonsense(request.activity);
      if (progress->done <= furthest) continue;
      furthest = progress->done;
      patience.renew();
      if (control.progress) control.progress(progress->done, progress->total);
    }
  }

  /// Gives the reader a file that it asks for, or says why not.
  Status hand(const std::string& payload, const Request& request, Patience& patience) const {
    const auto wanted = protocol::decodeFileWanted(payload);
    if (!wanted || allowOutside_ || !patience.mayWant(modelBytes_)) {
      return nonsense(request.activity);
    }
    const std::uint64_t before = files_.bytes();
    const auto file = files_.beside(wanted->name);
    patience.addWork(files_.bytes() - before);
    patience.renew();
    const bool sent =
        file ? process_->channel().send(Type::HandFile, {}, file->get())
             : process_->channel().send(Type::RefuseFile, protocol::encode(file.error()));
    return sent ? ok() : Status(stopped(process_->howItEnded(), request.activity));
  }

  Status send(const Request& request) const {
    if (process_->channel().send(request.type, request.payload, request.descriptor)) return ok();
    return stopped(process_->howItEnded(), request.activity);
  }

  /// Sends a request to a reader that has the file open.
  Result<Message> ask(const Request& request, const TaskControl& control) const {
    if (Status status = ensureReader(control); !status) return status.error();
    if (Status status = send(request); !status) return status.error();
    std::uint64_t furthest = 0;
    Patience patience(request.patience, request.workBytes);
    return answer(request, control, patience, furthest);
  }

  Status ensureReader(const TaskControl& control) const {
    if (process_ && process_->isRunning()) return ok();
    OpenOptions quiet;
    quiet.control.cancel = control.cancel;
    const auto contents = start(quiet);
    if (!contents) return contents.error();
    if (*contents == contents_) return ok();
    process_.reset();
    return Error{ErrorCode::UnreadableFile,
                 path_ + ": was changed since it was opened; open it again"};
  }

  /// Starts a reader and lets it list the file.
  Result<StoredFile> start(const OpenOptions& options) const {
    process_.reset();
    auto process = settings_.start(settings_.program);
    if (!process) {
      return Error{process.error().code, path_ + ": " + process.error().message};
    }
    process_ = *std::move(process);
    const std::uint64_t before = files_.bytes();
    const auto file = files_.model();
    if (!file) return file.error();
    modelBytes_ = files_.bytes() - before;
    const protocol::Open open{path_, allowOutside_, settings_.memoryBytes, wordsAreBFloat16_,
                              asStored_};
    const Request request{Type::Open, protocol::encode(open),    file->get(),
                          "listing",  settings_.listingPatience, modelBytes_};
    if (Status status = send(request); !status) return status.error();
    auto contents = receiveContents(request, options);
    if (!contents) process_.reset();
    return contents;
  }

  Result<StoredFile> receiveContents(const Request& request, const OpenOptions& options) const {
    std::string bytes;
    std::size_t nameBytes = 0;
    std::uint64_t furthest = 0;
    bool last = false;
    Patience patience(request.patience, request.workBytes);
    for (;;) {
      auto message = answer(request, options.control, patience, furthest);
      if (!message) return message.error();
      if (message->type == Type::Names) {
        nameBytes += message->payload.size();
        const auto names = protocol::decodeNames(message->payload);
        if (!names || names->empty() || nameBytes > protocol::kMostContents ||
            !patience.mayBeTold()) {
          return nonsense(request.activity);
        }
        if (options.onNames) options.onNames(*names);
        continue;
      }
      if (message->type == Type::Opened && message->payload.empty()) break;
      const bool fits = message->type == Type::ContentsPart && !message->payload.empty() && !last &&
                        message->payload.size() <= protocol::kMostContents - bytes.size();
      if (!fits) return nonsense(request.activity);
      bytes += message->payload;
      last = message->payload.size() < protocol::kMostPayload;
      patience.renew();
    }
    auto contents = protocol::decodeContents(bytes);
    const bool possible =
        contents && std::all_of(contents->arrays.begin(), contents->arrays.end(), isPossible);
    if (!possible || !mayBeChecked(contents->checks)) return nonsense(request.activity);
    if (!allowOutside_) noteStates(*contents);
    return *std::move(contents);
  }

  /// Whether comparing checksums takes no longer than reading once what was handed over.
  bool mayBeChecked(const std::vector<StoredCheck>& checks) const {
    std::uint64_t bytes = 0;
    for (const StoredCheck& check : checks) {
      const auto sum = checkedSum(bytes, check.bytes);
      if (!sum) return false;
      bytes = *sum;
    }
    return allowOutside_ || bytes <= files_.bytes();
  }

  /// In which state the files beside it were when they were handed over: by this process, which
  /// need not believe the other one.
  void noteStates(StoredFile& contents) const {
    for (StoredPart& part : contents.parts) {
      const FileIdentity* state = files_.stateOf(part.name);
      part.identity = state ? std::optional(*state) : std::nullopt;
    }
  }

  /// What the reader says of one array; kept, since it is asked for bit by bit.
  Result<const protocol::Description*> describe(const std::string& path) const {
    if (described_ && path == describedPath_) return &*described_;
    const Request request{Type::Describe, protocol::encode(protocol::Describe{path}), -1,
                          "looking at " + path, settings_.listingPatience};
    auto message = ask(request, {});
    if (!message) return message.error();
    auto description = message->type == Type::Description
                           ? protocol::decodeDescription(message->payload)
                           : std::nullopt;
    if (!description || !resolve(*description) || !isOfListed(path, *description)) {
      return nonsense(request.activity);
    }
    described_ = std::move(description);
    describedPath_ = path;
    return &*described_;
  }

  /// Whether this describes the array that was listed: its type, its rank, its bytes. Sides of
  /// chunks beyond those of the array are made its own.
  bool isOfListed(const std::string& path, protocol::Description& description) const {
    if (listed_.empty()) {  // not before it is needed: listing alone must not wait for it
      for (const StoredArray& array : contents_.arrays) listed_.emplace(array.path, &array);
    }
    const auto listed = listed_.find(path);
    if (listed == listed_.end()) return false;
    const StoredArray& array = *listed->second;
    if (!isElementOf(description.element, array)) return false;
    std::vector<std::size_t>& chunk = description.chunk;
    if (!chunk.empty() && chunk.size() != array.shape.size()) return false;
    for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
      chunk[axis] =
          std::min<std::uint64_t>(chunk[axis], std::max<std::uint64_t>(1, array.shape[axis]));
    }
    return true;
  }

  /// Turns the name of the extent's file into a path. Only the opened file and those beside it that
  /// this process has opened, or would open, may be mapped.
  bool resolve(protocol::Description& description) const {
    if (!description.extent) return true;
    std::string& file = description.extent->file;
    if (file.empty()) {
      file = path_;
      return true;
    }
    const auto isThatFile = [&](const StoredPart& part) { return part.name == file; };
    const bool mayBe = allowOutside_
                           ? std::any_of(contents_.parts.begin(), contents_.parts.end(), isThatFile)
                           : files_.stateOf(file) != nullptr;
    if (!isPlainName(file) || !mayBe) return false;
    file = files_.pathBeside(file);
    return true;
  }

  Status copied(const std::string& path, const Box& box, bool asFloat, std::uint64_t elementBytes,
                void* to, const TaskControl& control) const {
    const auto memory = filled(path, box, asFloat, elementBytes, control);
    if (!memory) return memory.error();
    std::copy_n((*memory)->data(), *bytesOf(box, elementBytes), static_cast<std::byte*>(to));
    return ok();
  }

  /// Shared memory that the reader has filled with a box.
  Result<std::shared_ptr<SharedMemory>> filled(const std::string& path, const Box& box,
                                               bool asFloat, std::uint64_t elementBytes,
                                               const TaskControl& control) const {
    const auto bytes = bytesOf(box, elementBytes);
    if (!bytes) {
      return Error{ErrorCode::UnreadableFile,
                   path_ + ": " + path + ": its shape claims more elements than can exist"};
    }
    auto memory = room(std::max<std::uint64_t>(1, *bytes));
    if (!memory) {
      return Error{memory.error().code, path_ + ": " + path + ": " + memory.error().message};
    }
    const Request request{Type::Read,
                          protocol::encode(protocol::Read{path, box, asFloat}),
                          (*memory)->descriptor(),
                          "reading " + path,
                          settings_.readingPatience,
                          *bytes};
    const auto message = ask(request, control);
    if (!message) return message.error();
    if (message->type != Type::Done || !message->payload.empty()) {
      return nonsense(request.activity);
    }
    return memory;
  }

  /// The memory of an earlier piece again where nobody holds it any more: filling it a second time
  /// costs no page faults. Two of them, since one piece is used while the next is read.
  Result<std::shared_ptr<SharedMemory>> room(std::uint64_t bytes) const {
    for (std::shared_ptr<SharedMemory>& kept : rooms_) {
      if (kept && kept.use_count() > 1) continue;
      if (kept && kept->bytes() >= bytes) return kept;
      auto memory = SharedMemory::create(bytes);
      if (memory && bytes <= kKeptBytes) kept = *memory;
      return memory;
    }
    return SharedMemory::create(bytes);
  }

  static constexpr std::uint64_t kKeptBytes = std::uint64_t{32} << 20;

  std::string path_;
  bool allowOutside_ = false;
  bool wordsAreBFloat16_ = false;
  bool asStored_ = false;
  ReaderSettings settings_;
  mutable HandedFiles files_;
  mutable std::uint64_t modelBytes_ = 0;  ///< of the opened file alone
  StoredFile contents_;
  mutable std::unordered_map<std::string_view, const StoredArray*> listed_;
  mutable std::unique_ptr<ReaderProcess> process_;
  mutable std::string describedPath_;
  mutable std::optional<protocol::Description> described_;
  mutable std::array<std::shared_ptr<SharedMemory>, 2> rooms_;
};

}  // namespace

Result<SharedContainer> openRemoteContainer(const std::string& path, const OpenOptions& options,
                                            const ReaderSettings& settings) {
  try {
    const auto container = std::make_shared<RemoteContainer>(path, options, settings);
    if (Status status = container->open(options); !status) return status.error();
    return SharedContainer(container);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::DoesNotFit, path + ": there is not enough memory to list it"};
  }
}

Result<SandboxReport> sandboxOfReader(const ReaderSettings& settings) {
  auto process = settings.start(settings.program);
  if (!process) return process.error();
  MessageChannel& channel = (*process)->channel();
  const protocol::Open about{settings.program, false, settings.memoryBytes, false};
  Message message;
  const bool answered =
      channel.send(Type::Confine, protocol::encode(about)) &&
      channel.receive(message, Clock::now() + settings.listingPatience, {}) == Waiting::Arrived &&
      message.type == Type::Confined;
  const auto report = answered ? protocol::decodeSandboxReport(message.payload) : std::nullopt;
  if (!report) {
    return Error{ErrorCode::UnreadableFile,
                 "the reader " + settings.program + " does not report its sandbox"};
  }
  return *report;
}

}  // namespace quantoscope
