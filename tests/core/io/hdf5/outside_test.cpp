// What leads out of the opened file: refused with a reason, and had when it is allowed.
#include <fstream>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"

using namespace quantoscope;
using quantoscope::test::countingValues;
using quantoscope::test::Hdf5Fixture;

namespace {

OpenOptions allowed() {
  OpenOptions options;
  options.allowOutside = true;
  return options;
}

/// One part of a virtual array of 8x4.
struct Part {
  const char* file;
  const char* array;
  hsize_t firstRow;
  hsize_t rows;
};

void addVirtual(Hdf5Fixture& file, const char* name, const std::vector<Part>& parts) {
  const hsize_t sides[2] = {8, 4};
  file.array(name, {8, 4}, nullptr,
             {.more =
                  [&](hid_t properties) {
                    for (const Part& part : parts) {
                      const hsize_t start[2] = {part.firstRow, 0};
                      const hsize_t count[2] = {part.rows, 4};
                      const hid_t whole = H5Screate_simple(2, sides, nullptr);
                      H5Sselect_hyperslab(whole, H5S_SELECT_SET, start, nullptr, count, nullptr);
                      const hid_t source = H5Screate_simple(2, count, nullptr);
                      H5Pset_virtual(properties, whole, part.file, part.array, source);
                      H5Sclose(source);
                      H5Sclose(whole);
                    }
                  },
              .write = false});
}

}  // namespace

class OutsideTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const char* name) const { return directory_.filePath(name).toStdString(); }
  SharedSource open(const OpenOptions& options = {}) const {
    auto source = openTensorSource(path("main.h5"), options);
    if (!source) qFatal("%s", source.error().message.c_str());
    return *source;
  }
  static std::vector<float> values(const SharedSource& source, const char* name) {
    const auto info = findTensor(*source, name);
    if (!info) return {};
    const auto tensor = source->load(*info, Orientation::Rows);
    if (!tensor) qFatal("%s", tensor.error().message.c_str());
    std::vector<float> scratch;
    const auto all = tensor->block(0, tensor->rows(), scratch).all();
    return {all.begin(), all.end()};
  }

  QTemporaryDir directory_;

 private slots:
  void initTestCase() {
    {
      Hdf5Fixture part(path("part.h5"));
      part.counting("weight", {8, 4});
      part.counting("inner/weight", {8, 4}, {.chunk = {2, 2}});
    }
    std::vector<float> raw = countingValues(32);
    std::ofstream(path("raw.bin"), std::ios::binary)
        .write(reinterpret_cast<const char*>(raw.data()), 128);
    Hdf5Fixture file(path("main.h5"));
    file.counting("half/weight", {4, 4});
    file.counting("compressed/weight", {4, 4});
    file.externalLink("part.h5", "/weight", "link");
    file.externalLink("part.h5", "/inner", "group");
    file.externalLink("absent.h5", "/weight", "broken");
    file.array("external/weight", {8, 4}, nullptr,
               {.more = [](hid_t p) { H5Pset_external(p, "raw.bin", 0, 128); }, .write = false});
    addVirtual(file, "virtual/elsewhere", {{"part.h5", "/weight", 0, 8}});
    addVirtual(file, "virtual/inside", {{".", "/half/weight", 0, 4}, {".", "/half/weight", 4, 4}});
    addVirtual(file, "virtual/missing", {{".", "/half/weight", 0, 4}, {".", "/nothing", 4, 4}});
    addVirtual(file, "virtual/partly", {{".", "/half/weight", 0, 4}});
    const hsize_t huge = hsize_t{1} << 20;
    file.array("claim", {huge, huge}, nullptr, {.chunk = {64, 64}, .write = false});
    file.rawChunk("unfinished", {8, 8}, {.chunk = {4, 4}}, std::vector<char>(64, 'x'));
    file.rawChunk("packed", {9, 4}, {.chunk = {4, 4}, .more = [](hid_t p) { H5Pset_shuffle(p); }},
                  std::vector<char>(64, 'x'));
    file.rawChunk("large", {huge, huge}, {.chunk = {64, 64}}, std::vector<char>(64 * 64 * 4));
  }

  void itIsRefusedWithItsReason_data() {
    QTest::addColumn<QString>("reason");
    QTest::newRow("link") << "a link to /weight in another file, part.h5, which is not followed";
    QTest::newRow("group") << "a link to /inner in another file, part.h5, which is not followed";
    QTest::newRow("external/weight") << "its data lie in another file, which is not followed";
    QTest::newRow("virtual/elsewhere") << "a virtual array: it is put together from another file, "
                                          "part.h5, which is not followed";
    QTest::newRow("virtual/missing") << "a virtual array: its source /nothing is missing";
    QTest::newRow("virtual/partly") << "a virtual array: parts of it have no source";
    QTest::newRow("unfinished")
        << "3 of its 4 chunks have never been written and would read as the fill value";
    QTest::newRow("packed")
        << "2 of its 3 chunks have never been written and would read as the fill value";
    QTest::newRow("large")
        << "its shape claims 4.4 TB, but only 16.4 kB are stored, too few for any "
           "compression";
  }
  void itIsRefusedWithItsReason() {
    QFETCH(QString, reason);
    const auto info = findTensor(*open(), QTest::currentDataTag());
    QVERIFY(info);
    QVERIFY(!info->quantizable);
    QVERIFY(info->refused);
    QCOMPARE(QString::fromStdString(info->reason), reason);
  }

  void whatCannotBeAllowedIsNotCalledRefused() {
    const auto info = findTensor(*open(), "claim");
    QVERIFY(info && !info->quantizable && !info->refused);
  }

  void aVirtualArrayOfPartsInsideIsRead() {
    const std::vector<float> half = countingValues(16);
    std::vector<float> twice = half;
    twice.insert(twice.end(), half.begin(), half.end());
    QCOMPARE(values(open(), "virtual/inside"), twice);
  }

  void itIsReadWhenAllowed() {
    const SharedSource source = open(allowed());
    for (const char* name : {"link", "group/weight", "external/weight", "virtual/elsewhere"}) {
      QCOMPARE(values(source, name), countingValues(32));
    }
    const auto broken = findTensor(*source, "broken");
    QVERIFY(broken && !broken->quantizable);
    QVERIFY(findTensor(*source, "large")->quantizable);
    QCOMPARE(values(source, "unfinished").at(4), 0.0f);
  }
};

QTEST_APPLESS_MAIN(OutsideTest)
#include "outside_test.moc"
