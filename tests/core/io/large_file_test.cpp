// Files far larger than what may be in memory. They are sparse: their data are holes.
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/processes.h"

using namespace quantoscope;
using quantoscope::test::Hdf5Fixture;

namespace {

constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
constexpr std::uint64_t kTensorBytes = 256 * kMebi;  // 8192 x 8192 float32
constexpr int kTensors = 40;                         // 10 GiB
constexpr std::uint64_t kMostBeside = 150'000'000;

/// Space is set aside and never written to.
void allocateOnly(hid_t properties) {
  H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
}

std::string tensorName(int i) {
  return "layers." + std::to_string(i) + ".weight";
}

void writeHdf5(const std::string& path) {
  Hdf5Fixture file(path);
  for (int i = 0; i < kTensors; ++i) {
    file.array(tensorName(i), {8192, 8192}, nullptr, {.more = allocateOnly, .write = false});
  }
}

void writeSafetensors(const std::string& path) {
  std::string header = "{";
  for (int i = 0; i < kTensors; ++i) {
    const std::uint64_t begin = static_cast<std::uint64_t>(i) * kTensorBytes;
    header += (i > 0 ? ",\"" : "\"") + tensorName(i) +
              "\":{\"dtype\":\"F32\",\"shape\":[8192,8192],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(begin + kTensorBytes) + "]}";
  }
  const std::string bytes = test::safetensorsBytes(header + "}", "");
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::filesystem::resize_file(path, bytes.size() + kTensors * kTensorBytes);
}

bool isSparse(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 &&
         static_cast<std::uint64_t>(status.st_blocks) * 512 < kTensorBytes;
}

}  // namespace

class LargeFileTest : public QObject {
  Q_OBJECT

 private slots:
  void memoryGoesToTheTensorOnScreenOnly_data() {
    QTest::addColumn<bool>("hdf5");
    QTest::addColumn<bool>("transposed");
    QTest::newRow("safetensors, mapped") << false << false;
    QTest::newRow("HDF5, mapped") << true << false;
    QTest::newRow("HDF5, transposed") << true << true;
  }
  void memoryGoesToTheTensorOnScreenOnly() {
    QFETCH(bool, hdf5);
    QFETCH(bool, transposed);
#ifdef __SANITIZE_ADDRESS__
    QSKIP("sanitizers take memory of their own");
#endif
    QTemporaryDir folder;
    const std::string path = folder.filePath("large").toStdString();
    hdf5 ? writeHdf5(path) : writeSafetensors(path);
    QVERIFY(std::filesystem::file_size(path) > 10'000'000'000);
    if (!isSparse(path)) QSKIP("this file system has no sparse files");

    // A child of its own, whose peak is that of this case alone.
    const pid_t child = fork();
    if (child == 0) _exit(statusOfUsing(path, transposed));
    int status = 0;
    QCOMPARE(waitpid(child, &status, 0), child);
    QVERIFY2(WIFEXITED(status), "it was killed");
    QCOMPARE(WEXITSTATUS(status), 0);
  }

 private:
  /// 0 where opening the file and reading a tensor from end to end stays below the bound.
  static int statusOfUsing(const std::string& path, bool transposed) {
    const auto source = openTensorSource(path);
    if (!source || (*source)->tensors().size() != kTensors) return 1;
    const auto tensor = (*source)->load((*source)->tensors()[7],
                                        transposed ? Orientation::Columns : Orientation::Rows);
    if (!tensor) return 2;
    std::vector<float> scratch;
    double sum = 0;
    for (const float value : tensor->block(0, tensor->rows(), scratch).all()) sum += value;
    if (sum != 0) return 3;
    const auto readers = test::childProcesses();
    if (readers.size() != 1) return 4;
    const std::uint64_t own = test::peakMemory(getpid());
    const std::uint64_t readerPeak = test::peakMemory(readers[0]);
    qInfo("peak: %.1f MB here, %.1f MB of them the tensor's, and %.1f MB in the reader",
          static_cast<double>(own) / 1e6, static_cast<double>(kTensorBytes) / 1e6,
          static_cast<double>(readerPeak) / 1e6);
    return own + readerPeak < kTensorBytes + kMostBeside ? 0 : 5;
  }
};

QTEST_APPLESS_MAIN(LargeFileTest)
#include "large_file_test.moc"
