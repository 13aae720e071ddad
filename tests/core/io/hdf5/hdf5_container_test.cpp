// Elements read from HDF5 files: every way of storing them, every orientation, damage.
#include <cmath>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/half.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"

using namespace quantoscope;
using quantoscope::test::countingValues;
using quantoscope::test::Hdf5Fixture;
using quantoscope::test::Storage;

Q_DECLARE_METATYPE(Storage)

namespace {

void withGzip(hid_t properties) {
  H5Pset_deflate(properties, 6);
}

void withShuffledGzip(hid_t properties) {
  H5Pset_shuffle(properties);
  H5Pset_deflate(properties, 6);
}

std::vector<float> allValues(const WeightTensor& tensor) {
  std::vector<float> scratch;
  const MatrixView view = tensor.block(0, tensor.rows(), scratch);
  return {view.data, view.data + tensor.elements()};
}

/// The transpose of a row-major matrix.
std::vector<float> transposed(const std::vector<float>& values, std::size_t rows,
                              std::size_t cols) {
  std::vector<float> result(values.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) result[c * rows + r] = values[r * cols + c];
  }
  return result;
}

}  // namespace

class Hdf5ContainerTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const char* name = "test.h5") const {
    return directory_.filePath(name).toStdString();
  }
  static SharedSource open(const std::string& path) {
    const auto source = openTensorSourceInProcess(path);
    if (!source) qFatal("%s", source.error().message.c_str());
    return *source;
  }
  /// The quantizable or other tensor of this name in the test file.
  static Result<WeightTensor> load(const SharedSource& source, const std::string& name,
                                   Orientation orientation = Orientation::Auto,
                                   const TaskControl& control = {}) {
    const auto info = findTensor(*source, name);
    if (!info) return info.error();
    return source->load(*info, orientation, control);
  }

  QTemporaryDir directory_;

 private slots:
  void everyStorageGivesTheSameElements_data() {
    QTest::addColumn<Storage>("storage");
    QTest::newRow("in one piece") << Storage{};
    QTest::newRow("big-endian") << Storage{.fileType = H5T_IEEE_F32BE};
    QTest::newRow("float64") << Storage{.fileType = H5T_IEEE_F64LE};
    QTest::newRow("big-endian float64") << Storage{.fileType = H5T_IEEE_F64BE};
    QTest::newRow("chunks that divide the shape") << Storage{.chunk = {37, 7}};
    QTest::newRow("chunks that do not") << Storage{.chunk = {8, 10}};
    QTest::newRow("one chunk") << Storage{.chunk = {37, 21}};
    QTest::newRow("gzip") << Storage{.chunk = {16, 16}, .more = withGzip};
    QTest::newRow("shuffle and gzip") << Storage{.chunk = {16, 16}, .more = withShuffledGzip};
    QTest::newRow("big-endian float64, gzip")
        << Storage{.fileType = H5T_IEEE_F64BE, .chunk = {5, 21}, .more = withGzip};
    QTest::newRow("inside the header")
        << Storage{.more = [](hid_t properties) { H5Pset_layout(properties, H5D_COMPACT); }};
  }
  void everyStorageGivesTheSameElements() {
    QFETCH(Storage, storage);
    {
      Hdf5Fixture file(path());
      file.counting("a/weight", {37, 21}, storage);
      file.counting("a/kernel", {37, 21}, storage);
    }
    const SharedSource source = open(path());
    const std::vector<float> expected = countingValues(37 * 21);

    const auto weight = load(source, "a/weight");
    QVERIFY2(weight, weight ? "" : weight.error().message.c_str());
    QCOMPARE(weight->rows(), std::size_t{37});
    QCOMPARE(weight->storedType(), StoredType::Float32);
    QCOMPARE(allValues(*weight), expected);

    const auto kernel = load(source, "a/kernel");
    QVERIFY(kernel);
    QCOMPARE(kernel->rows(), std::size_t{21});
    QCOMPARE(kernel->cols(), std::size_t{37});
    QCOMPARE(allValues(*kernel), transposed(expected, 37, 21));
  }

  void elementsInOnePieceAreMapped() {
    {
      Hdf5Fixture file(path(), 1024);  // offsets count from behind the user block
      file.counting("weight", {64, 64});
      file.counting("packed", {64, 64}, {.chunk = {16, 16}, .more = withGzip});
    }
    const auto container = openContainer(path());
    QVERIFY(container);
    QVERIFY(!(*container)->extentOf("packed")->has_value());
    const auto extent = *(*container)->extentOf("weight");
    QVERIFY(extent);
    QCOMPARE(extent->bytes, std::uint64_t{64 * 64 * 4});
    QFile file(directory_.filePath("test.h5"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QVERIFY(file.seek(static_cast<qint64>(extent->offset)));
    std::vector<float> values(64 * 64);
    QCOMPARE(file.read(reinterpret_cast<char*>(values.data()), 64 * 64 * 4), 64 * 64 * 4);
    QCOMPARE(values, countingValues(64 * 64));

    const SharedSource source = open(path());
    const auto tensor = load(source, "weight");
    QVERIFY(tensor && tensor->intact());
    QCOMPARE(allValues(*tensor), countingValues(64 * 64));
    QCOMPARE(::truncate(path().c_str(), 1500), 0);
    QVERIFY(!tensor->intact());
  }

  void float64IsRoundedToFloat32() {
    const double values[2][2] = {{0.1, 1.0 + 0x1p-24}, {-1e-300, 16777217.0}};
    {
      Hdf5Fixture file(path());
      file.array("weight", {2, 2}, values,
                 {.fileType = H5T_IEEE_F64LE, .memoryType = H5T_NATIVE_DOUBLE});
    }
    const auto tensor = load(open(path()), "weight");
    QVERIFY(tensor);
    QCOMPARE(tensor->info().dtype, std::string("float64"));
    QCOMPARE(allValues(*tensor), (std::vector<float>{0.1f, 1.0f, -0.0f, 16777216.0f}));
  }

  void float16StaysSixteenBits_data() {
    QTest::addColumn<int>("order");
    QTest::newRow("little-endian") << static_cast<int>(H5T_ORDER_LE);
    QTest::newRow("big-endian") << static_cast<int>(H5T_ORDER_BE);
  }
  void float16StaysSixteenBits() {
    QFETCH(int, order);
    // One, the smallest subnormal, the largest number, minus zero, infinity, -1.5.
    const std::vector<std::uint16_t> bits = {0x3c00, 0x0001, 0x7bff, 0x8000, 0x7c00, 0xbe00};
    std::vector<std::uint16_t> stored = bits;
    if (order == H5T_ORDER_BE) {
      for (auto& value : stored) value = static_cast<std::uint16_t>(value << 8 | value >> 8);
    }
    {
      Hdf5Fixture file(path());
      const hid_t type = test::makeFloat16Type(static_cast<H5T_order_t>(order));
      file.array("kernel", {2, 3}, stored.data(), {.fileType = type, .memoryType = type});
      H5Tclose(type);
    }
    const SharedSource source = open(path());
    const auto tensor = load(source, "kernel");
    QVERIFY(tensor);
    QCOMPARE(tensor->info().dtype, std::string("float16"));
    QCOMPARE(tensor->storedType(), StoredType::Float16);
    std::vector<float> expected;
    for (const std::size_t i : {0, 3, 1, 4, 2, 5}) expected.push_back(floatFromHalf(bits[i]));
    QCOMPARE(allValues(*tensor), expected);
    const auto matrix = source->loadMatrix("kernel");
    QVERIFY(matrix);
    QCOMPARE(matrix->values[5], -1.5f);
  }

  void bfloat16IsReadInBothEncodings() {
    const std::vector<std::uint16_t> bits = {0x3f80, 0xc040, 0x0001, 0x7f7f, 0x8000, 0x4000};
    {
      Hdf5Fixture file(path());
      const hid_t custom = test::makeBfloat16Type();
      const hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
      file.array("custom/kernel", {3, 2}, bits.data(), {.fileType = custom, .memoryType = custom});
      file.array("keras/kernel", {3, 2}, bits.data(), {.fileType = opaque, .memoryType = opaque});
      file.text("keras/kernel", "dtype", "bfloat16", true);
      file.array("unsaid/kernel", {3, 2}, bits.data(), {.fileType = opaque, .memoryType = opaque});
      H5Tclose(opaque);
      H5Tclose(custom);
    }
    const SharedSource source = open(path());
    std::vector<float> expected;
    for (const std::size_t i : {0, 2, 4, 1, 3, 5}) expected.push_back(floatFromBfloat16(bits[i]));
    for (const char* name : {"custom/kernel", "keras/kernel"}) {
      const auto tensor = load(source, name);
      QVERIFY2(tensor, name);
      QCOMPARE(tensor->info().dtype, std::string("bfloat16"));
      QCOMPARE(tensor->storedType(), StoredType::BFloat16);
      QCOMPARE(allValues(*tensor), expected);
    }
    const auto unsaid = findTensor(*source, "unsaid/kernel");
    QVERIFY(!unsaid->quantizable);
    QVERIFY(unsaid->perhapsBFloat16);
    QVERIFY(unsaid->reason.find("perhaps bfloat16") != std::string::npos);
  }

  void wordsAreBFloat16WhereTheUserSaysSo() {
    const std::vector<std::uint16_t> bits = {0x3f80, 0xc040, 0x0001, 0x7f7f, 0x8000, 0x4000};
    {
      Hdf5Fixture file(path());
      const hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
      const auto words = [&](const char* name, hid_t type, std::vector<hsize_t> chunk) {
        file.array(name, {3, 2}, bits.data(),
                   {.fileType = type,
                    .memoryType = type == opaque ? opaque : H5T_NATIVE_UINT16,
                    .chunk = std::move(chunk)});
      };
      words("opaque/kernel", opaque, {});
      words("little/kernel", H5T_STD_U16LE, {});
      words("big/kernel", H5T_STD_U16BE, {});
      words("chunked/kernel", H5T_STD_U16BE, {2, 2});
      words("signed/kernel", H5T_STD_I16LE, {});
      H5Tclose(opaque);
    }
    std::vector<float> expected;
    for (const std::size_t i : {0, 2, 4, 1, 3, 5}) expected.push_back(floatFromBfloat16(bits[i]));
    OpenOptions options;
    options.wordsAreBFloat16 = true;
    const auto asAsked = openTensorSource(path(), options);
    QVERIFY(asAsked);
    for (const char* name : {"opaque/kernel", "little/kernel", "big/kernel", "chunked/kernel"}) {
      const auto info = findTensor(*open(path()), name);
      QVERIFY2(info->perhapsBFloat16 && !info->quantizable, name);
      const auto tensor = load(*asAsked, name);
      QVERIFY2(tensor, name);
      QCOMPARE(tensor->info().dtype, std::string("bfloat16"));
      QCOMPARE(tensor->storedType(), StoredType::BFloat16);
      QCOMPARE(allValues(*tensor), expected);
    }
    QVERIFY(!findTensor(**asAsked, "signed/kernel")->quantizable);
    QVERIFY(!findTensor(**asAsked, "signed/kernel")->perhapsBFloat16);
  }

  void convolutionsFlattenWithInputChannelsSlowest() {
    {
      Hdf5Fixture file(path());
      file.counting("c/kernel", {2, 3, 4, 5}, {.chunk = {1, 3, 2, 5}});
      file.counting("d/depthwise_kernel", {2, 3, 4, 5});
    }
    const SharedSource source = open(path());
    const auto stored = [](std::size_t h, std::size_t w, std::size_t a, std::size_t b) {
      return static_cast<float>(((h * 3 + w) * 4 + a) * 5 + b) / 8.0f;
    };
    std::vector<float> conv;
    for (std::size_t out = 0; out < 5; ++out) {
      for (std::size_t in = 0; in < 4; ++in) {
        for (std::size_t k = 0; k < 6; ++k) conv.push_back(stored(k / 3, k % 3, in, out));
      }
    }
    const auto kernel = load(source, "c/kernel");
    QVERIFY(kernel);
    QCOMPARE(kernel->rows(), std::size_t{5});
    QCOMPARE(allValues(*kernel), conv);

    std::vector<float> depthwise;
    for (std::size_t row = 0; row < 20; ++row) {
      for (std::size_t k = 0; k < 6; ++k)
        depthwise.push_back(stored(k / 3, k % 3, row / 5, row % 5));
    }
    const auto deep = load(source, "d/depthwise_kernel");
    QVERIFY(deep);
    QCOMPARE(deep->rows(), std::size_t{20});
    QCOMPARE(allValues(*deep), depthwise);
  }

  void theAskedOrientationWins() {
    {
      Hdf5Fixture file(path());
      file.counting("kernel", {3, 2});
    }
    const SharedSource source = open(path());
    const std::vector<float> stored = countingValues(6);
    QCOMPARE(allValues(*load(source, "kernel", Orientation::Rows)), stored);
    QCOMPARE(allValues(*load(source, "kernel", Orientation::Columns)), transposed(stored, 3, 2));
    QCOMPARE(allValues(*load(source, "kernel", Orientation::Auto)), transposed(stored, 3, 2));
    QCOMPARE(load(source, "kernel", Orientation::Rows)->info().rows, std::size_t{3});
  }

  void eachExpertIsOneTensor() {
    {
      Hdf5Fixture file(path());
      file.counting("moe/experts/down_proj", {3, 4, 2}, {.chunk = {2, 3, 2}});
    }
    const SharedSource source = open(path());
    QCOMPARE(source->tensors().size(), std::size_t{3});
    const std::vector<float> all = countingValues(24);
    const auto expert = load(source, "moe/experts/down_proj[1]");
    QVERIFY(expert);
    QCOMPARE(expert->rows(), std::size_t{4});
    QCOMPARE(allValues(*expert), std::vector<float>(all.begin() + 8, all.begin() + 16));
    const auto columns = load(source, "moe/experts/down_proj[2]", Orientation::Columns);
    QVERIFY(columns);
    QCOMPARE(allValues(*columns),
             transposed(std::vector<float>(all.begin() + 16, all.end()), 4, 2));
  }

  void largeTensorsAreReadInPieces_data() {
    QTest::addColumn<Storage>("storage");
    QTest::newRow("in one piece") << Storage{};
    QTest::newRow("chunked") << Storage{.chunk = {500, 300}, .more = withGzip};
  }
  void largeTensorsAreReadInPieces() {
    QFETCH(Storage, storage);
    constexpr std::size_t kRows = 2111;
    constexpr std::size_t kCols = 1777;
    {
      Hdf5Fixture file(path());
      file.counting("kernel", {kRows, kCols}, storage);
    }
    std::vector<std::uint64_t> reports;
    TaskControl control;
    control.progress = [&reports](std::uint64_t done, std::uint64_t total) {
      QCOMPARE(total, std::uint64_t{kRows * kCols * 4});
      reports.push_back(done);
    };
    const auto tensor = load(open(path()), "kernel", Orientation::Auto, control);
    QVERIFY(tensor);
    QVERIFY(reports.size() >= 3);
    QVERIFY(std::is_sorted(reports.begin(), reports.end()));
    QCOMPARE(reports.back(), std::uint64_t{kRows * kCols * 4});
    QVERIFY(allValues(*tensor) == transposed(countingValues(kRows * kCols), kRows, kCols));
  }

  void readingStopsWhenCancelled() {
    {
      Hdf5Fixture file(path());
      file.counting("kernel", {2000, 3000});
    }
    int reports = 0;
    TaskControl control;
    control.progress = [&](std::uint64_t, std::uint64_t) {
      if (++reports == 2) control.cancel.cancel();
    };
    const auto tensor = load(open(path()), "kernel", Orientation::Auto, control);
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().code, ErrorCode::Cancelled);
    QCOMPARE(reports, 2);
  }

  void damagedElementsAreAnErrorThatNamesThem() {
    {
      Hdf5Fixture file(path());
      file.rawChunk("a/kernel", {8, 8}, {.chunk = {8, 8}, .more = withGzip},
                    std::vector<char>(64, '?'));
    }
    const auto tensor = load(open(path()), "a/kernel");
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().code, ErrorCode::UnreadableFile);
    QVERIFY(tensor.error().message.find("test.h5: a/kernel: ") != std::string::npos);
    QVERIFY(tensor.error().message.find("damaged") != std::string::npos);
  }

  void whatIsNotQuantizableIsNotLoaded() {
    {
      Hdf5Fixture file(path());
      file.counting("bias", {8});
    }
    const auto tensor = load(open(path()), "bias");
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().code, ErrorCode::DoesNotFit);
    QVERIFY(tensor.error().message.find("a vector") != std::string::npos);
  }

  void anyNumbersAreReadAsAMatrix() {
    const std::vector<std::int32_t> integers = {-5, 7, 16777216, 0, 1, 2};
    const std::uint8_t scalar = 200;
    {
      Hdf5Fixture file(path());
      file.array("zero_point", {2, 3}, integers.data(),
                 {.fileType = H5T_STD_I32BE, .memoryType = H5T_NATIVE_INT32});
      file.array("scalar", {}, &scalar, {.fileType = H5T_STD_U8LE, .memoryType = H5T_NATIVE_UINT8});
      file.counting("vector", {5}, {.fileType = H5T_IEEE_F64BE});
      file.counting("deep", {2, 3, 4});
      file.counting("none", {0, 3});
      file.softLink("/vector", "soft");
      file.text("/", "note", "x");
    }
    const SharedSource source = open(path());
    const auto zeroPoint = source->loadMatrix("/zero_point");
    QVERIFY(zeroPoint);
    QCOMPARE(zeroPoint->rows, std::size_t{2});
    QCOMPARE(zeroPoint->values, (std::vector<float>{-5, 7, 16777216, 0, 1, 2}));
    const auto one = source->loadMatrix("scalar");
    QVERIFY(one);
    QCOMPARE(one->rows, std::size_t{1});
    QCOMPARE(one->values, std::vector<float>{200});
    const auto vector = source->loadMatrix("vector");
    QVERIFY(vector);
    QCOMPARE(vector->rows, std::size_t{1});
    QCOMPARE(vector->values, countingValues(5));
    const auto deep = source->loadMatrix("deep");
    QVERIFY(deep);
    QCOMPARE(deep->cols, std::size_t{12});
    QCOMPARE(deep->values, countingValues(24));
    QVERIFY(source->loadMatrix("none")->values.empty());
    QCOMPARE(source->loadMatrix("soft")->values, countingValues(5));
    QCOMPARE(source->loadMatrix("nowhere").error().code, ErrorCode::NotFound);
  }

  void textIsNoMatrix() {
    {
      Hdf5Fixture file(path());
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 4);
      file.array("words", {2}, "abcdefgh", {.fileType = type, .memoryType = type});
      H5Tclose(type);
    }
    const auto matrix = open(path())->loadMatrix("words");
    QVERIFY(!matrix);
    QVERIFY(matrix.error().message.find("string") != std::string::npos);
  }

  void theFileIsNeitherLockedNorChanged() {
    {
      Hdf5Fixture file(path());
      file.counting("weight", {4, 4});
    }
    QFile before(directory_.filePath("test.h5"));
    QVERIFY(before.open(QIODevice::ReadOnly));
    const QByteArray bytes = before.readAll();
    {
      const SharedSource source = open(path());
      QVERIFY(load(source, "weight"));
      const int other = ::open(path().c_str(), O_RDWR);
      QVERIFY(other >= 0);
      QCOMPARE(::flock(other, LOCK_EX | LOCK_NB), 0);
      // And a file that somebody else has locked can be opened.
      QVERIFY(openTensorSourceInProcess(path()));
      ::close(other);
    }
    QVERIFY(before.seek(0));
    QCOMPARE(before.readAll(), bytes);
  }

  void aFileBehindAUserBlockIsRead() {
    {
      Hdf5Fixture file(path(), 1024);
      file.counting("weight", {4, 4});
    }
    const auto source = openTensorSource(path());
    QVERIFY(source);
    QCOMPARE(allValues(*load(*source, "weight")), countingValues(16));
  }

  void sourcesCanBeUsedFromSeveralThreads() {
    const std::array<std::string, 2> paths = {path("one.h5"), path("two.h5")};
    for (const std::string& each : paths) {
      Hdf5Fixture file(each);
      file.counting("kernel", {300, 500}, {.chunk = {50, 50}, .more = withGzip});
    }
    const std::vector<float> expected = transposed(countingValues(300 * 500), 300, 500);
    std::array<int, 2> right = {0, 0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (int round = 0; round < 5; ++round) {
          const auto source = openTensorSourceInProcess(paths[t]);
          const auto tensor = load(*source, "kernel");
          if (tensor && allValues(*tensor) == expected) ++right[t];
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    QCOMPARE(right[0], 5);
    QCOMPARE(right[1], 5);
  }
};

QTEST_APPLESS_MAIN(Hdf5ContainerTest)
#include "hdf5_container_test.moc"
