// Any bytes as what a reader says, from its first answer on: the program's side of the protocol.
// The input is a row of messages, each a byte for its type, two for the length of its payload, and
// the payload; a first byte of 0xff sends the rest as it is.
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "core/base/checked.h"
#include "core/io/reader/remote_container.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

namespace {

constexpr std::size_t kFileBytes = 4096;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 16;

/// The file that all of it is about.
const std::string& victim() {
  // Never destroyed: it is still needed when the program ends.
  static const std::string& path = *new std::string([] {
    const auto folder = std::filesystem::temp_directory_path();
    std::string name = (folder / ("quantoscope_fuzz_" + std::to_string(getpid()))).string();
    const int file = open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, kFileBytes) != 0) std::abort();
    close(file);
    std::atexit([] { std::filesystem::remove(victim()); });
    return name;
  }());
  return path;
}

/// The messages of an input as they come over a socket.
std::string streamOf(std::string_view input) {
  if (!input.empty() && input.front() == '\xff') return std::string(input.substr(1));
  std::string stream;
  while (input.size() >= 3) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(input[at]); };
    const std::size_t length = std::min<std::size_t>(byte(1) | byte(2) << 8, input.size() - 3);
    protocol::Header header;
    header.type = byte(0);
    header.bytes = static_cast<std::uint32_t>(length);
    stream.append(reinterpret_cast<const char*>(&header), sizeof(header));
    stream += input.substr(3, length);
    input.remove_prefix(3 + length);
  }
  return stream;
}

/// A reader that has said all of it already, and then hangs up.
Result<std::unique_ptr<ReaderProcess>> readerThatSays(const std::string& stream) {
  int pair[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  if (send(theirs.get(), stream.data(), stream.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    return Error{ErrorCode::UnreadableFile, "too much to say"};
  }
  // Requests are taken, or the program would see that nobody reads them.
  shutdown(theirs.get(), SHUT_WR);
  static Descriptor keptOpen;
  keptOpen = Descriptor(fcntl(theirs.get(), F_DUPFD_CLOEXEC, 0));
  return ReaderProcess::over(std::move(ours));
}

void use(const Container& container) {
  for (const StoredArray& array : container.contents().arrays) {
    const auto element = container.elementOf(array.path);
    const auto extent = container.extentOf(array.path);
    if (extent && *extent && (*extent)->file != victim()) std::abort();
    const std::vector<std::size_t> chunk = container.chunkOf(array.path);
    const std::vector<std::size_t> sides(array.shape.begin(), array.shape.end());
    const Box whole{std::vector<std::size_t>(sides.size(), 0), sides};
    const auto bytes = element ? checkedVolume(sides, element->bytes) : std::nullopt;
    if (!bytes || *bytes > kMostBytes || *bytes == 0) continue;
    if (chunk.size() == sides.size()) {
      std::uint64_t covered = 0;
      for (const Box& box : cutIntoBoxes(whole, chunk, 64)) covered += box.elements();
      if (covered != whole.elements()) std::abort();
    }
    std::vector<std::byte> memory(*bytes);
    static_cast<void>(container.read(array.path, whole, memory.data(), {}));
  }
  fuzz::useContents(container.contents());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string stream = streamOf(fuzz::textOf(data, size));
  if (stream.empty()) return 0;
  bool said = false;
  ReaderSettings settings;
  settings.program = "none";
  settings.listingPatience = settings.readingPatience = std::chrono::milliseconds(1000);
  settings.start = [&](const std::string&) {
    // A second reader has nothing to say.
    auto reader = readerThatSays(std::exchange(said, true) ? std::string(1, '\0') : stream);
    return reader;
  };
  if (const auto container = openRemoteContainer(victim(), {}, settings)) use(**container);
  return 0;
}
