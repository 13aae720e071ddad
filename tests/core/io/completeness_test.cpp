// Models of which something is missing or damaged: it is counted, named, and costs nothing else.
#include "core/io/model/completeness.h"

#include <filesystem>
#include <fstream>
#include <sys/resource.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string entry(const std::string& name, std::size_t begin, const std::string& dtype = "F32",
                  const std::string& shape = "[2,2]") {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(begin + 16) + "]}";
}

std::string safetensors(const std::string& name) {
  return safetensorsBytes("{" + entry(name, 0) + "}", std::string(16, '\1'));
}

std::string npyFile() {
  return npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", std::string(16, '\1'));
}

std::string flipped(std::string bytes, const std::string& near, std::size_t behind) {
  bytes[bytes.find(near) + behind] ^= 0x10;
  return bytes;
}

SharedSource open(const std::string& path) {
  const auto source = openTensorSource(path);
  if (!source) qFatal("%s", source.error().message.c_str());
  return *source;
}

Completeness found(const SharedSource& source) {
  return completenessOf(source->tensors());
}

}  // namespace

class CompletenessTest : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> folder_;

  std::string at(const std::string& name) const {
    return folder_->path().toStdString() + "/" + name;
  }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void aWholeModelLacksNothing() {
    write(at("a.safetensors"), safetensors("w"));
    QVERIFY(found(open(at("a.safetensors"))).isComplete());
    QCOMPARE(found(open(at("a.safetensors"))).line(), std::string());
  }

  void missingShardsAreCountedAndNamed() {
    write(at("a.safetensors"), safetensors("a"));
    write(at("c.safetensors"), safetensors("other"));
    write(at("m.safetensors.index.json"),
          R"({"weight_map":{"a":"a.safetensors","b1":"b.safetensors","b2":"b.safetensors",)"
          R"("b3":"b.safetensors","b4":"b.safetensors","c":"c.safetensors"}})");
    const Completeness lacks = found(open(at("m.safetensors.index.json")));
    QCOMPARE(lacks.arrays, std::size_t{7});
    QCOMPARE(lacks.missing, std::size_t{5});
    QCOMPARE(lacks.line(),
             std::string("5 of 7 arrays are missing: b.safetensors: no such file (b1, "
                         "b2, b3 and 1 more); c.safetensors does not have it (c)"));
  }

  void shardsThatAreLinksSaySo() {
    QTemporaryDir elsewhere;
    const std::string target = elsewhere.path().toStdString() + "/blob";
    write(target, safetensors("a"));
    std::filesystem::create_symlink(target, at("a.safetensors"));
    std::filesystem::create_symlink("gone", at("b.safetensors"));
    write(at("m.safetensors.index.json"),
          R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors"}})");
    const SharedSource source = open(at("m.safetensors.index.json"));
    const auto b = findTensor(*source, "b");
    QCOMPARE(b->reason, std::string("b.safetensors: a link to gone, where there is no file"));
    const auto a = findTensor(*source, "a");
    QCOMPARE(a->reason, "a.safetensors: a link that leads out of the model's folder, to " + target);
    QVERIFY(a->refused);
    OpenOptions options;
    options.allowOutside = true;
    const auto allowed = *openTensorSource(at("m.safetensors.index.json"), options);
    const auto followed = findTensor(*allowed, "a");
    QVERIFY(followed->quantizable);
    QVERIFY(allowed->load(*followed, Orientation::Auto));
  }

  void whatACutOffFileLacksIsCounted() {
    const std::string header =
        "{" + entry("a", 0) + "," + entry("b", 16) + "," + entry("c", 32) + "}";
    write(at("a.safetensors"), safetensorsBytes(header, std::string(20, '\1')));
    const Completeness lacks = found(open(at("a.safetensors")));
    QCOMPARE(lacks.arrays, std::size_t{3});
    QCOMPARE(lacks.missing, std::size_t{2});
    QVERIFY(lacks.line().find("(b)") != std::string::npos);

    write(at("a.npy"), npyFile().substr(0, npyFile().size() - 4));
    QCOMPARE(found(open(at("a.npy"))).missing, std::size_t{1});
    ZipWriter zip;
    zip.add("a.npy", npyFile());
    zip.add("b.npy", npyFile().substr(0, npyFile().size() - 4), true);
    zip.add("c.npy", "no array");
    write(at("a.npz"), zip.finish());
    QCOMPARE(found(open(at("a.npz"))).missing, std::size_t{2});
  }

  void whatAnHdf5FileCannotGiveIsCounted() {
    {
      Hdf5Fixture file(at("a.h5"));
      file.counting("model/whole", {4, 4});
      file.counting("model/unwritten", {4, 4}, {.write = false});
      file.rawChunk("model/filter", {4, 4},
                    {.chunk = {4, 4},
                     .more =
                         [](hid_t properties) {
                           H5Pset_filter(properties, 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
                         }},
                    std::vector<char>(64));
      file.softLink("/nowhere", "model/link");
      file.hardLink("/model/whole", "model/again");
      file.counting("optimizer/m", {4, 4}, {.write = false});
      const int step = 1;
      file.array("model/step", {}, &step,
                 {.fileType = H5T_STD_I32LE, .memoryType = H5T_NATIVE_INT});
    }
    const Completeness lacks = found(open(at("a.h5")));
    QCOMPARE(lacks.arrays, std::size_t{7});
    QCOMPARE(lacks.missing, std::size_t{3});
  }

  void whatIsOnlyNotAWeightIsNoGap() {
    const std::string header =
        "{" + entry("a", 0, "I32") + "," + entry("b", 16, "C64", "[2]") + "}";
    write(at("a.safetensors"), safetensorsBytes(header, std::string(32, '\1')));
    QVERIFY(found(open(at("a.safetensors"))).isComplete());
  }

  void oneArrayOfTooManyAxesOrALongTypeCostsNoOther() {
    std::string axes = "[";
    for (int i = 0; i < 64; ++i) axes += "1,";
    axes += "4]";
    const std::string header = "{" + entry("many", 0, "F32", axes) + "," +
                               entry("long", 16, std::string(300, 'X'), "[4]") + "," +
                               entry("w", 32) + "}";
    write(at("a.safetensors"), safetensorsBytes(header, std::string(48, '\1')));
    const SharedSource source = open(at("a.safetensors"));
    QCOMPARE(findTensor(*source, "many")->reason, std::string("has 65 axes; at most 64 are read"));
    QVERIFY(findTensor(*source, "many")->incomplete);
    QCOMPARE(findTensor(*source, "long")->reason,
             std::string(40, 'X') + "...: a dtype that is not read");
    QVERIFY(source->load(*findTensor(*source, "w"), Orientation::Auto));

    ZipWriter zip;
    zip.add("w.npy", npyFile());
    zip.add("many.npy", npy(
                            "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                                [] {
                                  std::string sides;
                                  for (int i = 0; i < 64; ++i) sides += "1, ";
                                  return sides;
                                }() +
                                "4), }",
                            std::string(16, '\1')));
    zip.add("long.npy", npy("{'descr': '" + std::string(400, 'x') +
                                "', 'fortran_order': False, 'shape': (4,), }",
                            std::string(16, '\1')));
    write(at("a.npz"), zip.finish());
    const SharedSource archive = open(at("a.npz"));
    QCOMPARE(findTensor(*archive, "many")->reason, std::string("has 65 axes; at most 64 are read"));
    QVERIFY(findTensor(*archive, "long")->reason.starts_with("the dtype xxxx"));
    QVERIFY(archive->load(*findTensor(*archive, "w"), Orientation::Auto));
  }

  void moreShardsThanMayBeOpenAreRead() {
    constexpr int kShards = 150;
    std::string map;
    for (int i = 0; i < kShards; ++i) {
      const std::string number = std::to_string(i);
      write(at(number + ".safetensors"), safetensors("w" + number));
      map += (i == 0 ? "" : ",") + ("\"w" + number) + "\":\"" + number + ".safetensors\"";
    }
    write(at("m.safetensors.index.json"), "{\"weight_map\":{" + map + "}}");
    rlimit before = {};
    QCOMPARE(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit fewer = before;
    fewer.rlim_cur = 120;
    QCOMPARE(setrlimit(RLIMIT_NOFILE, &fewer), 0);
    std::size_t loaded = 0;
    std::string problem;
    const auto source = openTensorSource(at("m.safetensors.index.json"));
    if (source) problem = found(*source).line();
    // To and fro, so that each is closed and opened again.
    for (int i = 0; source && i < kShards; ++i) {
      const int place = i % 2 == 0 ? i : kShards - i;
      const auto tensor =
          (*source)->load(*findTensor(**source, "w" + std::to_string(place)), Orientation::Auto);
      if (tensor) ++loaded;
    }
    setrlimit(RLIMIT_NOFILE, &before);
    QVERIFY(source);
    QCOMPARE(problem, std::string());
    QCOMPARE(loaded, std::size_t{kShards});
  }

  void aFlippedBitOfAStoredMemberIsFound() {
    ZipWriter zip;
    zip.add("w.npy", npyFile());
    zip.add("v.npy", npyFile(), true);
    const std::string bytes = zip.finish();
    write(at("good.npz"), bytes);
    const SharedSource good = open(at("good.npz"));
    QVERIFY(good->integrity() == Integrity::NotYet);
    QCOMPARE(good->bytesToVerify(), std::uint64_t{npyFile().size()});
    QVERIFY(good->verify({}));
    QVERIFY(good->integrity() == Integrity::Proven);

    write(at("bad.npz"), flipped(bytes, "\1\1\1\1", 3));
    const SharedSource bad = open(at("bad.npz"));
    QVERIFY(bad->load(*findTensor(*bad, "w"), Orientation::Auto));  // to be looked at
    for (int i = 0; i < 2; ++i) {
      const Status status = bad->verify({});
      QVERIFY(!status);
      QCOMPARE(status.error().message,
               at("bad.npz") +
                   ": w.npy in the zip archive is damaged: its bytes do not match "
                   "their checksum (CRC-32)");
    }
    QVERIFY(bad->integrity() == Integrity::Damaged);
  }

  void aFlippedBitOfAKerasArchiveIsFound_data() {
    QTest::addColumn<QByteArray>("member");
    QTest::addColumn<bool>("compress");
    QTest::newRow("weights") << QByteArray("model.weights.h5") << false;
    QTest::newRow("config") << QByteArray("config.json") << false;
    QTest::newRow("compressed config") << QByteArray("config.json") << true;
  }

  void aFlippedBitOfAKerasArchiveIsFound() {
    QFETCH(QByteArray, member);
    QFETCH(bool, compress);
    {
      Hdf5Fixture file(at("weights.h5"));
      file.counting("layers/dense/vars/0", {8, 8});
    }
    ZipWriter zip;
    zip.add("metadata.json", "{}");
    zip.add("config.json", "{\"config\": {\"layers\": []}}", compress);
    zip.add("model.weights.h5", contentOf(at("weights.h5")));
    const std::string bytes = zip.finish();
    write(at("good.keras"), bytes);
    const SharedSource good = open(at("good.keras"));
    QVERIFY(good->verify({}));
    QVERIFY(good->integrity() == Integrity::Proven);
    // Near the end of the weights; in the middle of the configuration.
    const std::size_t begin = bytes.find(member.toStdString());
    const std::size_t behind = member.startsWith("model") ? bytes.find("PK\x01\x02") - begin - 8
                                                          : std::size_t(member.size()) + 15;
    write(at("bad.keras"), flipped(bytes, member.toStdString(), behind));
    const SharedSource bad = open(at("bad.keras"));
    QVERIFY(!bad->tensors().empty());
    const Status status = bad->verify({});
    QVERIFY(!status);
    QVERIFY2(status.error().message.starts_with(at("bad.keras") + ": " + member.toStdString() +
                                                " in the zip archive is damaged"),
             status.error().message.c_str());
  }

  void verifyingCanBeCancelled() {
    ZipWriter zip;
    zip.add("w.npy", npyFile());
    write(at("a.npz"), zip.finish());
    const SharedSource source = open(at("a.npz"));
    TaskControl control;
    control.cancel.cancel();
    QVERIFY(source->verify(control).error().code == ErrorCode::Cancelled);
    QVERIFY(source->integrity() == Integrity::NotYet);
    QVERIFY(source->verify({}));
  }

  void otherFormatsHaveNothingToCompare() {
    write(at("a.safetensors"), safetensors("w"));
    const SharedSource source = open(at("a.safetensors"));
    QVERIFY(source->integrity() == Integrity::NoChecksums);
    QVERIFY(source->verify({}));
  }
};

QTEST_GUILESS_MAIN(CompletenessTest)
#include "completeness_test.moc"
