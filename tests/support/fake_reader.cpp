// A reader that misbehaves in the way that $FAKE_READER names.
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

#include "core/io/reader/message_channel.h"
#include "core/io/reader/reader_service.h"

using namespace quantoscope;
using protocol::Type;

namespace {

[[noreturn]] void hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

std::string contents() {
  StoredFile file;
  StoredArray array;
  array.path = "weight";
  array.shape = {4, 4};
  array.dtype = "float32";
  array.elementBytes = 4;
  file.arrays.push_back(array);
  return protocol::encode(file);
}

protocol::Description description(const std::string& mode) {
  protocol::Description result;
  result.element = {"float32", 4, false, StoredType::Float32};
  result.chunk = {1, 1};
  if (mode == "extent beyond the file") result.extent = FileExtent{"", 1 << 20, 64};
  if (mode == "extent that overflows") result.extent = FileExtent{"", ~std::uint64_t{0} - 31, 64};
  if (mode == "extent too small") result.extent = FileExtent{"", 0, 32};
  if (mode == "extent elsewhere") result.extent = FileExtent{"/etc/passwd", 0, 64};
  if (mode == "extent in the folder above") result.extent = FileExtent{"..", 0, 64};
  if (mode == "element too large") result.element.bytes = 8;
  if (mode == "chunk of nothing") result.chunk = {0, 0};
  return result;
}

void answerOpen(MessageChannel& channel, const std::string& mode) {
  if (mode == "hangs") hang();
  if (mode == "exits") _exit(7);
  if (mode == "dies") abort();
  if (mode == "answers something else") channel.send(Type::Done, {});
  if (mode == "answers with a request") channel.send(Type::Read, {});
  if (mode == "lists garbage") channel.send(Type::ContentsPart, std::string(1000, '\xff'));
  if (mode == "lists nothing") channel.send(Type::Opened, {});
  if (mode == "repeats its progress") {
    for (;;) {
      channel.send(Type::Progress, protocol::encode(protocol::Progress{5, 10}));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  if (mode == "sends no message") {
    const std::string noise(100, 'x');
    if (write(kReaderSocket, noise.data(), noise.size()) < 0) _exit(1);
    hang();
  }
  if (mode == "announces too much") {
    protocol::Header header;
    header.type = static_cast<std::uint16_t>(Type::ContentsPart);
    header.bytes = 0xffffffff;
    if (write(kReaderSocket, &header, sizeof(header)) < 0) _exit(1);
    hang();
  }
  if (mode == "sends half a message") {
    protocol::Header header;
    header.type = static_cast<std::uint16_t>(Type::ContentsPart);
    header.bytes = 100;
    if (write(kReaderSocket, &header, sizeof(header)) < 0) _exit(1);
    hang();
  }
  channel.send(Type::ContentsPart, contents());
  channel.send(Type::Opened, {});
}

}  // namespace

int main() {
  const char* chosen = std::getenv("FAKE_READER");
  const std::string mode = chosen ? chosen : "";
  MessageChannel channel{Descriptor(kReaderSocket)};
  Message message;
  while (channel.receiveWithDescriptor(message) == Waiting::Arrived) {
    if (message.type == Type::Open) answerOpen(channel, mode);
    if (message.type == Type::Describe) {
      channel.send(Type::Description, protocol::encode(description(mode)));
    }
    if (message.type == Type::Read) {
      if (mode == "hangs while reading") hang();
      if (mode == "dies while reading") abort();
      channel.send(Type::Done, {});
    }
  }
  return 0;
}
