// zip archives, what NumPy saves, and .keras files: what they offer, and what is refused.
#include <random>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/io/container/zip_archive.h"
#include "core/io/container_source.h"
#include "core/io/formats/numpy.h"
#include "core/io/reader/remote_container.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"

using namespace quantoscope;
using quantoscope::test::Hdf5Fixture;
using quantoscope::test::little;
using quantoscope::test::npy;
using quantoscope::test::ZipWriter;

namespace {

std::string floats(std::size_t count) {
  std::string data;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(i) / 8;
    data.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return data;
}

const std::string kHeader = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

std::string problemOfNpy(const std::string& bytes) {
  const auto container = openNpy(bytesInMemory(bytes), "x.npy");
  if (!container) return container.error().message;
  return (*container)->contents().arrays.front().obstacle;
}

std::string problemOfZip(const std::string& bytes) {
  const auto members = readZipDirectory(*bytesInMemory(bytes));
  return members ? "it opened" : members.error().message;
}

}  // namespace

class ArchiveTest : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;

  std::string write(const char* name, const std::string& bytes) const {
    QFile file(folder_.filePath(QString::fromLatin1(name)));
    if (!file.open(QIODevice::WriteOnly)) qFatal("cannot write");
    file.write(bytes.data(), static_cast<qint64>(bytes.size()));
    return file.fileName().toStdString();
  }

 private slots:
  void zipMembersAreFound() {
    for (const bool zip64 : {false, true}) {
      ZipWriter writer;
      writer.zip64 = zip64;
      const std::string text(5000, 'x');
      writer.add("a.txt", "plain");
      writer.add("b/c.txt", text, true);
      const auto archive = bytesInMemory(writer.finish("a comment with PK\x05\x06 inside"));
      const auto members = readZipDirectory(*archive);
      QVERIFY2(members, members ? "" : members.error().message.c_str());
      QCOMPARE(members->size(), std::size_t{2});
      for (const auto& [index, content] : {std::pair{0, std::string("plain")}, {1, text}}) {
        const auto member = openZipMember(archive, (*members)[static_cast<std::size_t>(index)]);
        QVERIFY(member);
        const auto read = readText(**member, 0, content.size());
        QVERIFY(read);
        QCOMPARE(*read, content);
      }
    }
  }

  void damagedArchivesAreRefused() {
    ZipWriter writer;
    writer.add("a.txt", "plain");
    const std::string good = writer.finish();
    QCOMPARE(problemOfZip(good), std::string("it opened"));
    QVERIFY(problemOfZip(good.substr(0, good.size() - 1)).find("end is missing") !=
            std::string::npos);
    QVERIFY(problemOfZip("PK").find("too short") != std::string::npos);
    ZipWriter twice;
    twice.add("a", "1");
    twice.add("a", "2");
    QVERIFY(problemOfZip(twice.finish()).find("a is there twice") != std::string::npos);
    ZipWriter bomb;
    bomb.add("bomb", std::string(5000, 'x'), true);
    const auto archive = bytesInMemory(bomb.finish());
    auto members = readZipDirectory(*archive);
    QVERIFY(members);
    QVERIFY(openZipMember(archive, members->front()));
    members->front().bytes = std::uint64_t{1} << 40;
    const auto opened = openZipMember(archive, members->front());
    QVERIFY(!opened);
    QVERIFY(opened.error().message.find("claims") != std::string::npos);
  }

  /// Whatever is changed in an archive, it opens or is refused, and no member lies outside.
  void mutatedArchivesDoNoHarm() {
    ZipWriter writer;
    writer.zip64 = true;
    writer.add("w.npy", npy(kHeader, floats(6)));
    writer.add("v.npy", npy(kHeader, floats(6)), true);
    const std::string good = writer.finish();
    std::mt19937 engine(7);
    for (int i = 0; i < 20000; ++i) {
      std::string bytes = good;
      for (unsigned n = 1 + engine() % 3; n > 0; --n) {
        bytes[engine() % bytes.size()] = static_cast<char>(engine());
      }
      if (engine() % 4 == 0) bytes.resize(engine() % bytes.size());
      const auto container = openNpz(bytesInMemory(bytes), "x.npz");
      if (!container) continue;
      for (const StoredArray& array : (*container)->contents().arrays) {
        if (!array.obstacle.empty()) continue;
        Box box{std::vector<std::size_t>(array.shape.size(), 0),
                {array.shape.begin(), array.shape.end()}};
        std::vector<std::byte> values(box.elements() * array.elementBytes);
        (void)(*container)->read(array.path, box, values.data(), {});
      }
    }
  }

  void npyArraysAreRead() {
    const std::string path = write("w.npy", npy(kHeader, floats(6)));
    const auto source = openTensorSource(path);
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    QCOMPARE((*source)->format(), std::string("NumPy"));
    const TensorInfo& info = (*source)->tensors().front();
    QCOMPARE(info.name, std::string("w"));
    QCOMPARE(info.rows, std::size_t{2});
    const auto matrix = (*source)->loadMatrix("w");
    QVERIFY(matrix);
    QCOMPARE(matrix->values, (std::vector<float>{0, 0.125f, 0.25f, 0.375f, 0.5f, 0.625f}));

    const std::string fortran = write(
        "f.npy", npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2L, 3L)}", floats(6), 2));
    const auto turned = (*openTensorSource(fortran))->loadMatrix("f");
    QVERIFY(turned);
    QCOMPARE(turned->values, (std::vector<float>{0, 0.25f, 0.5f, 0.125f, 0.375f, 0.625f}));
  }

  void wrongNpyHeadersAreRefused() {
    const auto problem = [](const std::string& header) {
      return problemOfNpy(npy(header, floats(6)));
    };
    QCOMPARE(problem(kHeader), std::string());
    QVERIFY(problem("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}").find("|O") !=
            std::string::npos);
    QVERIFY(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (20, 3)}")
                .find("cut off: 216") != std::string::npos);
    QVERIFY(problem("{'descr': '<f4', 'shape': (2, 3)}").find("are needed") != std::string::npos);
    QVERIFY(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}").find("shape") !=
            std::string::npos);
    QVERIFY(problem("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}")
                .find("record") != std::string::npos);
    QVERIFY(problemOfNpy("\x93NUMPY\x09").find("NumPy") != std::string::npos);
  }

  void npzArraysAreRead() {
    ZipWriter writer;
    writer.add("plain.npy", npy(kHeader, floats(6)));
    writer.add("packed.npy", npy(kHeader, floats(6)), true);
    writer.add("broken.npy", "not an array");
    writer.add("readme.txt", "left out");
    const auto source = openTensorSource(write("z.npz", writer.finish()));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    QCOMPARE((*source)->tensors().size(), std::size_t{3});
    for (const TensorInfo& info : (*source)->tensors()) {
      QCOMPARE(info.quantizable, info.name != "broken");
      if (info.name == "broken") QVERIFY(info.reason.find("NumPy header") != std::string::npos);
    }
    QCOMPARE((*source)->loadMatrix("plain")->values, (*source)->loadMatrix("packed")->values);
  }

  /// Neither listing nor reading one after the other takes memory for all.
  void npzMembersAreDecompressedWhenTheyAreRead() {
    const std::string zeros(std::size_t{4096} * 4096 * sizeof(float), '\0');
    const std::string large =
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4096, 4096), }", zeros);
    ZipWriter writer;
    for (const char* name : {"a", "b", "c", "d"}) {
      writer.add(std::string(name) + ".npy", large, true);
    }
    writer.add("small.npy", npy(kHeader, floats(6)), true);
    const std::string path = write("large.npz", writer.finish());
    ReaderSettings settings;
    settings.memoryBytes = std::uint64_t{150} << 20;
    const auto container = openRemoteContainer(path, {}, settings);
    QVERIFY2(container, container ? "" : container.error().message.c_str());
    const auto source = makeContainerSource(path, *container);
    QCOMPARE((*source)->tensors().size(), std::size_t{5});
    for (const char* name : {"a", "d", "b", "c"}) {
      const auto tensor = (*source)->load(*findTensor(**source, name), Orientation::Auto);
      QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
    }
    QCOMPARE((*source)->loadMatrix("small")->values.back(), 0.625f);
  }

  /// The checksum is over the whole, so it speaks when the whole is read.
  void damageInsideADeflatedArrayIsAnError_data() {
    QTest::addColumn<int>("rows");
    QTest::newRow("small") << 8;  // all of it is what a header may be looked for in
    QTest::newRow("large") << 200;
  }

  void damageInsideADeflatedArrayIsAnError() {
    QFETCH(int, rows);
    const std::string shape = "(" + std::to_string(rows) + ", 300)";
    ZipWriter writer;
    writer.add("w.npy",
               npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }",
                   floats(static_cast<std::size_t>(rows) * 300)),
               true);
    std::string bytes = writer.finish();
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    const auto source = openTensorSource(write("damaged.npz", bytes));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    const auto tensor = (*source)->load((*source)->tensors().front(), Orientation::Auto);
    QVERIFY(!tensor);
    QVERIFY2(tensor.error().message.find("w.npy cannot be decompressed") != std::string::npos,
             tensor.error().message.c_str());
  }

  void bfloat16OfNumPyIsReadWhereTheUserSaysSo() {
    const std::string words("\x80\x3f\x40\xc0\0\0\x80\x40", 8);
    const std::string path =
        write("v.npy", npy("{'descr': '|V2', 'fortran_order': False, 'shape': (2, 2), }", words));
    QVERIFY((*openTensorSource(path))->tensors().front().perhapsBFloat16);
    OpenOptions options;
    options.wordsAreBFloat16 = true;
    const auto matrix = (*openTensorSource(path, options))->loadMatrix("v");
    QVERIFY(matrix);
    QCOMPARE(matrix->values, (std::vector<float>{1, -3, 0, 4}));
  }

  /// The same weights beside and inside archives; stored ones are mapped where they lie.
  void kerasArchivesAreOpenedInPlace() {
    const std::string weights = folder_.filePath(QStringLiteral("w.h5")).toStdString();
    Hdf5Fixture file(weights);
    file.counting("layers/dense/vars/0", {64, 32});
    file.counting("layers/dense/vars/1", {32});
    file.close();
    QFile bytes(QString::fromStdString(weights));
    QVERIFY(bytes.open(QIODevice::ReadOnly));
    const std::string content = bytes.readAll().toStdString();
    const auto expected = (*openTensorSource(weights))->loadMatrix("layers/dense/vars/0");
    for (const bool compress : {false, true}) {
      ZipWriter writer;
      writer.add("metadata.json", "{\"keras_version\": \"3.3.3\"}");
      writer.add("config.json", "{}");
      writer.add("model.weights.h5", content, compress);
      const std::string path = write("m.keras", writer.finish());
      const auto source = openTensorSource(path);
      QVERIFY2(source, source ? "" : source.error().message.c_str());
      const TensorInfo& info = (*source)->tensors().front();
      QCOMPARE(info.name, std::string("layers/dense/vars/0"));
      QCOMPARE(info.rows, std::size_t{32});  // a Keras kernel: [in, out]
      const auto found = (*source)->loadMatrix("layers/dense/vars/0");
      QVERIFY(found);
      QCOMPARE(found->values, expected->values);
      const auto tensor = (*source)->load(info, Orientation::Auto);
      QVERIFY(tensor);

      const auto container = openContainer(path);
      const auto extent = (*container)->extentOf("layers/dense/vars/0");
      QVERIFY(extent);
      QCOMPARE(extent->has_value(), !compress);
    }
    ZipWriter empty;
    empty.add("metadata.json", "{}");
    const auto none = openTensorSource(write("e.keras", empty.finish()));
    QVERIFY(!none);
    QVERIFY(none.error().message.find("without model.weights.h5") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(ArchiveTest)
#include "archive_test.moc"
