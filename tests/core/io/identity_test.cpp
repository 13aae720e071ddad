// Files that change while they are in use: nothing comes from two states of one.
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr std::size_t kRows = 64;
constexpr std::size_t kCols = 32;
constexpr std::size_t kBytes = kRows * kCols * sizeof(float);

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string elements() {
  const std::vector<float> values = countingValues(kRows * kCols);
  return {reinterpret_cast<const char*>(values.data()), kBytes};
}

/// Aligned, so that it is mapped.
std::string safetensors(const std::string& name) {
  std::string header = "{\"" + name +
                       "\":{\"dtype\":\"F32\",\"shape\":[64,32],\"data_offsets\":[0," +
                       std::to_string(kBytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return safetensorsBytes(header, elements());
}

std::string npyFile() {
  return npy("{'descr': '<f4', 'fortran_order': False, 'shape': (64, 32), }", elements());
}

void hdf5(const std::string& path, const std::string& name, const Storage& storage = {}) {
  Hdf5Fixture file(path);
  file.counting(name, {kRows, kCols}, storage);
}

Storage packed() {
  return {.chunk = {16, 16}, .more = [](hid_t properties) { H5Pset_deflate(properties, 1); }};
}

std::string kerasArchive(const std::string& folder, bool compress) {
  const std::string weights = folder + "/weights.h5";
  hdf5(weights, "layers/dense/vars/0");
  ZipWriter writer;
  writer.add("metadata.json", "{}");
  writer.add("config.json", "{}");
  writer.add("model.weights.h5", contentOf(weights), compress);
  return writer.finish();
}

std::string npz(bool compress) {
  ZipWriter writer;
  writer.add("w.npy", npyFile(), compress);
  return writer.finish();
}

/// A kind of file with one tensor: makes it in a folder, returns what to open and what is changed.
struct Made {
  std::string open;
  std::string weights;
};
struct Kind {
  const char* name;
  std::function<Made(const std::string& folder)> make;
};

const std::vector<Kind>& kinds() {
  const auto one = [](const char* name, std::function<void(const std::string&)> fill) {
    return [name, fill](const std::string& folder) {
      const std::string path = folder + "/" + name;
      fill(path);
      return Made{path, path};
    };
  };
  static const std::vector<Kind> all = {
      {"safetensors",
       one("a.safetensors", [](const std::string& p) { write(p, safetensors("w")); })},
      {"a shard",
       [](const std::string& folder) {
         write(folder + "/a.safetensors", safetensors("w"));
         write(folder + "/m.safetensors.index.json", R"({"weight_map":{"w":"a.safetensors"}})");
         return Made{folder + "/m.safetensors.index.json", folder + "/a.safetensors"};
       }},
      {"a folder",
       [](const std::string& folder) {
         write(folder + "/a.safetensors", safetensors("w"));
         return Made{folder, folder + "/a.safetensors"};
       }},
      {"HDF5 in one piece", one("a.h5", [](const std::string& p) { hdf5(p, "weight"); })},
      {"HDF5 transposed", one("a.h5", [](const std::string& p) { hdf5(p, "dense/kernel"); })},
      {"HDF5 in chunks", one("a.h5",
                             [](const std::string& p) {
                               hdf5(p, "weight", {.chunk = {16, 16}});
                             })},
      {"HDF5 compressed", one("a.h5", [](const std::string& p) { hdf5(p, "weight", packed()); })},
      {"a native file", one("a.h5",
                            [](const std::string& p) {
                              Hdf5Fixture file(p);
                              file.counting("tensors/w/dequantized", {kRows, kCols});
                              file.text("/", "format", "quantoscope");
                            })},
      {"a stored .keras",
       [](const std::string& folder) {
         write(folder + "/a.keras", kerasArchive(folder, false));
         return Made{folder + "/a.keras", folder + "/a.keras"};
       }},
      {"a deflated .keras",
       [](const std::string& folder) {
         write(folder + "/a.keras", kerasArchive(folder, true));
         return Made{folder + "/a.keras", folder + "/a.keras"};
       }},
      {"npy", one("a.npy", [](const std::string& p) { write(p, npyFile()); })},
      {"a stored npz", one("a.npz", [](const std::string& p) { write(p, npz(false)); })},
      {"a deflated npz", one("a.npz", [](const std::string& p) { write(p, npz(true)); })},
  };
  return all;
}

/// Writes over a part of a file without changing its length.
void overwrite(const std::string& path) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(-8, std::ios::end);
  file.write("12345678", 8);
}

struct Change {
  const char* name;
  std::function<void(const std::string& path)> make;
};

const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      {"truncated",
       [](const std::string& path) {
         if (truncate(path.c_str(), 100) != 0) qFatal("truncate");
       }},
      {"overwritten", overwrite},
      {"overwritten, times restored",
       [](const std::string& path) {
         struct stat before = {};
         if (stat(path.c_str(), &before) != 0) qFatal("stat");
         overwrite(path);
         const timespec times[] = {before.st_atim, before.st_mtim};
         if (utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) qFatal("utimensat");
       }},
      {"longer", [](const std::string& path) { std::ofstream(path, std::ios::app) << "more"; }},
      {"replaced",
       [](const std::string& path) {
         write(path + ".new", contentOf(path));
         std::filesystem::rename(path + ".new", path);
       }},
      {"a pipe",
       [](const std::string& path) {
         std::filesystem::remove(path);
         if (mkfifo(path.c_str(), 0600) != 0) qFatal("mkfifo");
       }},
      {"removed", [](const std::string& path) { std::filesystem::remove(path); }},
  };
  return all;
}

TensorInfo onlyTensor(const SharedSource& source) {
  for (const TensorInfo& info : source->tensors()) {
    if (info.quantizable) return info;
  }
  qFatal("nothing can be quantized");
}

}  // namespace

class IdentityTest : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> folder_;

  std::string folder() const { return folder_->path().toStdString(); }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void aChangedFileGivesNothing_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("change");
    for (std::size_t kind = 0; kind < kinds().size(); ++kind) {
      for (std::size_t change = 0; change < changes().size(); ++change) {
        QTest::addRow("%s, %s", kinds()[kind].name, changes()[change].name)
            << int(kind) << int(change);
      }
    }
  }

  void aChangedFileGivesNothing() {
    QFETCH(int, kind);
    QFETCH(int, change);
    const Made made = kinds()[std::size_t(kind)].make(folder());
    const auto source = openTensorSource(made.open);
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    const TensorInfo info = onlyTensor(*source);
    const auto before = (*source)->load(info, Orientation::Auto);
    QVERIFY2(before && before->intact(), before ? "" : before.error().message.c_str());
    QVERIFY((*source)->intact());
    QVERIFY((*source)->digest({}));

    changes()[std::size_t(change)].make(made.weights);
    const std::string expected = ": was changed while it was in use; open it again";
    const auto after = (*source)->load(info, Orientation::Auto);
    QVERIFY(!after);
    QCOMPARE(after.error().message, made.weights + ": " + info.name + expected);
    QCOMPARE(after.error().code, ErrorCode::UnreadableFile);
    const std::string stored = info.name.substr(0, info.name.rfind('['));
    const auto matrix = (*source)->loadMatrix(stored);
    QVERIFY(!matrix);
    QCOMPARE(matrix.error().message, made.weights + ": " + stored + expected);
    const Status intact = (*source)->intact();
    QVERIFY(!intact);
    QCOMPARE(intact.error().message, made.weights + expected);
    QVERIFY(!(*source)->digest({}));
  }

  void whatIsMappedIsAskedAgainAfterUse() {
    const std::string path = folder() + "/a.safetensors";
    write(path, safetensors("w"));
    const auto source = openTensorSource(path);
    QVERIFY(source);
    const auto tensor = (*source)->load(onlyTensor(*source), Orientation::Auto);
    QVERIFY(tensor && tensor->intact());
    overwrite(path);
    const Status status = tensor->intact();
    QVERIFY(!status);
    QCOMPARE(status.error().message, path + ": w: was changed while it was in use; open it again");
  }

  void aFileThatChangesWhileATensorIsDecodedGivesNothing() {
    const std::string path = folder() + "/a.h5";
    hdf5(path, "weight", packed());
    const auto source = openTensorSourceInProcess(path);
    QVERIFY(source);
    TaskControl control;
    bool changed = false;
    control.progress = [&](std::uint64_t, std::uint64_t) {
      if (!std::exchange(changed, true)) overwrite(path);
    };
    const auto tensor = (*source)->load(onlyTensor(*source), Orientation::Auto, control);
    QVERIFY(changed);
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().message,
             path + ": weight: was changed while it was in use; open it again");
  }

  void aFileThatChangesWhileItIsOpenedIsAnError() {
    const std::string path = folder() + "/a.h5";
    hdf5(path, "weight");
    OpenOptions options;
    bool changed = false;
    options.onNames = [&](const std::vector<std::string>&) {
      if (!std::exchange(changed, true)) overwrite(path);
    };
    const auto source = openTensorSource(path, options);
    QVERIFY(changed);
    QVERIFY(!source);
    QCOMPARE(source.error().message, path + ": was changed while it was in use; open it again");
  }

  void anotherShardMayChange() {
    write(folder() + "/a.safetensors", safetensors("a"));
    write(folder() + "/b.safetensors", safetensors("b"));
    write(folder() + "/m.safetensors.index.json",
          R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors"}})");
    const auto source = openTensorSource(folder() + "/m.safetensors.index.json");
    QVERIFY(source);
    overwrite(folder() + "/b.safetensors");
    QVERIFY((*source)->load(*findTensor(**source, "a"), Orientation::Auto));
    QVERIFY(!(*source)->load(*findTensor(**source, "b"), Orientation::Auto));
    QVERIFY(!(*source)->intact());
  }

  void theDigestOfAnIndexIsThatOfAllItsFiles() {
    write(folder() + "/a.safetensors", safetensors("a"));
    write(folder() + "/m.safetensors.index.json",
          R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors"}})");
    const auto source = openTensorSource(folder() + "/m.safetensors.index.json");
    QVERIFY(source);
    const auto digest = (*source)->digest({});
    QVERIFY(digest);
    const std::string index = *sha256OfFile(folder() + "/m.safetensors.index.json");
    const std::string shard = *sha256OfFile(folder() + "/a.safetensors");
    QCOMPARE(digest->files.size(), std::size_t{3});
    QVERIFY(digest->files[0] == (FileDigest{"m.safetensors.index.json", index}));
    QVERIFY(digest->files[1] == (FileDigest{"a.safetensors", shard}));
    QVERIFY(digest->files[2] == (FileDigest{"b.safetensors", ""}));
    const std::string lines = index + "  m.safetensors.index.json\n" + shard +
                              "  a.safetensors\nmissing  b.safetensors\n";
    QCOMPARE(digest->sha256, sha256OfBytes(lines.data(), lines.size()));
    QVERIFY(digest->isTold(digest->sha256) && digest->isTold(index) && !digest->isTold(shard));
  }

  void theDigestOfOneFileIsItsOwn() {
    const std::string path = folder() + "/a.safetensors";
    write(path, safetensors("w"));
    const auto digest = (*openTensorSource(path))->digest({});
    QVERIFY(digest);
    QCOMPARE(digest->sha256, *sha256OfFile(path));
    QVERIFY(digest->files.empty());
  }
};

QTEST_GUILESS_MAIN(IdentityTest)
#include "identity_test.moc"
