// Thousands of damaged files, and readers that are killed at any moment.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/container_source.h"
#include "core/io/reader/remote_container.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"
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

constexpr std::uint64_t kReaderMemory = std::uint64_t{512} << 20;

/// What a file may at most cost this process: a tensor that is loaded (see tryFile), the shared
/// memory it comes in, and some.
constexpr std::uint64_t kMostMemory = std::uint64_t{256} << 20;

/// A reader that makes no progress is ended, so that no file holds the test up.
ReaderSettings impatient() {
  ReaderSettings settings;
  settings.listingPatience = 2s;
  settings.readingPatience = 2s;
  settings.memoryBytes = kReaderMemory;
  return settings;
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Bits flipped, the end cut off, or a piece of a good file put elsewhere.
std::string mutated(std::string bytes, const std::vector<std::string>& good, std::mt19937& random) {
  const auto flip = [&](unsigned most, std::size_t within) {
    for (unsigned flips = 1 + random() % most; flips > 0; --flips) {
      const std::size_t place = random() % std::min(bytes.size(), within);
      bytes[place] = static_cast<char>(bytes[place] ^ 1 << random() % 8);
    }
  };
  switch (random() % 5) {
    case 0:  // near the beginning, where the structure is
      flip(8, 8192);
      break;
    case 1:
      flip(64, bytes.size());
      break;
    case 2:  // near the end, where archives have their directory
      std::reverse(bytes.begin(), bytes.end());
      flip(8, 1024);
      std::reverse(bytes.begin(), bytes.end());
      break;
    case 3:
      bytes.resize(1 + random() % bytes.size());
      break;
    default: {
      const std::string& other = random() % 2 == 0 ? bytes : good[random() % good.size()];
      const std::size_t most = std::min({other.size(), bytes.size(), std::size_t{4096}});
      const std::size_t size = 1 + random() % most;
      const std::string piece = other.substr(random() % (other.size() - size + 1), size);
      bytes.replace(random() % (bytes.size() - size + 1), size, piece);
    }
  }
  return bytes;
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

  /// Seven good files of different making.
  std::vector<std::string> goodFiles() const {
    {
      Hdf5Fixture file(path("keras.h5"));
      file.texts("/", "layer_names", {"dense", "dense_1"});
      file.text("/", "keras_version", "2.3.1", true);
      for (const char* layer : {"dense", "dense_1"}) {
        file.counting(std::string(layer) + "/" + layer + "/kernel:0", {20, 10});
        file.texts(layer, "weight_names", {std::string(layer) + "/kernel:0"}, true);
      }
      file.softLink("/dense", "soft");
      for (int i = 0; i < 20; ++i) file.counting("l" + std::to_string(i) + "/weight", {4, 4});
    }
    {
      const auto gzip = [](hid_t p) {
        H5Pset_shuffle(p);
        H5Pset_deflate(p, 4);
      };
      Hdf5Fixture file(path("packed.h5"));
      file.counting("a/kernel", {60, 40}, {.chunk = {16, 16}, .more = gzip});
      file.counting("b/weight", {64, 8}, {.chunk = {8, 8}, .more = gzip});
      file.counting("c/weight", {30, 30}, {.fileType = H5T_IEEE_F64BE, .chunk = {7, 7}});
    }
    std::filesystem::copy_file(test::sourcePath("tests/golden/lzf_h5py.h5"), path("lzf.h5"),
                               std::filesystem::copy_options::overwrite_existing);
    writeOthers();
    writeNative();
    return {path("keras.h5"),    path("packed.h5"),  path("lzf.h5"),   path("model.safetensors"),
            path("model.keras"), path("arrays.npz"), path("native.h5")};
  }

  /// A native file: integers with zero points, a codebook, and an array that is passed on.
  void writeNative() const {
    Hdf5Fixture file(path("native.h5"));
    file.text("/", "format", "quantoscope");
    file.number("/", "format_version", 2);
    const std::vector<unsigned char> bytes(108, 0x1b);
    const test::Storage packed{.fileType = H5T_STD_U8LE, .memoryType = H5T_NATIVE_UCHAR};
    for (const char* name : {"a", "b"}) {
      const std::string group = std::string("tensors/") + name;
      file.array(group + "/codes", {4, 27}, bytes.data(), packed);
      file.counting(group + "/scale", {4, 3});
      file.text(group, "dtype", *name == 'a' ? "int" : "nf4", true);
      file.text(group, "packing", "dense");
      file.text(group, "source_name", name);
      file.number(group, "group_size", 32);
      file.number(group, "cols", 72);
      file.number(group, "code_bits", 3);
      file.number(group, "code_offset", 0);
    }
    file.array("tensors/a/zero_point", {4, 2}, bytes.data(), packed);
    file.counting("tensors/b/codebook", {8});
    file.counting("passed/c/weight", {6, 6});
    file.text("passed/c/weight", "source_name", "c/weight");
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  void writeOthers() const {
    const auto floats = [](std::size_t count) {
      const std::vector<float> values = test::countingValues(count);
      return std::string(reinterpret_cast<const char*>(values.data()), count * sizeof(float));
    };
    write("model.safetensors", test::safetensorsBytes(
                                   R"({"__metadata__":{"format":"pt"},
                  "layers.0.weight":{"dtype":"F32","shape":[16,12],"data_offsets":[0,768]},
                  "layers.1.weight":{"dtype":"BF16","shape":[8,8],"data_offsets":[768,896]},
                  "layers.2.weight":{"dtype":"F8_E4M3","shape":[8,16],"data_offsets":[896,1024]}})",
                                   floats(256)));
    {
      Hdf5Fixture file(path("inner.h5"));
      file.counting("layers/dense/vars/0", {20, 10});
      file.counting("layers/lstm/cell/vars/0", {6, 16});
      file.counting("layers/lstm/cell/vars/1", {4, 16});
    }
    test::ZipWriter keras;
    keras.add("metadata.json", R"({"keras_version": "3.3.3"})");
    keras.add("config.json", R"({"class_name": "Sequential", "config": {"layers": [
      {"class_name": "LSTM", "config": {"name": "l"}}, {"class_name": "Dense", "config": {}}]}})",
              true);
    keras.add("model.weights.h5", contentOf(path("inner.h5")));
    write("model.keras", keras.finish());
    test::ZipWriter arrays;
    const std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': (16, 12), }";
    arrays.add("first.npy", test::npy(header, floats(192)));
    arrays.add("second.npy", test::npy(header, floats(192)), true);
    write("arrays.npz", arrays.finish());
  }

  QTemporaryDir directory_;

 private slots:
  void mutationsAreListedOrRefused() {
    std::vector<std::string> good;
    for (const std::string& file : goodFiles()) {
      QVERIFY2(tryFile(file).listed, file.c_str());
      good.push_back(contentOf(file));
    }
    QCOMPARE(good.size(), std::size_t{7});
    const auto descriptors = test::openDescriptors();
    const std::uint64_t before = test::peakMemory(getpid());
    std::mt19937 random(kSeed);
    int listed = 0;
    int died = 0;
    for (int round = 0; round < kMutations; ++round) {
      write("mutation", mutated(good[static_cast<std::size_t>(round) % good.size()], good, random));
      const Outcome outcome = tryFile(path("mutation"));
      QVERIFY2(outcome.clear, qPrintable(QString("round %1").arg(round)));
      listed += outcome.listed;
      died += outcome.died;
    }
    const std::uint64_t grown = test::peakMemory(getpid()) - before;
    rusage readers = {};
    getrusage(RUSAGE_CHILDREN, &readers);
    qInfo("%d of %d listed, %d ended the reader; at most %lld MB more here, %ld MB in a reader",
          listed, kMutations, died, static_cast<long long>(grown >> 20), readers.ru_maxrss >> 10);
    QVERIFY(listed > kMutations / 4 && listed < kMutations);
    QVERIFY(grown < kMostMemory);
    QVERIFY(static_cast<std::uint64_t>(readers.ru_maxrss) * 1024 < kMostMemory + kReaderMemory);
    QVERIFY(test::childProcesses().empty());
    QCOMPARE(test::openDescriptors(), descriptors);
    QCOMPARE(test::sharedMemories(), std::size_t{0});
  }

  void readersKilledAtAnyMomentLeaveNothingBehind() {
    const std::string file = path("killed.h5");
    {
      Hdf5Fixture fixture(file);
      fixture.counting("kernel", {700, 500},
                       {.chunk = {50, 50}, .more = [](hid_t p) { H5Pset_deflate(p, 1); }});
      for (int i = 0; i < 300; ++i) fixture.counting("l" + std::to_string(i) + "/weight", {4, 4});
    }
    // Moments are spread over what opening and loading take here and now.
    const auto begin = std::chrono::steady_clock::now();
    {
      const auto source = openTensorSource(file);
      QVERIFY(source && (*source)->load(*findTensor(**source, "kernel"), Orientation::Auto));
    }
    const auto usual = std::max(1000us, std::chrono::duration_cast<std::chrono::microseconds>(
                                            std::chrono::steady_clock::now() - begin));
    const auto descriptors = test::openDescriptors();
    std::mt19937 random(kSeed);
    int opened = 0;
    int loaded = 0;
    for (int round = 0; round < kKills; ++round) {
      std::atomic<bool> over{false};
      const auto delay = std::chrono::microseconds(random() % (usual.count() * 5 / 4));
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
      QCOMPARE(test::sharedMemories(), std::size_t{0});
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
