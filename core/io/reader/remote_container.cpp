#include "core/io/reader/remote_container.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <optional>
#include <utility>

#include "core/io/reader/message_channel.h"
#include "core/io/reader/shared_memory.h"

namespace quantoscope {

namespace {

using Clock = std::chrono::steady_clock;
using protocol::Type;

std::string secondsText(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

/// The bytes of a box, or nothing where there are more than can be.
std::optional<std::uint64_t> bytesOf(const Box& box, std::uint64_t elementBytes) {
  std::uint64_t bytes = elementBytes;
  for (const std::uint64_t side : box.count) {
    if (side != 0 && bytes > std::numeric_limits<std::int64_t>::max() / side) return std::nullopt;
    bytes *= side;
  }
  return bytes;
}

class RemoteContainer : public Container {
 public:
  RemoteContainer(std::string path, const OpenOptions& options, ReaderSettings settings)
      : path_(std::move(path)),
        allowOutside_(options.allowOutside),
        wordsAreBFloat16_(options.wordsAreBFloat16),
        settings_(std::move(settings)) {}

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

  /// The next answer that is no progress. Only progress that leads on buys time.
  Result<Message> answer(const Request& request, const TaskControl& control,
                         std::uint64_t& furthest) const {
    auto deadline = Clock::now() + request.patience;
    for (;;) {
      Message message;
      const Waiting waiting = process_->channel().receive(message, deadline, control.cancel);
      if (waiting != Waiting::Arrived) return describeEnd(waiting, request);
      if (message.type == Type::Failed) {
        const auto error = protocol::decodeError(message.payload);
        if (!error) return nonsense(request.activity);
        return *error;
      }
      if (message.type != Type::Progress) return message;
      const auto progress = protocol::decodeProgress(message.payload);
      if (!progress) return nonsense(request.activity);
      if (progress->done <= furthest) continue;
      furthest = progress->done;
      deadline = Clock::now() + request.patience;
      if (control.progress) control.progress(progress->done, progress->total);
    }
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
    return answer(request, control, furthest);
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
    auto process = ReaderProcess::start(settings_.program);
    if (!process) {
      return Error{process.error().code, path_ + ": " + process.error().message};
    }
    process_ = *std::move(process);
    const protocol::Open open{path_, allowOutside_, settings_.memoryBytes, wordsAreBFloat16_};
    const Request request{Type::Open, protocol::encode(open), -1, "listing",
                          settings_.listingPatience};
    if (Status status = send(request); !status) return status.error();
    auto contents = receiveContents(request, options);
    if (!contents) process_.reset();
    return contents;
  }

  Result<StoredFile> receiveContents(const Request& request, const OpenOptions& options) const {
    std::string bytes;
    std::size_t nameBytes = 0;
    std::uint64_t furthest = 0;
    for (;;) {
      auto message = answer(request, options.control, furthest);
      if (!message) return message.error();
      if (message->type == Type::Names) {
        nameBytes += message->payload.size();
        const auto names = protocol::decodeNames(message->payload);
        if (!names || names->empty() || nameBytes > protocol::kMostContents) {
          return nonsense(request.activity);
        }
        if (options.onNames) options.onNames(*names);
        continue;
      }
      if (message->type == Type::Opened && message->payload.empty()) break;
      const bool fits = message->type == Type::ContentsPart && !message->payload.empty() &&
                        message->payload.size() <= protocol::kMostContents - bytes.size();
      if (!fits) return nonsense(request.activity);
      bytes += message->payload;
    }
    auto contents = protocol::decodeContents(bytes);
    if (!contents) return nonsense(request.activity);
    return *std::move(contents);
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
    if (!description || !resolve(*description)) return nonsense(request.activity);
    described_ = std::move(description);
    describedPath_ = path;
    return &*described_;
  }

  /// Turns the name of the extent's file into a path. Only the opened file and those beside it may
  /// be mapped, unless others are allowed.
  bool resolve(protocol::Description& description) const {
    if (!description.extent) return true;
    std::string& file = description.extent->file;
    if (file.empty()) {
      file = path_;
      return true;
    }
    if (!isPlainName(file)) return allowOutside_ && file.find('/') != std::string::npos;
    file = (std::filesystem::path(path_).parent_path() / file).string();
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
    const Request request{Type::Read, protocol::encode(protocol::Read{path, box, asFloat}),
                          (*memory)->descriptor(), "reading " + path, settings_.readingPatience};
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
  ReaderSettings settings_;
  StoredFile contents_;
  mutable std::unique_ptr<ReaderProcess> process_;
  mutable std::string describedPath_;
  mutable std::optional<protocol::Description> described_;
  mutable std::array<std::shared_ptr<SharedMemory>, 2> rooms_;
};

}  // namespace

Result<SharedContainer> openRemoteContainer(const std::string& path, const OpenOptions& options,
                                            const ReaderSettings& settings) {
  const auto container = std::make_shared<RemoteContainer>(path, options, settings);
  if (Status status = container->open(options); !status) return status.error();
  return SharedContainer(container);
}

Result<SandboxReport> sandboxOfReader(const ReaderSettings& settings) {
  auto process = ReaderProcess::start(settings.program);
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
