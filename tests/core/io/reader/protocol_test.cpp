// Messages of the reader process: what is sent arrives, and nothing else passes.
#include "core/io/reader/protocol.h"

#include <random>

#include <QtTest>

using namespace quantoscope;

namespace {

StoredFile someContents() {
  StoredFile file;
  for (int i = 0; i < 5; ++i) {
    StoredArray array;
    array.path = "layer" + std::to_string(i) + "/kernel:0";
    array.shape = {3, 4, std::uint64_t{1} << 40};
    array.dtype = "float32";
    array.elementBytes = 4;
    array.obstacle = i % 2 ? "a reason" : "";
    array.refused = i == 3;
    array.incomplete = i == 1;
    array.part = i == 2 ? 2 : 0;
    array.quantized = i == 4 ? "already quantized" : "";
    array.quantizedAs = i == 0 ? "GPTQ, 4 bits" : "";
    array.inputsFirst = i == 0;
    file.arrays.push_back(array);
  }
  GroupAttributes group;
  group.layerNames = {"a", "b", ""};
  group.kerasVersion = "2.3.1";
  file.groups[""] = group;
  file.groups["a"].weightNames.emplace();
  file.groups["tensors/a"].sourceName = "a";
  file.groups["tensors/a"].native = {"dense", "int", "stored", "bfloat16", {3, 4}, -1, 4, 3, -4};
  file.modelConfig = "{}";
  file.parts = {{"a.safetensors", {}}, {"b.safetensors", FileIdentity{1, 2, 3, -4, 5}}};
  file.checks = {{"w.npy", 6, 7, 8, 1, false}, {"v.npy", 0, 0, 0, 0, true}};
  file.configProblem = "unreadable";
  file.quantization = "quantized by GPTQ";
  file.members = {{"metadata.json", 43, 64, 64, 7, false, false}, {"a", 1, 2, 3, 4, true, true}};
  file.quantizationConfig = "{\"bits\":4}";
  file.quantizationProblem = "quantize_config.json: cut off";
  return file;
}

protocol::Description someDescription() {
  protocol::Description description;
  description.element = {"bfloat16", 2, false, StoredType::BFloat16};
  description.extent = FileExtent{"shard.h5", 1234, 5678};
  description.chunk = {16, 1};
  return description;
}

/// Changes, adds or takes away a few bytes.
std::string mutated(std::string bytes, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 4; changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      case 2:
        bytes.erase(at, 1 + random() % 16);
        break;
      default:
        bytes.insert(at, 1 + random() % 16, static_cast<char>(random()));
    }
  }
  return bytes;
}

}  // namespace

class ProtocolTest : public QObject {
  Q_OBJECT

 private slots:
  void whatIsSentArrives() {
    QVERIFY(protocol::decodeContents(protocol::encode(someContents())) == someContents());
    const auto description = protocol::decodeDescription(protocol::encode(someDescription()));
    QVERIFY(description);
    QCOMPARE(description->element.name, std::string("bfloat16"));
    QVERIFY(description->element.floatType == StoredType::BFloat16);
    QCOMPARE(description->extent->offset, std::uint64_t{1234});
    QCOMPARE(description->chunk, (std::vector<std::size_t>{16, 1}));
    const auto open =
        protocol::decodeOpen(protocol::encode(protocol::Open{"/a/b", true, 77, false, true}));
    QVERIFY(open && open->path == "/a/b" && open->allowOutside && open->memoryBytes == 77);
    QVERIFY(!open->wordsAreBFloat16 && open->asStored);
    SandboxReport report;
    report.memoryLimit = report.seccomp = true;
    const auto reported = protocol::decodeSandboxReport(protocol::encode(report));
    QVERIFY(reported && !reported->noNewPrivileges && reported->memoryLimit &&
            !reported->landlock && reported->seccomp);
    const protocol::Read read{"x", {{1, 2}, {3, 4}}, true};
    const auto readAgain = protocol::decodeRead(protocol::encode(read));
    QVERIFY(readAgain && readAgain->box == read.box && readAgain->asFloat);
    const auto error =
        protocol::decodeError(protocol::encode(Error{ErrorCode::DoesNotFit, "a\nb"}));
    QVERIFY(error && error->code == ErrorCode::DoesNotFit);
    QCOMPARE(error->message, std::string("a b"));
  }

  void whatLiesInNoPartIsNoContent() {
    StoredFile file = someContents();
    file.arrays[0].part = 3;
    QVERIFY(!protocol::decodeContents(protocol::encode(file)));
    file = someContents();
    file.checks[0].part = 3;
    QVERIFY(!protocol::decodeContents(protocol::encode(file)));
  }

  void namesAreCutIntoMessages() {
    std::vector<std::string> names;
    for (int i = 0; i < 3000; ++i) names.push_back(std::string(1000, 'n') + std::to_string(i));
    std::vector<std::string> arrived;
    const auto messages = protocol::encodeNames(names);
    QVERIFY(messages.size() > 1);
    for (const std::string& message : messages) {
      QVERIFY(message.size() <= protocol::kMostPayload);
      const auto part = protocol::decodeNames(message);
      QVERIFY(part);
      arrived.insert(arrived.end(), part->begin(), part->end());
    }
    QVERIFY(arrived == names);
    QVERIFY(protocol::encodeNames({}).empty());
    QVERIFY(protocol::encodeNames({std::string(protocol::kMostPayload, 'x')}).empty());
  }

  void onlyHeadersOfMessagesPass() {
    protocol::Header header;
    header.type = static_cast<std::uint16_t>(protocol::Type::Done);
    QVERIFY(protocol::typeOf(header) == protocol::Type::Done);
    header.bytes = protocol::kMostPayload + 1;
    QVERIFY(!protocol::typeOf(header));
    header.bytes = 0;
    header.type = 99;
    QVERIFY(!protocol::typeOf(header));
    header.type = static_cast<std::uint16_t>(protocol::Type::Done);
    header.magic ^= 1;
    QVERIFY(!protocol::typeOf(header));
  }

  void whatIsCutOffOrTooLongDoesNotPass() {
    const std::string contents = protocol::encode(someContents());
    for (std::size_t size = 0; size < contents.size(); ++size) {
      QVERIFY(!protocol::decodeContents(contents.substr(0, size)));
    }
    QVERIFY(!protocol::decodeContents(contents + "x"));
    const std::string description = protocol::encode(someDescription());
    for (std::size_t size = 0; size < description.size(); ++size) {
      QVERIFY(!protocol::decodeDescription(description.substr(0, size)));
    }
  }

  void pathsWithZerosDoNotPass() {
    const std::string path("a\0b", 3);
    QVERIFY(!protocol::decodeOpen(protocol::encode(protocol::Open{path, false, 0})));
    QVERIFY(!protocol::decodeOpen(protocol::encode(protocol::Open{"", false, 0})));
    // Arrays may be called anything.
    for (const std::string& name : {path, std::string()}) {
      const auto asked = protocol::decodeDescribe(protocol::encode(protocol::Describe{name}));
      QVERIFY(asked && asked->path == name);
    }
  }

  void anyBytesAreSurvived() {
    std::mt19937 random(20240501);
    const std::string seeds[] = {
        protocol::encode(someContents()),
        protocol::encode(someDescription()),
        protocol::encode(protocol::Open{"/a/b", true, 77}),
        protocol::encode(protocol::Read{"x", {{1, 2}, {3, 4}}, true}),
        protocol::encode(protocol::Progress{1, 2}),
        protocol::encode(SandboxReport{}),
        protocol::encode(Error{ErrorCode::NotFound, "text"}),
    };
    for (int round = 0; round < 30000; ++round) {
      const std::string bytes = mutated(seeds[random() % std::size(seeds)], random);
      if (const auto contents = protocol::decodeContents(bytes)) {
        // Whatever passes is a whole value: it can be said again.
        QVERIFY(protocol::decodeContents(protocol::encode(*contents)) == *contents);
      }
      if (const auto description = protocol::decodeDescription(bytes)) {
        QVERIFY(description->chunk.size() <= kMostAxes);
      }
      if (const auto read = protocol::decodeRead(bytes)) {
        QCOMPARE(read->box.start.size(), read->box.count.size());
      }
      static_cast<void>(protocol::decodeNames(bytes));
      static_cast<void>(protocol::decodeOpen(bytes));
      static_cast<void>(protocol::decodeDescribe(bytes));
      static_cast<void>(protocol::decodeProgress(bytes));
      static_cast<void>(protocol::decodeError(bytes));
      static_cast<void>(protocol::decodeSandboxReport(bytes));
    }
  }
};

QTEST_APPLESS_MAIN(ProtocolTest)
#include "protocol_test.moc"
