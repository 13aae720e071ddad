#include "core/io/reader/reader_service.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "core/io/container/byte_source.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/reader/message_channel.h"
#include "core/io/reader/sandbox.h"
#include "core/io/reader/shared_memory.h"
#include "core/io/registry.h"

namespace quantoscope {

namespace {

using Clock = std::chrono::steady_clock;
using protocol::Type;

constexpr int kBadRequest = 2;

constexpr std::uint64_t kKeptBytes = std::uint64_t{32} << 20;

/// How often the other side hears of progress.
constexpr std::chrono::milliseconds kProgressInterval{50};

/// Ends the process as soon as nobody listens, whatever it is busy with. The kernel's own signal
/// for that (PR_SET_PDEATHSIG) would come when the *thread* that started the reader ends.
void endWithParent(int socket) {
  std::thread([socket] {
    pollfd watched{socket, POLLRDHUP, 0};
    for (;;) {
      if (poll(&watched, 1, -1) > 0) _exit(0);
    }
  }).detach();
}

class Service {
 public:
  explicit Service(int socket) : channel_(Descriptor(socket)) {}

  int run() {
    Message message;
    while (channel_.receiveWithDescriptor(message) == Waiting::Arrived) {
      if (!answer(message)) return kBadRequest;
    }
    return 0;
  }

 private:
  /// False for what is no request here and now.
  bool answer(Message& message) {
    if (message.type == Type::Open && !container_) {
      const auto request = protocol::decodeOpen(message.payload);
      return request && open(*request, std::move(message.descriptor));
    }
    if (message.type == Type::Confine && !container_) {
      const auto request = protocol::decodeOpen(message.payload);
      return request && channel_.send(Type::Confined, protocol::encode(confine(*request)));
    }
    if (!container_) return false;
    if (message.type == Type::Describe) {
      const auto request = protocol::decodeDescribe(message.payload);
      return request && describe(request->path);
    }
    if (message.type == Type::Read) {
      const auto request = protocol::decodeRead(message.payload);
      return request && read(*request, std::move(message.descriptor));
    }
    return false;
  }

  /// Before anything of a file is read.
  SandboxReport confine(const protocol::Open& request) {
    path_ = request.path;
    const auto readable = request.allowOutside ? ReadableFiles::Everything : ReadableFiles::Handed;
    const SandboxReport report = enterSandbox({request.memoryBytes, readable});
    endWithParent(channel_.socket());
    return report;
  }

  bool open(const protocol::Open& request, Descriptor file) {
    if (!request.allowOutside) {
      file_ = std::move(file);
      openFilesBy([this](const std::string& path) { return handed(path); });
    }
    confine(request);
    OpenOptions options;
    options.allowOutside = request.allowOutside;
    options.wordsAreBFloat16 = request.wordsAreBFloat16;
    options.asStored = request.asStored;
    options.control = control();
    options.onNames = [this](const std::vector<std::string>& names) {
      for (const std::string& part : protocol::encodeNames(names)) {
        channel_.send(Type::Names, part);
      }
    };
    auto container = withErrorsAbout(path_, [&] { return openContainer(path_, options); });
    if (!container) return fail(container.error());
    container_ = *container;
    tellOfProgress();
    if (const std::size_t arrays = container_->contents().arrays.size();
        arrays > protocol::kMostArrays) {
      return fail({ErrorCode::UnreadableFile,
                   path_ + ": has " + std::to_string(arrays) + " arrays; at most " +
                       std::to_string(protocol::kMostArrays) + " can be listed"});
    }
    const std::string contents = protocol::encode(container_->contents());
    if (contents.size() > protocol::kMostContents) {
      return fail({ErrorCode::UnreadableFile, path_ + ": has too many names and attributes"});
    }
    for (std::size_t at = 0; at < contents.size(); at += protocol::kMostPayload) {
      const auto part = std::string_view(contents).substr(at, protocol::kMostPayload);
      if (!channel_.send(Type::ContentsPart, part)) return false;
    }
    return channel_.send(Type::Opened, {});
  }

  /// A file that the other side opens: this process may not.
  Result<Descriptor> handed(const std::string& path) {
    if (path == path_) {
      Descriptor file(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
      if (file) return file;
      return Error{ErrorCode::UnreadableFile, path + ": too many files are open"};
    }
    const std::string name = nameBeside(path);
    if (!isPlainName(name)) {
      return Error{ErrorCode::UnreadableFile, path + ": no file of the model"};
    }
    Message answer;
    const bool asked = channel_.send(Type::FileWanted, encode(protocol::FileWanted{name})) &&
                       channel_.receiveWithDescriptor(answer) == Waiting::Arrived;
    if (asked && answer.type == Type::HandFile && answer.descriptor) {
      return std::move(answer.descriptor);
    }
    if (asked && answer.type == Type::HandFile) {  // the kernel had no number left for it
      return Error{ErrorCode::UnreadableFile, path + ": too many files are open"};
    }
    const auto error = asked && answer.type == Type::RefuseFile
                           ? protocol::decodeError(answer.payload)
                           : std::nullopt;
    if (!error) _exit(kBadRequest);
    return *error;
  }

  bool describe(const std::string& array) {
    const auto description =
        withErrorsAbout(path_ + ": " + array, [&] { return describing(array); });
    if (!description) return fail(description.error());
    return channel_.send(Type::Description, protocol::encode(*description));
  }

  Result<protocol::Description> describing(const std::string& array) const {
    const auto element = container_->elementOf(array);
    if (!element) return element.error();
    auto extent = container_->extentOf(array);
    if (!extent) return extent.error();
    if (*extent) (*extent)->file = nameBeside((*extent)->file);
    return protocol::Description{*element, *std::move(extent), container_->chunkOf(array)};
  }

  /// How the other side is told which file: "" the opened one, a name beside it, or a path.
  std::string nameBeside(const std::string& file) const {
    if (file == path_) return {};
    const std::filesystem::path other(file);
    const bool beside = other.parent_path() == std::filesystem::path(path_).parent_path();
    return beside ? other.filename().string() : file;
  }

  bool read(const protocol::Read& request, Descriptor descriptor) {
    const auto status = withErrorsAbout(path_ + ": " + request.path,
                                        [&] { return reading(request, std::move(descriptor)); });
    if (!status) return fail(status.error());
    return channel_.send(Type::Done, {});
  }

  Status reading(const protocol::Read& request, Descriptor descriptor) {
    const auto element = container_->elementOf(request.path);
    if (!element) return element.error();
    const std::uint64_t bytes =
        request.box.elements() * (request.asFloat ? sizeof(float) : element->bytes);
    const auto memory = mapped(std::move(descriptor));
    if (!memory || memory->bytes() < bytes) {
      return Error{ErrorCode::UnreadableFile,
                   path_ + ": " + request.path + ": there is no room for its elements"};
    }
    if (request.asFloat) {
      return container_->readAsFloat(request.path, request.box,
                                     reinterpret_cast<float*>(memory->data()));
    }
    return container_->read(request.path, request.box, memory->data(), control());
  }

  /// Mostly the memory of an earlier piece again: mapped once, its pages cost nothing any more.
  std::shared_ptr<SharedMemory> mapped(Descriptor descriptor) {
    const auto known = std::find_if(memories_.begin(), memories_.end(), [&](const auto& memory) {
      return memory && memory->isBehind(descriptor.get());
    });
    if (known == memories_.end()) {
      memories_.back() = nullptr;
      memories_.back() = SharedMemory::map(std::move(descriptor));
      std::swap(memories_.front(), memories_.back());
    } else {
      std::swap(memories_.front(), *known);
    }
    // What is as large as a tensor is not kept: it would stay in memory after its last use.
    const auto memory = memories_.front();
    if (memory && memory->bytes() > kKeptBytes) memories_.front() = nullptr;
    return memory;
  }

  TaskControl control() {
    TaskControl control;
    control.progress = [this, last = Clock::now()](std::uint64_t done,
                                                   std::uint64_t total) mutable {
      furthest_ = std::max(furthest_, done);
      if (Clock::now() - last < kProgressInterval) return;
      last = Clock::now();
      channel_.send(Type::Progress, protocol::encode(protocol::Progress{done, total}));
    };
    return control;
  }

  /// For work of ours whose steps nobody counts.
  void tellOfProgress() {
    channel_.send(Type::Progress, protocol::encode(protocol::Progress{++furthest_, 0}));
  }

  bool fail(const Error& error) { return channel_.send(Type::Failed, protocol::encode(error)); }

  MessageChannel channel_;
  std::string path_;
  Descriptor file_;             ///< what is at path_
  std::uint64_t furthest_ = 0;  ///< of what was reported as done
  SharedContainer container_;
  std::array<std::shared_ptr<SharedMemory>, 2> memories_;  ///< the latest first
};

}  // namespace

int serveReader(int socket) {
  // Files that are reached from the opened one are opened by the library, with its defaults.
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
  return Service(socket).run();
}

}  // namespace quantoscope
