// Thousands of damaged files, and readers that are killed at any moment.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest>

#include "core/io/container_source.h"
#include "core/io/remote_container.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/support/processes.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace std::chrono_literals;
using quantoscope::test::Hdf5Fixture;

namespace {

/// Recorded, so that a failure can be had again.
constexpr unsigned kSeed = 20240502;
constexpr int kMutations = 2000;
constexpr int kKills = 200;

ReaderSettings impatient() {
  ReaderSettings settings;
  settings.listingPatience = 2s;
  settings.readingPatience = 2s;
  settings.memoryBytes = std::uint64_t{512} << 20;
  return settings;
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Bits flipped, the end cut off, or a piece put elsewhere.
std::string mutated(std::string bytes, std::mt19937& random) {
  const auto at = [&] { return random() % bytes.size(); };
  switch (random() % 4) {
    case 0:  // near the beginning, where the structure is
      for (unsigned flips = 1 + random() % 8; flips > 0; --flips) {
        const std::size_t place = random() % std::min<std::size_t>(bytes.size(), 8192);
        bytes[place] = static_cast<char>(bytes[place] ^ 1 << random() % 8);
      }
      return bytes;
    case 1:
      for (unsigned flips = 1 + random() % 64; flips > 0; --flips) {
        const std::size_t place = at();
        bytes[place] = static_cast<char>(bytes[place] ^ 1 << random() % 8);
      }
      return bytes;
    case 2:
      bytes.resize(1 + at());
      return bytes;
    default: {
      const std::size_t size = std::min<std::size_t>(1 + random() % 2048, bytes.size());
      const std::size_t from = random() % (bytes.size() - size + 1);
      const std::size_t to = random() % (bytes.size() - size + 1);
      const std::string piece = bytes.substr(from, size);
      return bytes.replace(to, size, piece);
    }
  }
}

struct Outcome {
  bool listed = false;
  bool died = false;
  bool clear = false;  ///< listed, or one line that names the file
};

/// Opens a file and reads what it offers.
Outcome tryFile(const std::string& path) {
  Outcome outcome;
  const auto isClear = [&](const Error& error) {
    if (error.message.find(" stopped: ") != std::string::npos) outcome.died = true;
    return error.message.find(path) != std::string::npos &&
           error.message.find('\n') == std::string::npos;
  };
  const auto container = openRemoteContainer(path, {}, impatient());
  if (!container) {
    outcome.clear = isClear(container.error());
    return outcome;
  }
  outcome.listed = true;
  const auto source = makeContainerSource(path, *container);
  outcome.clear = source.hasValue();
  if (!source) return outcome;
  for (const TensorInfo& info : (*source)->tensors()) {
    if (!info.quantizable || info.bytes > (64u << 20)) continue;
    const auto tensor = (*source)->load(info, Orientation::Columns);
    if (!tensor && !isClear(tensor.error())) outcome.clear = false;
    if (outcome.died) break;
  }
  return outcome;
}

}  // namespace

class HostileTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const std::string& name) const {
    return directory_.filePath(QString::fromStdString(name)).toStdString();
  }

  /// Six good files of different making.
  std::vector<std::string> goodFiles() const {
    const auto gzip = [](hid_t p) {
      H5Pset_shuffle(p);
      H5Pset_deflate(p, 4);
    };
    {
      Hdf5Fixture file(path("contiguous.h5"));
      file.counting("a/weight", {32, 24});
      file.counting("b/weight", {16, 16});
    }
    {
      Hdf5Fixture file(path("gzip.h5"));
      file.counting("a/kernel", {60, 40}, {.chunk = {16, 16}, .more = gzip});
      file.counting("b/weight", {64, 8}, {.chunk = {8, 8}, .more = gzip});
    }
    {
      Hdf5Fixture file(path("keras.h5"));
      file.texts("/", "layer_names", {"dense", "dense_1"});
      file.text("/", "keras_version", "2.3.1", true);
      for (const char* layer : {"dense", "dense_1"}) {
        file.counting(std::string(layer) + "/" + layer + "/kernel:0", {20, 10});
        file.texts(layer, "weight_names", {std::string(layer) + "/kernel:0"}, true);
      }
    }
    {
      Hdf5Fixture file(path("big_endian.h5"));
      file.counting("weight", {30, 30}, {.fileType = H5T_IEEE_F64BE, .chunk = {7, 7}});
      file.softLink("/weight", "soft");
    }
    {
      Hdf5Fixture file(path("many.h5"));
      for (int i = 0; i < 60; ++i) file.counting("l" + std::to_string(i) + "/weight", {4, 4});
    }
    std::filesystem::copy_file(test::sourcePath("tests/golden/lzf_h5py.h5"), path("lzf.h5"),
                               std::filesystem::copy_options::overwrite_existing);
    return {path("contiguous.h5"), path("gzip.h5"), path("keras.h5"),
            path("big_endian.h5"), path("many.h5"), path("lzf.h5")};
  }

  QTemporaryDir directory_;

 private slots:
  void mutationsAreListedOrRefused() {
    std::vector<std::string> good;
    for (const std::string& file : goodFiles()) {
      QVERIFY2(tryFile(file).listed, file.c_str());
      good.push_back(contentOf(file));
    }
    const auto descriptors = test::openDescriptors();
    std::mt19937 random(kSeed);
    int listed = 0;
    int died = 0;
    qint64 slowest = 0;
    const std::string file = path("mutation.h5");
    for (int round = 0; round < kMutations; ++round) {
      const std::string bytes = mutated(good[random() % good.size()], random);
      std::ofstream(file, std::ios::binary | std::ios::trunc)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      QElapsedTimer timer;
      timer.start();
      const Outcome outcome = tryFile(file);
      slowest = std::max(slowest, timer.elapsed());
      QVERIFY2(outcome.clear, qPrintable(QString("round %1").arg(round)));
      listed += outcome.listed;
      died += outcome.died;
    }
    qInfo("%d of %d listed, %d ended the reader, the slowest took %lld ms", listed, kMutations,
          died, static_cast<long long>(slowest));
    QVERIFY(test::childProcesses().empty());
    QCOMPARE(test::openDescriptors(), descriptors);
  }

  void readersKilledAtAnyMomentLeaveNothingBehind() {
    const std::string file = path("killed.h5");
    {
      Hdf5Fixture fixture(file);
      fixture.counting("kernel", {700, 500},
                       {.chunk = {50, 50}, .more = [](hid_t p) { H5Pset_deflate(p, 1); }});
      for (int i = 0; i < 300; ++i) fixture.counting("l" + std::to_string(i) + "/weight", {4, 4});
    }
    const auto descriptors = test::openDescriptors();
    std::mt19937 random(kSeed);
    int opened = 0;
    int loaded = 0;
    for (int round = 0; round < kKills; ++round) {
      std::atomic<bool> over{false};
      const auto delay = std::chrono::microseconds(random() % 80000);
      std::thread killer([&] {
        std::this_thread::sleep_for(delay);
        while (!over.load()) {
          const auto readers = test::childProcesses();
          for (const pid_t reader : readers) ::kill(reader, SIGKILL);
          if (!readers.empty()) return;
          std::this_thread::sleep_for(200us);
        }
      });
      {
        const auto source = openTensorSource(file);
        opened += source.hasValue();
        if (source) {
          const auto info = findTensor(**source, "kernel");
          const auto tensor = (*source)->load(*info, Orientation::Auto);
          loaded += tensor.hasValue();
        }
      }
      over.store(true);
      killer.join();
      QVERIFY(test::childProcesses().empty());
      QCOMPARE(test::openDescriptors(), descriptors);
    }
    qInfo("%d of %d opened, %d loaded", opened, kKills, loaded);
    QVERIFY2(opened > 0 && loaded < kKills, "the moments were not spread");
    const auto source = openTensorSource(file);
    QVERIFY(source);
    QVERIFY((*source)->load(*findTensor(**source, "kernel"), Orientation::Auto));
  }
};

QTEST_APPLESS_MAIN(HostileTest)
#include "hostile_test.moc"
