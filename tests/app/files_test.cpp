// Files from the internet as the command line meets them: one clear line and the promised exit
// status, whatever is in them.
#include <filesystem>
#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <QDir>
#include <QtTest>

#include "core/base/json.h"
#include "core/base/printable.h"
#include "tests/app/run_cli.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;
using quantoscope::test::Hdf5Fixture;
using quantoscope::test::little;
using quantoscope::test::npy;
using quantoscope::test::safetensorsBytes;
using quantoscope::test::ZipWriter;

namespace {

constexpr int kDone = 0;
constexpr int kUnreadable = 3;
constexpr int kDoesNotFit = 4;
constexpr int kOutputFailed = 5;

/// What a hostile file is, and what `list --all` must make of it.
struct Nasty {
  const char* name;
  int status;
  const char* says;  ///< in the one line of the error, or in the listing
  std::function<void(const std::string& path)> make;
};

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Makes a file of these bytes.
std::function<void(const std::string&)> bytes(const std::string& content) {
  return [content](const std::string& path) { write(path, content); };
}

/// A safetensors file with this header and so many zeros behind it.
std::function<void(const std::string&)> header(const std::string& text, std::size_t data = 0) {
  return bytes(safetensorsBytes(text, std::string(data, '\0')));
}

std::function<void(const std::string&)> hdf5(const std::function<void(Hdf5Fixture&)>& fill) {
  return [fill](const std::string& path) {
    Hdf5Fixture file(path);
    fill(file);
  };
}

std::string array(const std::string& offsets, const std::string& shape = "[1]") {
  return "{\"a\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
}

std::string floatHeader(const std::string& shape, const std::string& descr = "'<f4'") {
  return "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }";
}

/// A deflated member that claims almost 4 GiB.
std::string claimingArchive() {
  ZipWriter writer;
  writer.add("a.npy", std::string(1000, '\0'), true);
  std::string content = writer.finish();
  content.replace(content.find("PK\x01\x02") + 24, 4, little(0xfffffff0, 4));
  return content;
}

std::string kerasArchive(const std::string& weights, const std::string& config) {
  ZipWriter writer;
  writer.add("metadata.json", "{}");
  writer.add("config.json", config);
  writer.add("../../model.weights.h5", "x");
  writer.add("model.weights.h5", weights);
  return writer.finish();
}

void addMissingFilter(Hdf5Fixture& file, const char* name, H5Z_filter_t id) {
  file.rawChunk(name, {4, 4},
                {.chunk = {4, 4},
                 .more =
                     [id](hid_t properties) {
                       H5Pset_filter(properties, id, H5Z_FLAG_OPTIONAL, 0, nullptr);
                     }},
                std::vector<char>(10));
}

const std::string kSignature("\x89HDF\r\n\x1a\n", 8);

// clang-format off
const std::vector<Nasty> kNasty = {
  {"code.npy", kUnreadable, "descr is no dtype",
   bytes(npy(floatHeader("(2, 2)", "__import__('os').system('touch pwned')"), std::string(16, '\0')))},
  {"pickle.npy", kDone, "|O, which is not read", bytes(npy(floatHeader("(2, 2)", "'|O'"), "\x80\x04" "cos\nsystem\n"))},
  {"shape.npy", kUnreadable, "a shape beyond all sizes", bytes(npy(floatHeader("(9999999999, 9999999999)"), "1234"))},
  {"negative.npy", kUnreadable, "no tuple of whole numbers", bytes(npy(floatHeader("(-2, 2)"), "1234"))},
  {"length.npy", kUnreadable, "claims 4294967295 bytes", bytes("\x93NUMPY" + little(2, 1) + little(0, 1) + little(0xffffffff, 4) + "{{{{")},
  {"nested.npy", kUnreadable, "has no end", bytes(npy(floatHeader("(2, 2)", std::string(60000, '[')), ""))},
  {"claim.npz", kDone, "deflate makes at most", bytes(claimingArchive())},
  {"nonsense.keras", kUnreadable, "bad superblock", bytes(kerasArchive(kSignature + std::string(3000, '\xff'), std::string(100000, '[')))},
  {"nested.keras", kUnreadable, "no HDF5 file", bytes(kerasArchive(claimingArchive(), "{}"))},
  {"long.safetensors", kUnreadable, "at most 100000000", bytes(little(100'000'001, 8) + "{\"a\":{}}" + std::string(100, ' '))},
  {"endless.safetensors", kUnreadable, "at most 100000000", bytes(little((std::uint64_t{1} << 63) + 5, 8) + "{\"a\":{}}")},
  // NOLINTNEXTLINE(bugprone-string-constructor): a header of 20 MB is what it is about
  {"large.safetensors", kUnreadable, "no valid JSON", header("{" + std::string(20'000'000, ' ') + "]")},
  {"deep.safetensors", kUnreadable, "deeper than 200 levels", header("{\"a\":" + std::string(1'000'000, '['))},
  {"twice.safetensors", kUnreadable, "the key 'a' twice", header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}})", 4)},
  {"nan.safetensors", kUnreadable, "data_offsets", header(array("[NaN,4]"), 4)},
  {"real.safetensors", kUnreadable, "data_offsets", header(array("[0.0,4.0]"), 4)},
  {"negative.safetensors", kUnreadable, "data_offsets", header(array("[-4,0]"), 4)},
  {"overflow.safetensors", kUnreadable, "do not match its shape", header(array("[0,4]", "[4611686018427387905]"), 4)},
  {"hole.safetensors", kUnreadable, "belong to no array", header(array("[4,8]"), 8)},
  {"overlap.safetensors", kUnreadable, "overlap",
   header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12)},
  {"soft_cycle.h5", kDone, "where this file has nothing",
   hdf5([](Hdf5Fixture& file) { file.softLink("/b", "a"); file.softLink("/a", "b"); file.softLink("/self", "self"); })},
  {"hard_cycle.h5", kDone, "a cycle", hdf5([](Hdf5Fixture& file) { file.group("a/b"); file.hardLink("/a", "/a/b/c"); })},
  {"deep.h5", kDone, "groups deep", hdf5([](Hdf5Fixture& file) {
     std::string path = "g";
     for (int i = 0; i < 1000; ++i) path += "/g";
     file.group(path);
   })},
  {"claim.h5", kDone, "too few for any compression", hdf5([](Hdf5Fixture& file) {
     file.rawChunk("w", {1 << 20, 1 << 20}, {.chunk = {64, 64}}, std::vector<char>(64 * 64 * 4));
   })},
  {"filter.h5", kDone, "Zstandard (32015)", hdf5([](Hdf5Fixture& file) { addMissingFilter(file, "w", 32015); })},
  {"own_filter.h5", kDone, "(54321)", hdf5([](Hdf5Fixture& file) { addMissingFilter(file, "w", 54321); })},
  {"external.h5", kDone, "not followed", hdf5([](Hdf5Fixture& file) { file.externalLink("/etc/passwd", "/x", "w"); })},
  {"signature.h5", kUnreadable, "damaged", bytes(kSignature)},
  {"empty.h5", kUnreadable, "an empty file", bytes("")},
  {"directory.h5", kUnreadable, "a folder without a weight file", [](const std::string& path) { std::filesystem::create_directory(path); }},
  {"pipe.h5", kUnreadable, "not a regular file", [](const std::string& path) { if (mkfifo(path.c_str(), 0600) != 0) qFatal("mkfifo"); }},
  {"zero.h5", kUnreadable, "not a regular file", [](const std::string& path) { std::filesystem::create_symlink("/dev/zero", path); }},
  {"loop.h5", kUnreadable, "symbolic links", [](const std::string& path) { std::filesystem::create_symlink(path, path); }},
  {"outside.json", kUnreadable, "which is no plain file name", bytes(R"({"weight_map": {"a": "../../etc/passwd", "b": "/etc/passwd", "c": "."}})")},
  {"itself.json", kUnreadable, "itself.json: a JSON text", bytes(R"({"weight_map": {"a": "itself.json"}})")},
  {"devices.json", kDone, "zero.h5: a link that leads out of the model's folder, to /dev/zero", bytes(R"({"weight_map": {"a": "zero.h5", "b": "pipe.h5"}})")},
  {"text.txt", kUnreadable, "not a known weight file", bytes("hello\nworld")},
  {"model.gguf", kUnreadable, "h5py.File", bytes("GGUF" + little(3, 4) + little(~0ull, 8))},
  {"model.onnx", kUnreadable, "h5py.File", bytes("\x08\x07\x12\x07pytorch")},
  {"model.pt", kUnreadable, "a Python pickle, perhaps PyTorch's", bytes("\x80\x02}q\x01.")},
};
// clang-format on

}  // namespace

class FilesTest : public QObject {
  Q_OBJECT

 private:
  QString path(const QString& name) const { return folder_.filePath(name); }
  static void verifyOneError(const Run& result, int status, const QByteArray& mentioned) {
    QVERIFY2(result.status == status, result.err + " status " + QByteArray::number(result.status));
    QVERIFY2(result.err.count('\n') == 1, result.err);
    QVERIFY2(result.err.startsWith("quantoscope-cli: "), result.err);
    QVERIFY2(result.err.contains(mentioned), result.err);
  }

  QTemporaryDir folder_;

 private slots:
  void initTestCase() {
    QVERIFY(kNasty.size() >= 30);
    for (const Nasty& nasty : kNasty) nasty.make(path(nasty.name).toStdString());
  }

  void nastyFilesGetOneClearLine_data() {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < kNasty.size(); ++i) {
      QTest::newRow(kNasty[i].name) << static_cast<int>(i);
    }
  }
  void nastyFilesGetOneClearLine() {
    QFETCH(int, index);
    const Nasty& nasty = kNasty[static_cast<std::size_t>(index)];
    const Run result = run({"list", "--all", "--quiet", path(nasty.name)});
    if (nasty.status != kDone) {
      verifyOneError(result, nasty.status, nasty.says);
      QVERIFY2(result.err.contains(nasty.name), result.err);
      QVERIFY(result.out.isEmpty());
    } else {
      QCOMPARE(result.status, kDone);
      QVERIFY2(result.err.isEmpty(), result.err);
      QVERIFY2(result.out.contains(nasty.says), result.out);
    }
    for (const QByteArray& line : (result.out + result.err).split('\n')) {
      QCOMPARE(printable(line.toStdString()), line.toStdString());
    }
    QVERIFY(!QFile::exists("pwned"));
  }

  void aFileThatMayNotBeReadIsToldSo() {
    if (::geteuid() == 0) QSKIP("the superuser may read everything");
    const QString file = path("secret.h5");
    hdf5([](Hdf5Fixture& fixture) { fixture.counting("w", {2, 2}); })(file.toStdString());
    QVERIFY(QFile::setPermissions(file, {}));
    verifyOneError(run({"list", file}), kUnreadable, "Permission denied");
  }

  void aFileThatGrowsMeanwhileIsReadOrRefused() {
    const std::string file = path("growing.safetensors").toStdString();
    write(file, safetensorsBytes(array("[0,16]", "[2,2]"), std::string(16, '\0')));
    std::atomic<bool> over{false};
    std::thread writer([&] {
      while (!over.load()) {
        std::ofstream(file, std::ios::binary | std::ios::app) << "more";
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    QList<Run> results;
    for (int round = 0; round < 10; ++round) {
      results += run({"inspect", QString::fromStdString(file), "a", "--group-size", "2"});
    }
    over.store(true);
    writer.join();
    for (const Run& result : results) {
      if (result.status != kDone) verifyOneError(result, kUnreadable, "growing.safetensors");
    }
    QCOMPARE(results.back().status, kUnreadable);
  }

  void everyNameTakesOneLineAndCanBeAskedFor() {
    const QString file = path("names.h5");
    const std::vector<std::string> names = {"new\nline", "tab\tx",   "\x1b[2Jclear",
                                            "a\rb",      "\xff bad", " lead"};
    {
      Hdf5Fixture fixture(file.toStdString());
      for (const std::string& name : names) fixture.counting(name, {2, 4});
    }
    const Run listed = run({"list", "--quiet", file});
    QCOMPARE(listed.status, kDone);
    QCOMPARE(listed.out.count('\n'), static_cast<int>(names.size()) + 1);
    const Json json = *parseJson(run({"list", "--json", file}).out.toStdString(), "stdout");
    QCOMPARE(json.find("tensors")->asArray()->size(), names.size());
    for (const std::string& name : names) {
      const QByteArray shown = QByteArray::fromStdString(printable(name));
      QVERIFY2(listed.out.contains(shown), shown);
      const Run asked = run({"inspect", file, QString::fromUtf8(shown), "--group-size", "4"});
      QVERIFY2(asked.status == kDone, asked.err);
      QVERIFY(asked.out.startsWith(shown + "\n"));
    }
    // The names of the JSON lead to their tensors as well.
    for (const Json& tensor : *json.find("tensors")->asArray()) {
      const QString name = QString::fromStdString(*tensor.find("name")->asString());
      QCOMPARE(run({"inspect", file, name, "--group-size", "4"}).status, kDone);
    }
    verifyOneError(run({"inspect", file, "no such\nname"}), 2, "no such\\nname");
  }

  void whatIsNoFileNeverMakesAVerbWait() {
    const QString model = path("whole.safetensors");
    write(model.toStdString(), safetensorsBytes(array("[0,16]", "[2,2]"), std::string(16, '\x01')));
    const QString pipe = path("waits.json");
    QVERIFY(::mkfifo(pipe.toStdString().c_str(), 0600) == 0);
    const QString out = path("never.h5");
    for (const QStringList& arguments :
         std::initializer_list<QStringList>{{"list", pipe},
                                            {"inspect", model, "a", "--codebook", pipe},
                                            {"inspect", model, "a", "--importance", pipe + "::a"},
                                            {"quantize", model, "--plan", pipe, "--out", out},
                                            {"compare", model, pipe}}) {
      const Run result = run(arguments);
      QVERIFY2(result.status > 0, arguments.join(' ').toUtf8() + ": " + result.err);
      QCOMPARE(result.err.count('\n'), 1);
      QVERIFY2(result.err.contains("waits.json"), result.err);
    }
    const QString large = path("large.json");
    write(large.toStdString(), std::string((std::size_t{1} << 20) + 1, ' '));
    verifyOneError(run({"inspect", model, "a", "--codebook", large}), kUnreadable,
                   "large.json: too large; allowed are at most 1048576 bytes");
  }

  void noVerbSendsANameToTheTerminal() {
    const QString folder = path("\x1b[31mred");
    QVERIFY(QDir().mkdir(folder));
    const QString file = folder + "/\u202ename.safetensors";
    write(
        file.toStdString(),
        safetensorsBytes("{\"a\\u001b]0;title\\u0007\\u202eb\":{\"dtype\":\"F32\",\"shape\":[2,4],"
                         "\"data_offsets\":[0,32]}}",
                         std::string(16, '\1') + std::string(16, '\2')));
    const QString name = "a\\x1b]0;title\\x07\\u202eb";
    for (const QStringList& arguments : std::initializer_list<QStringList>{
             {"list", file},
             {"inspect", file, name, "--group-size", "4"},
             {"search", file, name, "--group-size", "4"},
             {"overview", file, "--group-size", "4"},
             {"compare", file, file, "--group-size", "4"},
             {"quantize", file, "--group-size", "4", "--out", folder + "/out.h5"},
             {"list", folder + "/none"}}) {
      const Run result = run(arguments);
      for (const QByteArray& line : (result.out + result.err).split('\n')) {
        QCOMPARE(printable(line.toStdString()), line.toStdString());
      }
      QVERIFY2(result.out.contains("\\x1b") || result.err.contains("\\x1b"),
               arguments.join(' ').toUtf8() + result.err);
    }
  }

  void aLongNameDoesNotPadTheTable() {
    const QString file = path("long.safetensors");
    const std::string longName(100000, 'n');
    std::string header =
        "{\"" + longName + "\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}";
    for (int i = 1; i <= 50; ++i) {
      header += ",\"t" + std::to_string(i) +
                "\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[" +
                std::to_string(16 * i) + "," + std::to_string(16 * i + 16) + "]}";
    }
    write(file.toStdString(), safetensorsBytes(header + "}", std::string(51 * 16, '\0')));
    const Run listed = run({"list", "--all", file});
    QVERIFY2(listed.status == kDone, listed.err);
    QVERIFY(listed.out.contains(longName.c_str()));
    QVERIFY(listed.out.size() < 150000);
  }

  void namesOfNothingAndOfZerosAreReadAsWell() {
    const QString file = path("odd_names.safetensors");
    write(file.toStdString(),
          safetensorsBytes(R"({"":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
                               "a\u0000b":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]}})",
                           std::string(32, '\0')));
    QCOMPARE(run({"inspect", file, "a\\x00b", "--group-size", "2"}).status, kDone);
    const Run all = run({"overview", file, "--quiet"});
    QVERIFY2(all.status == kDone, all.err);
    QCOMPARE(all.out.count("2x2"), 2);
  }

  void everyVerbTakesAFolderForItsModel() {
    const QString folder = path("shards");
    QVERIFY(QDir().mkdir(folder));
    const std::string inside = folder.toStdString() + "/";
    write(inside + "one.safetensors",
          safetensorsBytes(array("[0,16]", "[2,2]"), std::string(16, '\x01')));
    const QString index = folder + "/model.safetensors.index.json";
    write(index.toStdString(), R"({"weight_map": {"a": "one.safetensors"}})");
    const QString scale = folder + "/scale.npy";
    const float ones[2] = {1, 1};
    write(scale.toStdString(), npy(floatHeader("(2, 1)"), test::bytesOf(ones)));

    for (const QStringList& arguments : std::initializer_list<QStringList>{
             {"list", folder, "--json"},
             {"list", folder + "/"},
             {"inspect", folder, "a", "--group-size", "2"},
             {"inspect", folder + "::/a", "--group-size", "2"},
             {"search", folder + "::a", "--group-size", "2"},
             {"compare", folder, index, "--group-size", "2"},
             {"overview", folder, "--group-size", "2", "--out", path("plan.json")},
             {"quantize", folder, "--group-size", "2", "--out", path("folder.h5")},
             {"encode", folder + "::/a", "--scheme", "sym", "--group-size", "2", "--scale",
              scale + "::scale", "--out", path("encoded.h5")}}) {
      const Run result = run(arguments);
      QVERIFY2(result.status == kDone, arguments.join(' ').toUtf8() + ": " + result.err);
    }
    const Json plan = *parseJson(
        [&] {
          QFile file(path("plan.json"));
          return file.open(QIODevice::ReadOnly) ? file.readAll().toStdString() : std::string();
        }(),
        "plan");
    QCOMPARE(*plan.find("source")->find("file")->asString(), index.toStdString());

    QVERIFY(QFile::remove(index));
    verifyOneError(run({"list", folder}), kUnreadable,
                   "several weight files and no index: one.safetensors, scale.npy; name one: ");
  }

  void noFileOfTheModelIsEverReplaced() {
    const QString folder = path("kept");
    QVERIFY(QDir().mkdir(folder));
    const QString shard = folder + "/one.safetensors";
    write(shard.toStdString(), safetensorsBytes(array("[0,16]", "[2,2]"), std::string(16, '\x01')));
    const QString index = folder + "/model.safetensors.index.json";
    write(index.toStdString(), R"({"weight_map": {"a": "one.safetensors"}})");
    const QString importance = folder + "/importance.npy";
    const float ones[2] = {1, 1};
    write(importance.toStdString(), npy(floatHeader("(2,)"), test::bytesOf(ones)));
    for (const QString& output : {shard, index, importance}) {
      const QFileInfo before(output);
      const auto size = before.size();
      verifyOneError(run({"--force", "quantize", folder, "a", "--group-size", "2", "--importance",
                          importance + "::importance", "--out", output}),
                     kOutputFailed, "is read here, and what is read is never overwritten");
      QCOMPARE(QFileInfo(output).size(), size);
    }
    verifyOneError(run({"--force", "quantize", folder, "--out", folder}), kOutputFailed, "kept");
    verifyOneError(run({"--force", "overview", folder, "--out", shard}), kOutputFailed,
                   "never overwritten");
  }

  void nothingThatIsReadIsReplaced() {
    const QString folder = path("inputs");
    QVERIFY(QDir().mkdir(folder));
    const QString file = folder + "/w.safetensors";
    write(file.toStdString(), safetensorsBytes(array("[0,16]", "[2,2]"), std::string(16, '\x01')));
    const float ones[2] = {1, 1};
    const QString scale = folder + "/scale.npy";
    write(scale.toStdString(), npy(floatHeader("(2, 1)"), test::bytesOf(ones)));
    const QString importance = folder + "/importance.npy";
    write(importance.toStdString(), npy(floatHeader("(2,)"), test::bytesOf(ones)));
    const QString plan = folder + "/plan.json";
    QCOMPARE(run({"overview", file, "--group-size", "2", "--out", plan}).status, kDone);

    const QStringList quantize = {"--force", "quantize", file, "a"};
    const QStringList encode = {"--force", "encode", file, "a", "--group-size", "2"};
    const std::pair<QString, QStringList> cases[] = {
        {plan, quantize + QStringList{"--plan", plan}},
        {importance,
         quantize + QStringList{"--group-size", "2", "--importance", importance + "::importance"}},
        {scale, encode + QStringList{"--scale", scale + "::scale"}},
        {scale, encode + QStringList{"--scheme", "asym", "--scale", importance + "::importance",
                                     "--zero-point", scale + "::scale"}},
        {file, QStringList{"--force", "overview", file}},
        {file, encode + QStringList{"--scale", scale + "::scale"}}};
    for (const auto& [input, verb] : cases) {
      const QString link = path("a-link");
      const QString hard = path("a-hard-link");
      QVERIFY(QFile::link(input, link));
      std::filesystem::create_hard_link(input.toStdString(), hard.toStdString());
      const QString around = folder + "/../inputs/" + QFileInfo(input).fileName();
      QFile before(input);
      QVERIFY(before.open(QIODevice::ReadOnly));
      const QByteArray content = before.readAll();
      for (const QString& output : {input, link, hard, around}) {
        verifyOneError(run(verb + QStringList{"--out", output}), kOutputFailed,
                       "is read here, and what is read is never overwritten");
        QFile after(input);
        QVERIFY(after.open(QIODevice::ReadOnly));
        QCOMPARE(after.readAll(), content);
      }
      QVERIFY(QFile::remove(link) && QFile::remove(hard));
    }
    // A part of the model that is missing has its place all the same.
    const QString index = folder + "/model.safetensors.index.json";
    write(index.toStdString(),
          R"({"weight_map": {"a": "w.safetensors", "b": "gone.safetensors"}})");
    verifyOneError(
        run({"quantize", index, "a", "--group-size", "2", "--out", folder + "/gone.safetensors"}),
        kOutputFailed, "never overwritten");
    QVERIFY(!QFileInfo::exists(folder + "/gone.safetensors"));
  }

  void anIndexOfPointersIsAnErrorOfEveryVerb() {
    const QString folder = path("pointers");
    QVERIFY(QDir().mkdir(folder));
    for (const char* name : {"/m1.safetensors", "/m2.safetensors"}) {
      write(folder.toStdString() + name, "version https://git-lfs.github.com/spec/v1\n");
    }
    const QString index = folder + "/model.safetensors.index.json";
    write(index.toStdString(), R"({"weight_map": {"a": "m1.safetensors", "b": "m2.safetensors"}})");
    for (const QStringList& arguments :
         std::initializer_list<QStringList>{{"list", index},
                                            {"list", index, "--all", "--json"},
                                            {"overview", folder},
                                            {"inspect", index, "a"},
                                            {"search", index, "a"},
                                            {"compare", index, index},
                                            {"quantize", index, "--out", path("never.h5")}}) {
      verifyOneError(run(arguments), kUnreadable, "a Git LFS pointer, not the file itself");
    }
  }

  void whatIsQuantizedAlreadyIsLeftOutAndToldSo() {
    const QString file = path("gptq.safetensors");
    const auto entry = [](const char* name, const char* dtype, const char* shape, int begin,
                          int end) {
      return std::string("\"") + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
             ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
    };
    const std::string codes =
        entry("q.qweight", "I32", "[4,4]", 0, 64) + "," + entry("q.scales", "F16", "[1,4]", 64, 72);
    write(file.toStdString(), safetensorsBytes("{" + codes + "}", std::string(72, '\x01')));
    const Run listed = run({"list", file});
    QVERIFY2(listed.err.contains("safetensors, quantized by GPTQ, 0 tensors"), listed.err);
    verifyOneError(run({"quantize", file, "--out", path("no.h5")}), kDoesNotFit,
                   "nothing in it can be quantized: safetensors, quantized by GPTQ");
    verifyOneError(run({"inspect", file, "q.scales"}), kDoesNotFit,
                   "scales of q.qweight, which is quantized by GPTQ");

    write(file.toStdString(),
          safetensorsBytes("{" + codes + "," + entry("head.weight", "F32", "[2,2]", 72, 88) + "}",
                           std::string(88, '\x01')));
    for (const QStringList& arguments :
         {QStringList{"quantize", file, "--group-size", "2", "--out", path("head.h5")},
          QStringList{"overview", file, "--group-size", "2"}}) {
      const Run result = run(arguments);
      QCOMPARE(result.status, kDone);
      QVERIFY2(result.err.contains("1 tensor is quantized already and left out"), result.err);
      QVERIFY2(!result.out.contains("scales"), result.out);
    }
  }

  void whatDecodesIsAWeightLikeAnyOther() {
    QVERIFY(QDir().mkpath(path("decodes")));
    const QString file = path("decodes/model.safetensors");
    write(file.toStdString(),
          safetensorsBytes("{\"q.qweight\":{\"dtype\":\"I32\",\"shape\":[8,16],"
                           "\"data_offsets\":[0,512]},\"q.qzeros\":{\"dtype\":\"I32\",\"shape\":"
                           "[2,2],\"data_offsets\":[512,528]},\"q.scales\":{\"dtype\":\"F16\","
                           "\"shape\":[2,16],\"data_offsets\":[528,592]}}",
                           std::string(528, '\x57') + std::string(64, '\x3c')));
    write(path("decodes/config.json").toStdString(),
          "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32,"
          "\"checkpoint_format\":\"gptq_v2\"}}");
    const Run listed = run({"list", file, "--json"});
    QCOMPARE(listed.status, kDone);
    const auto json = parseJson(listed.out.toStdString(), "list");
    QVERIFY(json);
    const Json::Array& tensors = *json->find("tensors")->asArray();
    QCOMPARE(tensors.size(), std::size_t{1});
    QCOMPARE(*tensors[0].find("name")->asString(), std::string("q.weight"));
    QCOMPARE(*tensors[0].find("quantized_as")->asString(),
             std::string("GPTQ, 4 bits, groups of 32, zero points stored as they are (v2)"));
    QCOMPARE(*tensors[0].find("axes_evidence")->asString(), std::string("file"));
    const Run inspected = run({"inspect", file, "q.weight", "--group-size", "32"});
    QCOMPARE(inspected.status, kDone);
    QVERIFY2(inspected.out.contains("GPTQ, 4 bits"), inspected.out);
    const Run quantized =
        run({"quantize", file, "--group-size", "32", "--out", path("decodes/again.h5")});
    QCOMPARE(quantized.status, kDone);
    QVERIFY2(!quantized.err.contains("left out"), quantized.err);
  }

  void withoutItsReaderItSaysSo() {
    auto environment = QProcessEnvironment::systemEnvironment();
    const QString file = path("names.h5");
    environment.insert("QUANTOSCOPE_READER", "/absent/quantoscope-reader");
    verifyOneError(run({"list", file}, environment), kUnreadable,
                   "the reader /absent/quantoscope-reader cannot be started: No such file");
    environment.insert("QUANTOSCOPE_READER", file);
    verifyOneError(run({"list", file}, environment), kUnreadable, "Permission denied");
    environment.insert("QUANTOSCOPE_READER", "/bin/true");
    verifyOneError(run({"list", file}, environment), kUnreadable,
                   "stopped: exit status 0 while listing");
  }

  void aDeadReaderIsStatusThree() {
    auto environment = QProcessEnvironment::systemEnvironment();
    const QString script = path("killed");
    write(script.toStdString(), "#!/bin/sh\nkill -SEGV $$\n");
    QVERIFY(QFile::setPermissions(script, QFile::ReadOwner | QFile::ExeOwner));
    environment.insert("QUANTOSCOPE_READER", script);
    const QString file = path("names.h5");
    verifyOneError(run({"list", file}, environment), kUnreadable,
                   "reading " + file.toUtf8() + " stopped: signal 11 while listing");
  }

  void wordsAreBFloat16WhenAskedFor() {
    const QString file = path("words.h5");
    const std::uint16_t words[4] = {0x3f80, 0xc040, 0x0000, 0x4080};
    {
      Hdf5Fixture fixture(file.toStdString());
      fixture.array("w", {2, 2}, words,
                    {.fileType = H5T_STD_U16LE, .memoryType = H5T_NATIVE_UINT16});
    }
    verifyOneError(run({"inspect", file, "w"}), kDoesNotFit, "use --bfloat16");
    const Run asked = run({"--bfloat16", "inspect", file, "w", "--group-size", "2", "--json"});
    QVERIFY2(asked.status == kDone, asked.err);
    const Json json = *parseJson(asked.out.toStdString(), "stdout");
    QCOMPARE(json.find("stats")->find("min")->asNumber(0), -3.0);
    QCOMPARE(json.find("stats")->find("max")->asNumber(0), 4.0);
  }

  void nativeFilesReopenAsWhatTheyWere() {
    const QString file = path("model.h5");
    {
      Hdf5Fixture fixture(file.toStdString());
      fixture.counting("up/up/kernel:0", {2, 3, 4, 5});
      fixture.counting("mlp/experts/w", {2, 4, 6});
      fixture.counting("fc/fc/kernel:0", {6, 4});
      fixture.texts("/", "layer_names", {"up", "fc"});
      fixture.texts("/up", "weight_names", {"up/kernel:0"});
      fixture.texts("/fc", "weight_names", {"fc/kernel:0"});
      fixture.text("/", "keras_version", "2.4.0");
      fixture.text("/", "model_config",
                   R"({"class_name": "Functional", "config": {"name": "m", "layers": [
                     {"class_name": "Conv2DTranspose", "config": {"name": "up"}},
                     {"class_name": "Dense", "config": {"name": "fc"}}]}})");
    }
    const QString quantized = path("quantized.h5");
    const Run wrote = run({"quantize", file, "--bits", "8", "--group-size", "4",
                           "--with-dequantized", "--out", quantized});
    QVERIFY2(wrote.status == kDone, wrote.err);
    const Run again = run({"list", "--json", quantized});
    const Json json = *parseJson(again.out.toStdString(), "stdout");
    QCOMPARE(json.find("tensors")->asArray()->size(), std::size_t{4});
    for (const Json& tensor : *json.find("tensors")->asArray()) {
      const std::string name = *tensor.find("name")->asString();
      if (name != "tensors/up/up/kernel:0/dequantized") continue;
      QCOMPARE(tensor.find("rows")->asNumber(0), 4.0);  // stored [kh, kw, out, in]
      QCOMPARE(tensor.find("cols")->asNumber(0), 30.0);
    }
    const Run compared = run({"compare", file, quantized, "--json"});
    QVERIFY2(compared.status == kDone, compared.err);
    const Json pairs = *parseJson(compared.out.toStdString(), "stdout");
    QCOMPARE(pairs.find("tensors")->asArray()->size(), std::size_t{4});
    for (const Json& pair : *pairs.find("tensors")->asArray()) {
      const double sqnr = pair.find("metrics")->find("sqnr_db")->asNumber(0);
      QVERIFY2(sqnr > 40, qPrintable(QString::number(sqnr)));
    }
  }
};

QTEST_GUILESS_MAIN(FilesTest)
#include "files_test.moc"
