// A reader that misbehaves in the way that $FAKE_READER names.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <map>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "core/io/reader/message_channel.h"
#include "core/io/reader/reader_service.h"
#include "core/io/reader/wire.h"

using namespace quantoscope;
using protocol::Type;

namespace {

constexpr std::uint64_t kMost = ~std::uint64_t{0};
constexpr std::uint64_t k1 = 1;

[[noreturn]] void hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// What the reader claims: a file of one 4x4 array, unless told otherwise.
struct Claim {
  StoredFile file;
  protocol::Description description;
};

StoredArray array(const std::string& path, std::vector<std::uint64_t> shape,
                  const std::string& dtype = "float32", std::uint64_t elementBytes = 4) {
  StoredArray result;
  result.path = path;
  result.shape = std::move(shape);
  result.dtype = dtype;
  result.elementBytes = elementBytes;
  return result;
}

Claim claimOf(std::vector<StoredArray> arrays, const std::string& format = "safetensors") {
  Claim claim;
  claim.file.arrays = std::move(arrays);
  claim.file.format = format;
  claim.description.element = {"float32", 4, false, StoredType::Float32};
  claim.description.chunk.assign(claim.file.arrays.front().shape.size(), 1);
  return claim;
}

Claim claimOf(StoredArray one, FileExtent extent) {
  Claim claim = claimOf({std::move(one)});
  claim.description.extent = std::move(extent);
  return claim;
}

Claim ofType(Claim claim, const StoredElement& element) {
  claim.description.element = element;
  return claim;
}

Claim withChunk(Claim claim, std::vector<std::size_t> chunk) {
  claim.description.chunk = std::move(chunk);
  return claim;
}

Claim withConfig(std::string config) {
  Claim claim = claimOf({array("layers/x/vars/0", {4, 4})}, "keras");
  claim.file.modelConfig = std::move(config);
  return claim;
}

Claim withAxes(std::vector<std::uint64_t> axes, std::uint64_t rowAxes,
               std::vector<std::uint64_t> shape) {
  Claim claim = claimOf({array("tensors/a/dequantized", std::move(shape))}, "quantoscope");
  GroupAttributes& group = claim.file.groups["tensors/a"];
  group.axes = std::move(axes);
  group.rowAxes = rowAxes;
  group.sourceName = "a";
  return claim;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

Claim manyArrays(std::size_t count, const std::function<StoredArray(std::size_t)>& make) {
  std::vector<StoredArray> arrays;
  arrays.reserve(count);
  for (std::size_t i = 0; i < count; ++i) arrays.push_back(make(i));
  return claimOf(std::move(arrays));
}

Claim slashNames() {
  std::vector<StoredArray> arrays;
  for (const char* name : {"/", "//", ".", "...", "+", "a/", "vars/0", "/vars/0", "layers/vars/0",
                           "optimizer", "[0]", "experts", "experts/[1]"}) {
    arrays.push_back(array(name, {4, 4}));
  }
  Claim claim = claimOf(std::move(arrays), "");
  claim.file.groups["vars"].name = "x";
  claim.file.groups[""].layerNames = {"a", "b"};
  claim.file.groups[""].weightNames = {""};
  return claim;
}

Claim orderOf(std::size_t count) {
  Claim claim = claimOf({array("weight", {4, 4})});
  claim.file.order.assign(count, "");
  return claim;
}

Claim groupsOf(std::size_t count) {
  Claim claim = claimOf({array("weight", {4, 4})}, "");
  for (std::size_t i = 0; i < count; ++i) claim.file.groups[std::to_string(i)].layerNames = {"a"};
  return claim;
}

Claim chunkListLie() {
  StoredArray one = array("weight", {64, 64});
  one.chunk = {0, 0, 0};
  one.filters = {"gzip", "\x1b[31mX", "<b>"};
  return claimOf({one});
}

Claim partsLie(const std::string& part) {
  Claim claim = claimOf({array("weight", {4, 4})});
  claim.file.parts = {StoredPart{part, {}}};
  return claim;
}

const StoredElement kHalf = {"float16", 2, false, StoredType::Float16};
const StoredElement kDouble = {"float64", 8, false, StoredType::Float64};

using MakeClaim = std::function<Claim()>;

const std::map<std::string, MakeClaim>& claims() {
  const auto one = [] { return array("weight", {4, 4}); };
  const auto square = [] { return array("weight", {64, 64}); };
  static const std::map<std::string, MakeClaim> all = {
      // Places in the file
      {"extent beyond the file",
       [=] {
         return claimOf(one(), {"", 1 << 20, 64});
       }},
      {"extent that overflows",
       [=] {
         return claimOf(one(), {"", kMost - 31, 64});
       }},
      {"extent too small",
       [=] {
         return claimOf(one(), {"", 0, 32});
       }},
      {"extent of nothing",
       [=] {
         return claimOf(one(), {"", 0, 0});
       }},
      {"extent too large",
       [=] {
         return claimOf(one(), {"", 0, kMost});
       }},
      {"extent elsewhere",
       [=] {
         return claimOf(one(), {"/etc/passwd", 0, 64});
       }},
      {"extent in the folder above",
       [=] {
         return claimOf(one(), {"..", 0, 64});
       }},
      {"extent in the folder",
       [=] {
         return claimOf(one(), {".", 0, 64});
       }},
      {"extent in a folder above",
       [=] {
         return claimOf(one(), {"../other", 0, 64});
       }},
      {"extent beside, never asked for",
       [=] {
         return claimOf(one(), {"beside", 0, 64});
       }},
      {"extent by a link out",
       [=] {
         return claimOf(one(), {"link", 0, 64});
       }},
      {"extent in a pipe",
       [=] {
         return claimOf(one(), {"pipe", 0, 64});
       }},
      {"extent in a name with NUL",
       [=] {
         return claimOf(one(), {std::string("a\0b", 3), 0, 64});
       }},
      {"extent that is not aligned",
       [=] {
         return claimOf(square(), {"", 3, 64 * 64 * 4});
       }},
      {"extent before the file",
       [=] {
         return claimOf(square(), {"", kMost - 15, 64 * 64 * 4});
       }},
      {"extent that fits",
       [=] {
         return claimOf(one(), {"", 64, 64});
       }},
      // Sizes that wrap
      {"rows that wrap",
       [] {
         return claimOf(array("weight", {1024, (k1 << 52) + 1}, "float32", 1), {"", 0, 4096});
       }},
      {"rows that wrap, honest type",
       [] {
         return claimOf(array("weight", {1024, (k1 << 52) + 1}), {"", 0, 4096});
       }},
      {"columns that wrap",
       [] {
         return claimOf(array("weight", {(k1 << 52) + 1, 1024}, "float32", 1), {"", 0, 4096});
       }},
      {"columns that wrap, to be read",
       [] {
         return claimOf({array("weight", {(k1 << 52) + 1, 1024}, "float32", 1)});
       }},
      {"float16 that wraps",
       [] {
         return ofType(
             claimOf(array("weight", {1024, (k1 << 53) + 1}, "float16", 1), {"", 0, 2048}), kHalf);
       }},
      {"float64 that wraps",
       [] {
         return ofType(
             claimOf(array("weight", {1024, (k1 << 51) + 1}, "float64", 1), {"", 0, 8192}),
             kDouble);
       }},
      {"kernel that wraps",
       [] {
         return claimOf(array("dense/kernel", {1024, (k1 << 52) + 1}, "float32", 1), {"", 0, 4096});
       }},
      {"size that wraps to nothing",
       [] {
         return claimOf(array("weight", {k1 << 31, k1 << 31}, "float32", 1), {"", 0, 0});
       }},
      {"size that wraps to nothing, honest type",
       [] {
         return claimOf(array("weight", {k1 << 31, k1 << 31}), {"", 0, 0});
       }},
      {"experts that wrap",
       [] {
         return claimOf(array("experts.weight", {16, 64, (k1 << 52) + 1}, "float32", 1),
                        {"", 0, 4096});
       }},
      {"no type, but a shape that wraps",
       [] {
         return claimOf({array("weight", {k1 << 40, k1 << 40}, "", 0)});
       }},
      {"more than there is memory",
       [] {
         return claimOf({array("dense/kernel", {k1 << 20, k1 << 20})});
       }},
      {"more than the machine has",
       [] {
         return claimOf({array("weight", {k1 << 22, k1 << 22})});
       }},
      {"elements of 2^63 bytes",
       [] {
         return claimOf({array("weight", {4, 4}, "float32", k1 << 63)});
       }},
      {"unknown elements of 2^63 bytes",
       [] {
         return claimOf({array("weight", {4, 4}, "odd", k1 << 63)});
       }},
      // Geometry
      {"62 axes",
       [] {
         return claimOf(array("weight", std::vector<std::uint64_t>(62, 2)), {"", 0, 4096});
       }},
      {"64 axes of 1",
       [] {
         std::vector<std::uint64_t> shape(64, 1);
         shape[62] = shape[63] = 4;
         return claimOf(array("weight", shape), {"", 0, 64});
       }},
      {"65 axes", [] { return claimOf({array("weight", std::vector<std::uint64_t>(65, 1))}); }},
      {"chunk sides of 2^63",
       [=] {
         return withChunk(claimOf({square()}), {k1 << 63, k1 << 63});
       }},
      {"chunk sides of 2^64-1",
       [=] {
         return withChunk(claimOf({square()}), {kMost, kMost});
       }},
      {"chunk of 64 axes",
       [=] { return withChunk(claimOf({square()}), std::vector<std::size_t>(64, 1)); }},
      {"chunk of no axes", [=] { return withChunk(claimOf({square()}), {}); }},
      {"chunk of nothing",
       [=] {
         return withChunk(claimOf({one()}), {0, 0});
       }},
      {"listed chunk that is none", [] { return chunkListLie(); }},
      {"axes beyond the rank",
       [] {
         return withAxes({k1 << 63, 1}, 1, {4, 4});
       }},
      {"axes that repeat",
       [] {
         return withAxes({0, 0, 0}, 1, {2, 4, 2});
       }},
      {"row axes beyond the rank",
       [] {
         return withAxes({2, 1, 0}, kMost, {2, 4, 2});
       }},
      {"row axes of none",
       [] {
         return withAxes({2, 1, 0}, 0, {2, 4, 2});
       }},
      // Types
      {"element too large",
       [=] {
         return ofType(claimOf({one()}), {"float32", 8, false, StoredType::Float32});
       }},
      {"element of no bytes",
       [=] {
         return ofType(claimOf({one()}), {"float32", 0, false, StoredType::Float32});
       }},
      {"another type than listed",
       [] {
         return claimOf({array("weight", {64, 64}, "float64", 8)});
       }},
      {"an integer that was listed as float",
       [=] {
         return ofType(claimOf({square()}), {"int8", 1, true, {}});
       }},
      {"a half that calls itself float32",
       [=] {
         return ofType(claimOf({square()}), {"float32", 2, false, StoredType::Float16});
       }},
      {"an element of 4 GiB",
       [] {
         return ofType(claimOf({array("weight", {64, 64}, "x", 1)}), {"x", k1 << 32, true, {}});
       }},
      // Names
      {"one name three times",
       [=] {
         return claimOf({one(), one(), one()});
       }},
      {"an empty name",
       [] {
         return claimOf({array("", {4, 4})});
       }},
      {"names of separators", [] { return slashNames(); }},
      {"names with NUL",
       [] {
         return claimOf(
             {array(std::string("a\0b", 3), {4, 4}), array(std::string("a\0c", 3), {4, 4})});
       }},
      {"a name of 1 MiB",
       [] {
         return claimOf({array(std::string(1 << 20, 'n'), {4, 4})});
       }},
      {"a name of 30 MB",
       [] {
         // NOLINTNEXTLINE(bugprone-string-constructor): as long as that it is
         return claimOf({array(std::string(30'000'000, 'n'), {4, 4})});
       }},
      {"a name of 30 MB of slashes",
       [] {
         // NOLINTNEXTLINE(bugprone-string-constructor): as long as that it is
         return claimOf({array(std::string(30'000'000, '/'), {4, 4})});
       }},
      {"a deep Keras name",
       [] {
         Claim claim = claimOf({array(repeated("a/", 1 << 20) + "vars/0", {4, 4})}, "");
         claim.file.groups["vars"].name = "x";
         return claim;
       }},
      {"many deep Keras names",
       [] {
         const std::string deep = repeated("a/", 16000);
         Claim claim = manyArrays(700, [&](std::size_t i) {
           return array(deep + std::to_string(i) + "/vars/0", {4, 4});
         });
         claim.file.format = "";
         return claim;
       }},
      {"long names of digits",
       [] {
         const std::string digits = std::string(500, '0') + std::string(500, '1');
         return manyArrays(50'000, [&](std::size_t i) {
           return array(digits + std::to_string(i), {4, 4});
         });
       }},
      // Numbers
      {"a million arrays and one",
       [] { return manyArrays((1 << 20) + 1, [](std::size_t) { return array("", {}, "", 0); }); }},
      {"stacks of experts without end",
       [] {
         return manyArrays(2000, [](std::size_t i) {
           return array("experts." + std::to_string(i), {4096, 1, 1});
         });
       }},
      {"an order without end", [] { return orderOf(2'000'000); }},
      {"groups without end", [] { return groupsOf(200'000); }},
      {"parts that lead out", [] { return partsLie("../other"); }},
      {"parts that were never asked for", [] { return partsLie("beside"); }},
      // Configurations
      {"a deep configuration", [] { return withConfig(std::string(5'000'000, '[')); }},
      {"a configuration of 100 MB",
       [] { return withConfig("{\"a\":[" + repeated("0,", 50'000'000) + "0]}"); }},
      {"a configuration of many keys",
       [] {
         std::string text = "{";
         for (int i = 0; i < 300'000; ++i) {
           text += "\"" + std::to_string(i) + R"(":{"class_name":"A","config":{"name":"n"}},)";
         }
         return withConfig(text + "\"end\":0}");
       }},
      {"a configuration of many layers",
       [] {
         std::string inner = R"({"class_name":"A","config":{)";
         for (int i = 0; i < 100; ++i) inner += "\"k" + std::to_string(i) + "\":0,";
         inner += "\"end\":0}},";
         return withConfig(R"({"config":{"layers":[)" + repeated(inner, 20'000) + "{}]}}");
       }},
  };
  return all;
}

Claim claimOfMode(const std::string& mode) {
  const auto found = claims().find(mode);
  return found == claims().end() ? claimOf({array("weight", {4, 4})}) : found->second();
}

void write(const void* bytes, std::size_t count) {
  if (::write(kReaderSocket, bytes, count) < 0) _exit(1);
}

void announce(std::uint16_t type, std::uint32_t bytes, std::uint32_t magic = protocol::kMagic,
              std::uint16_t unused = 0) {
  protocol::Header header;
  header.magic = magic;
  header.type = type;
  header.unused = unused;
  header.bytes = bytes;
  write(&header, sizeof(header));
}

std::string failure(std::uint8_t code, const std::string& text) {
  WireWriter writer;
  writer.number(code);
  writer.text(text);
  return writer.take();
}

constexpr std::uint16_t kPart = static_cast<std::uint16_t>(Type::ContentsPart);

/// What is sent in place of contents, by its mode.
const std::map<std::string, std::function<void(MessageChannel&)>>& disturbances() {
  const auto progress = [](MessageChannel& channel, std::uint64_t done) {
    channel.send(Type::Progress, protocol::encode(protocol::Progress{done, 0}));
  };
  const auto slowly = [](int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  };
  static const std::map<std::string, std::function<void(MessageChannel&)>> all = {
      {"hangs", [](MessageChannel&) { hang(); }},
      {"exits", [](MessageChannel&) { _exit(7); }},
      {"dies", [](MessageChannel&) { abort(); }},
      {"stops itself", [](MessageChannel&) { raise(SIGSTOP); }},
      {"leaves a child behind",
       [](MessageChannel&) {
         if (fork() == 0) {
           std::this_thread::sleep_for(std::chrono::seconds(5));
         }
         _exit(0);
       }},
      {"writes to its streams",
       [](MessageChannel&) {
         const std::string noise(1000, 'x');
         if (::write(1, noise.data(), noise.size()) + ::write(2, noise.data(), noise.size()) < 0) {
           _exit(1);
         }
       }},
      {"answers something else", [](MessageChannel& channel) { channel.send(Type::Done, {}); }},
      {"answers with a request", [](MessageChannel& channel) { channel.send(Type::Read, {}); }},
      {"answers with a file", [](MessageChannel& channel) { channel.send(Type::HandFile, {}); }},
      {"lists garbage",
       [](MessageChannel& channel) {
         channel.send(Type::ContentsPart, std::string(1000, '\xff'));
       }},
      {"lists nothing", [](MessageChannel& channel) { channel.send(Type::Opened, {}); }},
      {"ends with a payload", [](MessageChannel& channel) { channel.send(Type::Opened, "x"); }},
      // Time
      {"repeats its progress",
       [=](MessageChannel& channel) {
         for (;; slowly(20)) progress(channel, 5);
       }},
      {"makes progress without end",
       [=](MessageChannel& channel) {
         for (std::uint64_t i = 1;; ++i) progress(channel, i);
       }},
      {"makes slow progress without end",
       [=](MessageChannel& channel) {
         for (std::uint64_t i = 1;; ++i, slowly(50)) progress(channel, i);
       }},
      {"names without end",
       [](MessageChannel& channel) {
         for (int i = 0;; ++i)
           channel.send(Type::Names, protocol::encodeNames({std::to_string(i)})[0]);
       }},
      {"slow names without end",
       [=](MessageChannel& channel) {
         for (int i = 0;; ++i, slowly(50)) {
           channel.send(Type::Names, protocol::encodeNames({std::to_string(i)})[0]);
         }
       }},
      {"empty lists of names",
       [](MessageChannel& channel) {
         WireWriter none;
         none.number(std::uint64_t{0});
         const std::string payload = none.take();
         for (;;) channel.send(Type::Names, payload);
       }},
      {"the largest lists of names",
       [](MessageChannel& channel) {
         WireWriter many;
         many.number(std::uint64_t{131071});
         for (int i = 0; i < 131071; ++i) many.text("");
         const std::string payload = many.take();
         for (int i = 0; i < 520; ++i) channel.send(Type::Names, payload);
       }},
      {"names that are markup",
       [](MessageChannel& channel) {
         channel.send(Type::Names, protocol::encodeNames({"<b>\x1b[31m"})[0]);
       }},
      {"parts without end",
       [](MessageChannel& channel) {
         const std::string part(protocol::kMostPayload, '\0');
         for (;;) channel.send(Type::ContentsPart, part);
       }},
      {"tiny parts without end",
       [](MessageChannel& channel) {
         for (;;) channel.send(Type::ContentsPart, std::string(1, '\0'));
       }},
      {"slow tiny parts",
       [=](MessageChannel& channel) {
         for (;; slowly(50)) channel.send(Type::ContentsPart, std::string(1, '\0'));
       }},
      {"empty parts",
       [](MessageChannel& channel) {
         for (;;) channel.send(Type::ContentsPart, {});
       }},
      {"asks for files without end",
       [](MessageChannel& channel) {
         Message answer;
         for (;;) {
           channel.send(Type::FileWanted, protocol::encode(protocol::FileWanted{"beside"}));
           if (channel.receiveWithDescriptor(answer) != Waiting::Arrived) _exit(0);
         }
       }},
      {"asks for a file above",
       [](MessageChannel& channel) {
         WireWriter name;
         name.text("../other");
         channel.send(Type::FileWanted, name.take());
       }},
      {"dribbles",
       [=](MessageChannel&) {
         announce(kPart, 1 << 20);
         for (;; slowly(20)) write("x", 1);
       }},
      // Bytes that are no message
      {"sends no message",
       [](MessageChannel&) {
         write(std::string(100, 'x').data(), 100);
         hang();
       }},
      {"announces too much",
       [](MessageChannel&) {
         announce(kPart, 0xffffffff);
         hang();
       }},
      {"sends half a message",
       [](MessageChannel&) {
         announce(kPart, 100);
         hang();
       }},
      {"ends within a header",
       [](MessageChannel&) {
         write("QSR1\0", 5);
         _exit(0);
       }},
      {"ends within a payload",
       [](MessageChannel&) {
         announce(kPart, 100);
         write("xxxxxxxxxx", 10);
         _exit(0);
       }},
      {"another magic number",
       [](MessageChannel&) {
         announce(kPart, 0, 0);
         hang();
       }},
      {"bits that are not used",
       [](MessageChannel&) {
         announce(static_cast<std::uint16_t>(Type::Opened), 0, protocol::kMagic, 1);
         hang();
       }},
      {"a type that there is not",
       [](MessageChannel&) {
         announce(0, 0);
         hang();
       }},
      {"stops talking",
       [](MessageChannel&) {
         shutdown(kReaderSocket, SHUT_WR);
         hang();
       }},
      {"hangs up",
       [](MessageChannel&) {
         shutdown(kReaderSocket, SHUT_RDWR);
         hang();
       }},
      {"closes its socket",
       [](MessageChannel&) {
         close(kReaderSocket);
         hang();
       }},
      {"sends descriptors without end",
       [](MessageChannel& channel) {
         const int any = open("/dev/null", O_RDONLY);
         for (std::uint64_t i = 1;; ++i) {
           channel.send(Type::Progress, protocol::encode(protocol::Progress{i, 0}), any);
         }
       }},
      // Errors
      {"an error of garbage",
       [](MessageChannel& channel) {
         channel.send(Type::Failed, std::string(10, '\xff'));
         hang();
       }},
      {"an error with control characters",
       [](MessageChannel& channel) {
         channel.send(Type::Failed, failure(2, "evil \x1b[31mred\x07\n second line <img src=x>"));
         hang();
       }},
      {"the longest error",
       [](MessageChannel& channel) {
         channel.send(Type::Failed, failure(2, std::string(2000, 'e')));
         hang();
       }},
      {"an error that is too long",
       [](MessageChannel& channel) {
         channel.send(Type::Failed, failure(2, std::string(2001, 'e')));
         hang();
       }},
      {"an error of no kind",
       [](MessageChannel& channel) {
         channel.send(Type::Failed, failure(200, "e"));
         hang();
       }},
      {"claims to be cancelled",
       [](MessageChannel& channel) {
         channel.send(Type::Failed, failure(6, "e"));
         hang();
       }},
  };
  return all;
}

void answerOpen(MessageChannel& channel, const std::string& mode) {
  const auto disturbance = disturbances().find(mode);
  if (disturbance != disturbances().end()) disturbance->second(channel);
  const std::string contents = protocol::encode(claimOfMode(mode).file);
  for (std::size_t at = 0; at < contents.size(); at += protocol::kMostPayload) {
    channel.send(Type::ContentsPart, std::string_view(contents).substr(at, protocol::kMostPayload));
  }
  channel.send(Type::Opened, {});
  if (mode == "goes on after the end") {
    for (int i = 0; i < 100; ++i) channel.send(Type::Done, {});
  }
}

void answerDescribe(MessageChannel& channel, const std::string& mode) {
  if (mode == "hangs while describing") hang();
  if (mode == "dies while describing") abort();
  if (mode == "describes garbage") {
    channel.send(Type::Description, std::string(50, '\xff'));
    return;
  }
  if (mode == "describes a float of no type") {
    std::string bytes = protocol::encode(claimOfMode(mode).description);
    bytes[8 + 7 + 8 + 1] = 9;  // behind the name, the bytes and whether it is an integer
    channel.send(Type::Description, bytes);
    return;
  }
  channel.send(Type::Description, protocol::encode(claimOfMode(mode).description));
}

/// Fills the whole memory with one byte.
void fill(int memory, int byte) {
  struct stat status = {};
  if (fstat(memory, &status) != 0) return;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (mapped != MAP_FAILED) std::memset(mapped, byte, bytes);
}

void answerRead(MessageChannel& channel, const std::string& mode, int memory) {
  if (mode == "hangs while reading") hang();
  if (mode == "dies while reading") abort();
  if (mode == "shrinks the memory" &&
      (ftruncate(memory, 0) == 0 || ftruncate(memory, 1LL << 40) == 0 ||
       fallocate(memory, FALLOC_FL_COLLAPSE_RANGE, 0, 4096) == 0)) {
    abort();  // its seals do not hold
  }
  if (mode == "makes progress while reading, without end") {
    for (std::uint64_t i = 1;; ++i) {
      channel.send(Type::Progress, protocol::encode(protocol::Progress{i, i}));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  if (mode == "is done beyond all") {
    channel.send(Type::Progress, protocol::encode(protocol::Progress{kMost, 0}));
    hang();
  }
  if (mode == "fails while reading") {
    channel.send(Type::Failed, failure(2, "no"));
    return;
  }
  if (mode == "describes instead of reading") {
    channel.send(Type::Description, protocol::encode(claimOfMode(mode).description));
    return;
  }
  if (mode == "is done with a payload") {
    channel.send(Type::Done, "x");
    return;
  }
  if (mode == "reads NaN") fill(memory, 0xff);
  channel.send(Type::Done, {});
  if (mode == "writes on after it is done") {
    for (int byte = 0;; byte ^= 0x3f) fill(memory, byte);
  }
}

}  // namespace

int main() {
  const char* chosen = std::getenv("FAKE_READER");
  const std::string mode = chosen ? chosen : "";
  MessageChannel channel{Descriptor(kReaderSocket)};
  Message message;
  while (channel.receiveWithDescriptor(message) == Waiting::Arrived) {
    if (message.type == Type::Open) answerOpen(channel, mode);
    if (message.type == Type::Describe) answerDescribe(channel, mode);
    if (message.type == Type::Read) answerRead(channel, mode, message.descriptor.get());
  }
  return 0;
}
