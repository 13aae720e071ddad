// Decompression by ourselves, held to the library's.
#include "core/io/hdf5/hdf5_chunks.h"

#include <H5Cpp.h>
#include <random>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/container/inflate.h"
#include "core/io/hdf5/hdf5_file.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using quantoscope::test::countingValues;
using quantoscope::test::Hdf5Fixture;
using quantoscope::test::Storage;

Q_DECLARE_METATYPE(Storage)

namespace {

void gzip(hid_t p) {
  H5Pset_deflate(p, 4);
}
void shuffleGzip(hid_t p) {
  H5Pset_shuffle(p);
  H5Pset_deflate(p, 4);
}
void shuffleGzipChecksum(hid_t p) {
  shuffleGzip(p);
  H5Pset_fletcher32(p);
}
void checksumGzip(hid_t p) {
  H5Pset_fletcher32(p);
  H5Pset_deflate(p, 4);
}
void gzipTwice(hid_t p) {
  gzip(p);
  gzip(p);
}

std::vector<std::byte> bytesOf(const std::vector<int>& values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::optional<std::vector<std::byte>> lzf(const std::vector<std::byte>& from, std::size_t room) {
  std::vector<std::byte> to(room);
  const auto size = inflateLzf(from, to);
  if (!size) return std::nullopt;
  to.resize(*size);
  return to;
}

}  // namespace

class Hdf5ChunksTest : public QObject {
  Q_OBJECT

 private:
  std::string path() const { return directory_.filePath("test.h5").toStdString(); }

  /// What our reader makes of a box of "a": the bytes, or nothing where it leaves it to HDF5.
  std::optional<std::vector<char>> ours(const Box& box) const {
    const H5::H5File file(path(), H5F_ACC_RDONLY);
    const H5::DataSet array = file.openDataSet("a");
    const H5::DataSpace space = array.getSpace();
    std::vector<hsize_t> shape(box.count.size());
    space.getSimpleExtentDims(shape.data());
    std::vector<hsize_t> chunk(box.count.size());
    array.getCreatePlist().getChunk(static_cast<int>(chunk.size()), chunk.data());
    const std::size_t elementBytes = array.getDataType().getSize();
    const auto reader = Hdf5ChunkReader::of(array, {shape.begin(), shape.end()},
                                            {chunk.begin(), chunk.end()}, elementBytes);
    if (!reader) return std::nullopt;
    std::vector<char> bytes(box.elements() * elementBytes, 'x');
    const auto done =
        reader->read(box, reinterpret_cast<std::byte*>(bytes.data()), Executor(2), {});
    if (!done || !*done) return std::nullopt;
    return bytes;
  }

  /// What H5Dread makes of it.
  std::vector<char> theirs(const Box& box) const {
    const H5::H5File file(path(), H5F_ACC_RDONLY);
    const H5::DataSet array = file.openDataSet("a");
    H5::DataSpace space = array.getSpace();
    const std::vector<hsize_t> start(box.start.begin(), box.start.end());
    const std::vector<hsize_t> count(box.count.begin(), box.count.end());
    space.selectHyperslab(H5S_SELECT_SET, count.data(), start.data());
    const H5::DataSpace memory(static_cast<int>(count.size()), count.data());
    std::vector<char> bytes(box.elements() * array.getDataType().getSize());
    array.read(bytes.data(), array.getDataType(), memory, space);
    return bytes;
  }

  QTemporaryDir directory_;

 private slots:
  void everyPartIsWhatTheLibraryReads_data() {
    QTest::addColumn<Storage>("storage");
    QTest::newRow("gzip") << Storage{.chunk = {16, 8}, .more = gzip};
    QTest::newRow("shuffle, gzip") << Storage{.chunk = {16, 8}, .more = shuffleGzip};
    QTest::newRow("shuffle, gzip, checksum")
        << Storage{.chunk = {7, 9}, .more = shuffleGzipChecksum};
    QTest::newRow("checksum, gzip") << Storage{.chunk = {7, 9}, .more = checksumGzip};
    QTest::newRow("gzip twice") << Storage{.chunk = {10, 10}, .more = gzipTwice};
    QTest::newRow("2 bytes") << Storage{
        .fileType = H5T_STD_I16LE, .chunk = {16, 9}, .more = shuffleGzip};
    QTest::newRow("8 bytes") << Storage{
        .fileType = H5T_IEEE_F64BE, .chunk = {3, 50}, .more = shuffleGzip};
    QTest::newRow("one large chunk") << Storage{.chunk = {101, 67}, .more = shuffleGzip};
    QTest::newRow("chunks of one row") << Storage{.chunk = {1, 67}, .more = shuffleGzipChecksum};
  }
  void everyPartIsWhatTheLibraryReads() {
    QFETCH(Storage, storage);
    {
      Hdf5Fixture file(path());
      file.counting("a", {101, 67}, storage);
    }
    std::mt19937 random(7);
    for (int round = 0; round < 40; ++round) {
      Box box{{0, 0}, {101, 67}};
      if (round > 0) {
        box.start = {random() % 101, random() % 67};
        box.count = {1 + random() % (101 - box.start[0]), 1 + random() % (67 - box.start[1])};
      }
      const auto found = ours(box);
      QVERIFY(found);
      QVERIFY(*found == theirs(box));
    }
  }

  void arraysOfOneAndOfFourAxesToo() {
    {
      Hdf5Fixture file(path());
      file.counting("a", {1000}, {.chunk = {33}, .more = shuffleGzip});
    }
    QVERIFY(ours({{5}, {990}}) == theirs({{5}, {990}}));
    {
      Hdf5Fixture file(path());
      file.counting("a", {3, 3, 20, 30}, {.chunk = {2, 1, 7, 30}, .more = shuffleGzip});
    }
    const Box box{{1, 0, 3, 2}, {2, 3, 16, 27}};
    QVERIFY(ours(box) == theirs(box));
  }

  void theUnusualIsLeftToTheLibrary() {
    {
      Hdf5Fixture file(path());
      file.counting("a", {20, 20}, {.chunk = {5, 5}});  // not compressed
    }
    QVERIFY(!ours({{0, 0}, {20, 20}}));
    {
      Hdf5Fixture file(path());  // never written: fill values
      file.array("a", {20, 20}, nullptr, {.chunk = {5, 5}, .more = gzip, .write = false});
    }
    QVERIFY(!ours({{0, 0}, {20, 20}}));
    {
      Hdf5Fixture file(path());
      file.rawChunk("a", {8, 8}, {.chunk = {8, 8}, .more = gzip}, std::vector<char>(100, 'x'));
    }
    QVERIFY(!ours({{0, 0}, {8, 8}}));
    {
      Hdf5Fixture file(path());
      file.counting("a", {8, 8}, {.chunk = {8, 8}, .more = [](hid_t p) { H5Pset_nbit(p); }});
    }
    QVERIFY(!ours({{0, 0}, {8, 8}}));
  }

  void cancellingStopsIt() {
    {
      Hdf5Fixture file(path());
      file.counting("weight", {400, 400}, {.chunk = {10, 10}, .more = gzip});
    }
    const auto container = openContainer(path());
    QVERIFY(container);
    TaskControl control;
    control.progress = [&](std::uint64_t done, std::uint64_t total) {
      if (2 * done > total) control.cancel.cancel();
    };
    std::vector<float> values(400 * 400);
    const Status status =
        (*container)->read("weight", {{0, 0}, {400, 400}}, values.data(), control);
    QVERIFY(!status);
    QCOMPARE(status.error().code, ErrorCode::Cancelled);
  }

  void lzfOfH5pyIsRead() {
    const auto source = openTensorSourceInProcess(test::sourcePath("tests/golden/lzf_h5py.h5"));
    QVERIFY(source);
    for (const char* name : {"weight", "shuffled/weight"}) {
      const auto tensor = (*source)->load(*findTensor(**source, name), Orientation::Rows);
      QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
      std::vector<float> scratch;
      const auto values = tensor->block(0, 300, scratch).all();
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] != static_cast<float>(i % 97) / 8) QFAIL("a value differs");
      }
      // The library, with our decoder as its filter, reads the same.
      const H5::H5File file = openHdf5ReadOnly(test::sourcePath("tests/golden/lzf_h5py.h5"));
      std::vector<float> read(300 * 70);
      file.openDataSet(name).read(read.data(), H5::PredType::NATIVE_FLOAT);
      QVERIFY(std::equal(read.begin(), read.end(), values.begin()));
    }
  }

  void lzfFollowsItsDescription() {
    QCOMPARE(*lzf(bytesOf({2, 'a', 'b', 'c'}), 3), bytesOf({'a', 'b', 'c'}));
    // One literal, then 2 + 2 bytes from 1 back: a run.
    QCOMPARE(*lzf(bytesOf({0, 'a', 2 << 5, 0}), 9), bytesOf({'a', 'a', 'a', 'a', 'a'}));
    // The long form: 7 + 3 + 2 bytes from 2 back.
    QCOMPARE(lzf(bytesOf({1, 'a', 'b', 7 << 5, 3, 1}), 99)->size(), std::size_t{14});
    QVERIFY(!lzf(bytesOf({2, 'a', 'b'}), 9));        // a literal is missing
    QVERIFY(!lzf(bytesOf({2, 'a', 'b', 'c'}), 2));   // no room
    QVERIFY(!lzf(bytesOf({0, 'a', 2 << 5}), 9));     // half a copy
    QVERIFY(!lzf(bytesOf({0, 'a', 7 << 5}), 9));     // less than half
    QVERIFY(!lzf(bytesOf({0, 'a', 2 << 5, 1}), 9));  // from before the beginning
    QVERIFY(!lzf(bytesOf({0, 'a', 2 << 5, 0}), 4));  // no room for the copy
  }

  void decodersStayInsideTheirRoom() {
    std::mt19937 random(11);
    for (int round = 0; round < 20000; ++round) {
      std::vector<std::byte> from(random() % 40);
      for (std::byte& b : from) b = static_cast<std::byte>(random());
      std::vector<std::byte> to(random() % 100);
      const auto a = inflateLzf(from, to);
      QVERIFY(!a || *a <= to.size());
      const auto b = inflateZlib(from, to);
      QVERIFY(!b || *b <= to.size());
    }
  }
};

QTEST_APPLESS_MAIN(Hdf5ChunksTest)
#include "hdf5_chunks_test.moc"
