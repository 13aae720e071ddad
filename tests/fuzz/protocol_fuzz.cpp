// Any bytes as a message between the program and its reader. The first byte chooses the message;
// what is decoded must come out the same when it is encoded and decoded again.
#include <cstdlib>
#include <cstring>

#include "core/io/reader/protocol.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// `decode` of any bytes, held to `encode`; what was decoded, or nothing.
template <typename Decode>
auto roundTrip(std::string_view payload, Decode decode) {
  const auto message = decode(payload);
  if (message) {
    const std::string again = protocol::encode(*message);
    const auto second = decode(again);
    require(second.has_value() && protocol::encode(*second) == again);
  }
  return message;
}

void useNames(std::string_view payload) {
  const auto names = protocol::decodeNames(payload);
  if (!names) return;
  std::size_t told = 0;
  for (const std::string& message : protocol::encodeNames(*names)) {
    require(message.size() <= protocol::kMostPayload);
    const auto part = protocol::decodeNames(message);
    require(part.has_value());
    told += part->size();
  }
  require(told == names->size());
}

void useError(std::string_view payload) {
  const auto error = roundTrip(payload, protocol::decodeError);
  if (error) require(error->message.find('\n') == std::string::npos);
}

void useHeader(std::string_view payload) {
  protocol::Header header;
  if (payload.size() < sizeof(header)) return;
  std::memcpy(&header, payload.data(), sizeof(header));
  if (protocol::typeOf(header)) require(header.bytes <= protocol::kMostPayload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view payload = fuzz::textOf(data + 1, size - 1);
  switch (data[0] % 11) {
    case 0:
      roundTrip(payload, protocol::decodeOpen);
      break;
    case 1:
      roundTrip(payload, protocol::decodeDescribe);
      break;
    case 2:
      roundTrip(payload, protocol::decodeRead);
      break;
    case 3:
      roundTrip(payload, protocol::decodeProgress);
      break;
    case 4:
      roundTrip(payload, protocol::decodeDescription);
      break;
    case 5:
      useError(payload);
      break;
    case 6:
      useNames(payload);
      break;
    case 7:
      useHeader(payload);
      break;
    case 9:
      roundTrip(payload, protocol::decodeSandboxReport);
      break;
    case 10:
      roundTrip(payload, protocol::decodeFileWanted);
      break;
    default:
      if (const auto contents = roundTrip(payload, protocol::decodeContents)) {
        fuzz::useContents(*contents);
      }
  }
  return 0;
}
