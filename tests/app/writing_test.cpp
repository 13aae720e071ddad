// What the command line writes, when the power fails and when resources run out.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <sys/stat.h>

#include <QDir>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/app/run_cli.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;
using quantoscope::test::safetensorsBytes;

namespace {

Run run(const QStringList& arguments, const QMap<QString, QString>& variables) {
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  for (auto at = variables.begin(); at != variables.end(); ++at) {
    environment.insert(at.key(), at.value());
  }
  return test::run(arguments, environment);
}

/// The same with at most this many KiB of addresses, by a shell's ulimit.
Run runWithin(long kibibytes, const QStringList& arguments) {
  QProcess process;
  const QStringList words = {"-c", QStringLiteral("ulimit -v %1; exec \"$@\"").arg(kibibytes), "sh",
                             QStringLiteral(QUANTOSCOPE_CLI)};
  process.start("/bin/sh", words + arguments);
  return finished(process);
}

/// What a power cut would leave, from the log of support/power_cut.cpp.
class Disk {
 public:
  Disk(const std::string& folder, std::string name)
      : folder_(inodeOf(folder)), name_(std::move(name)) {
    old_ = inodeOf(folder + "/" + name_);
    flushedNames_[name_] = old_;
  }

  /// Goes through the log; the first moment after which a cut may leave anything but the old or the
  /// whole new file, or "".
  std::string firstLoss(const std::string& log) {
    std::vector<std::string> lines;
    std::ifstream file(log);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    std::map<unsigned long, int> changes;  // in all: a file is whole after the last
    for (const std::string& line : lines) {
      if (line[0] == 'W') ++changes[std::stoul(line.substr(2))];
    }
    for (const std::string& line : lines) {
      take(line);
      if (!mayBe(flushedNames_[name_], changes)) return "flushed: " + line;
      // The system may put any of the changes of names on the disk before it is asked to.
      for (const unsigned long pending : pendingFiles_) {
        if (!mayBe(pending, changes)) return "not flushed: " + line;
      }
    }
    if (flushedNames_[name_] == old_ || flushedNames_[name_] == 0) return "the end: the new file";
    return "";
  }

 private:
  static unsigned long inodeOf(const std::string& path) {
    struct stat status = {};
    return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  void take(const std::string& line) {
    std::istringstream words(line.substr(1));
    unsigned long first = 0;
    unsigned long file = 0;
    std::string from;
    std::string to;
    words >> first;
    if (line[0] == 'W') ++version_[first];
    if (line[0] == 'S') flushed_[first] = version_[first];
    if (line[0] == 'D' && first == folder_) {
      flushedNames_ = names_.empty() ? flushedNames_ : names_;
      pendingFiles_.clear();
    }
    if (first != folder_ || (line[0] != 'L' && line[0] != 'R' && line[0] != 'U')) return;
    if (names_.empty()) names_ = flushedNames_;
    if (line[0] == 'U') {
      words >> from;
      names_.erase(from);
      if (from == name_) pendingFiles_.insert(0);
      return;
    }
    words >> file >> from;
    if (line[0] == 'R') {
      words >> to;
      names_.erase(from);
      from = to;
    }
    names_[from] = file;
    if (from == name_) pendingFiles_.insert(file);
  }

  /// Whether a name that leads to this file leads to the old file, or to all of the new one.
  bool mayBe(unsigned long file, const std::map<unsigned long, int>& changes) const {
    const auto all = changes.find(file);
    if (file == old_) return all == changes.end();
    if (file == 0) return old_ == 0;
    const auto safe = flushed_.find(file);
    return all != changes.end() && safe != flushed_.end() && safe->second == all->second;
  }

  unsigned long folder_;
  std::string name_;
  unsigned long old_ = 0;  ///< 0: there was none
  std::map<unsigned long, int> version_;
  std::map<unsigned long, int> flushed_;
  std::map<std::string, unsigned long> names_;
  std::map<std::string, unsigned long> flushedNames_;
  std::set<unsigned long> pendingFiles_;
};

}  // namespace

class WritingTest : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<QTemporaryDir> folder_;
  QString model_;

  QString path(const QString& name) const { return folder_->filePath(name); }
  QStringList names() const {
    return QDir(folder_->path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
  }

 private slots:
  void init() {
    folder_ = std::make_unique<QTemporaryDir>();
    model_ = path("model.safetensors");
    std::string data;
    for (int i = 0; i < 64 * 64; ++i) {
      const float value = static_cast<float>((i * 37 + i / 64 * 11) % 101 - 50) / 64;
      data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    std::ofstream(model_.toStdString(), std::ios::binary) << safetensorsBytes(
        R"({"layer.weight":{"dtype":"F32","shape":[64,64],"data_offsets":[0,16384]}})", data);
  }

  void aPowerCutLeavesTheOldOrTheNewFile_data() {
    QTest::addColumn<QStringList>("verb");
    QTest::addColumn<QString>("name");
    QTest::addColumn<bool>("replaces");
    for (const bool replaces : {false, true}) {
      const char* way = replaces ? "over an old one" : "as a new one";
      QTest::addRow("plan %s", way) << QStringList{"overview"} << "plan.json" << replaces;
      QTest::addRow("native file %s", way) << QStringList{"quantize"} << "out.h5" << replaces;
    }
  }
  void aPowerCutLeavesTheOldOrTheNewFile() {
    QFETCH(QStringList, verb);
    QFETCH(QString, name);
    QFETCH(bool, replaces);
    QStringList words = verb + QStringList{model_, "--out", path(name)};
    if (replaces) {
      QCOMPARE(run(words).status, 0);
      words << "--force";
    }
    const QTemporaryDir logs;
    for (const bool forgets : {false, true}) {
      if (!replaces) QFile::remove(path(name));
      Disk disk(folder_->path().toStdString(), name.toStdString());
      const QString log = logs.filePath(forgets ? "forgets" : "flushes");
      QMap<QString, QString> variables = {{"LD_PRELOAD", QUANTOSCOPE_POWER_CUT},
                                          {"POWER_CUT_LOG", log}};
      if (forgets) variables["POWER_CUT_FORGETS"] = "1";
      const Run result = run(words, variables);
      QVERIFY2(result.status == 0, result.err.constData());
      const std::string loss = disk.firstLoss(log.toStdString());
      // A program that forgets to flush is found out: the simulation sees what it should.
      QVERIFY2(loss.empty() == !forgets, loss.c_str());
    }
  }

  void equalInputsGiveEqualBytes() {
    const auto bytesOf = [&](const QString& name) {
      QFile file(path(name));
      return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    };
    const auto write = [&](const QString& which) {
      const QStringList native = {"quantize", model_, "--with-dequantized", "--double-quant"};
      QCOMPARE(run(native + QStringList{"--out", path(which + ".h5")}).status, 0);
      QCOMPARE(run({"overview", model_, "--out", path(which + ".json")}).status, 0);
    };
    write("one");
    const std::time_t begun = std::time(nullptr);
    while (std::time(nullptr) == begun) usleep(10000);  // files tell times in seconds
    write("two");
    for (const QString suffix : {".h5", ".json"}) {
      QVERIFY(!bytesOf("one" + suffix).isEmpty());
      QVERIFY2(bytesOf("one" + suffix) == bytesOf("two" + suffix), qPrintable(suffix));
    }
  }

  void ofTwoRunsWithoutForceOneWins() {
    const QStringList words = {"quantize", model_, "--out", path("out.h5")};
    std::vector<std::unique_ptr<QProcess>> runs;
    for (int i = 0; i < 4; ++i) {
      runs.push_back(std::make_unique<QProcess>());
      runs.back()->start(QStringLiteral(QUANTOSCOPE_CLI), words);
    }
    int won = 0;
    for (const auto& process : runs) {
      process->waitForFinished(60000);
      if (process->exitCode() == 0) {
        ++won;
      } else {
        QCOMPARE(process->exitCode(), 5);
        QVERIFY(process->readAllStandardError().contains("out.h5: already exists"));
      }
    }
    QCOMPARE(won, 1);
    QCOMPARE(names(), (QStringList{"model.safetensors", "out.h5"}));
  }

  void namesThatCannotBeWrittenAreToldBeforeAnyWork() {
    const auto modelOf = [&](const std::string& first, const std::string& second) {
      std::ofstream(path("odd.safetensors").toStdString(), std::ios::binary) << safetensorsBytes(
          "{\"" + first + R"(":{"dtype":"F32","shape":[2,32],"data_offsets":[0,256]},")" + second +
              R"(":{"dtype":"F32","shape":[2,32],"data_offsets":[256,512]}})",
          std::string(512, '\1'));
      return path("odd.safetensors");
    };
    const Run nul = run({"quantize", modelOf("a\\u0000b", "c"), "--out", path("out.h5")});
    QCOMPARE(nul.status, 4);
    QVERIFY2(nul.err.contains("NUL"), nul.err.constData());
    QCOMPARE(nul.err.count('\n'), 1);
    const Run same = run({"quantize", modelOf("x//y", "x/%/y"), "--out", path("out.h5")});
    QCOMPARE(same.status, 4);
    QVERIFY2(same.err.contains("x/%/y") && same.err.contains("x//y"), same.err.constData());
    QCOMPARE(names(), (QStringList{"model.safetensors", "odd.safetensors"}));
  }

  void runningOutOfMemoryIsOneError_data() {
    QTest::addColumn<QStringList>("words");
    QTest::newRow("list") << QStringList{"list", "MODEL", "--all"};
    QTest::newRow("inspect") << QStringList{"inspect", "MODEL", "layer.weight", "--detail"};
    QTest::newRow("search") << QStringList{"search", "MODEL", "layer.weight"};
    QTest::newRow("quantize") << QStringList{"quantize", "MODEL", "--out", "OUT.h5"};
    QTest::newRow("overview") << QStringList{"overview", "MODEL", "--out", "OUT.json"};
  }
  void runningOutOfMemoryIsOneError() {
    QFETCH(QStringList, words);
    for (QString& word : words) {
      if (word == "MODEL") word = model_;
      if (word.startsWith("OUT")) word = path(word);
    }
    const QStringList out = words.filter("OUT");
    const auto check = [&](const Run& result, const QString& how) {
      const QByteArray tell =
          how.toUtf8() + ": " + QByteArray::number(result.status) + " " + result.err;
      QVERIFY2(result.status >= 0 && result.status <= 5, tell.constData());
      if (result.status != 0) {
        QCOMPARE(result.err.count('\n'), 1);
        QVERIFY2(result.err.startsWith("quantoscope-cli: "), tell.constData());
        QVERIFY2(result.err.contains("model.safetensors") || result.err.contains("layer.weight") ||
                     result.err.contains("OUT"),
                 tell.constData());
        QVERIFY2(names() == QStringList{"model.safetensors"}, tell.constData());
      }
      for (const QString& name : out) QFile::remove(name);
    };
    int failed = 0;
    for (long call = 1; call < 100000; call += 1 + call / 6) {
      for (const char* variable : {"FAIL_MEMORY_AT", "FAIL_MEMORY_FROM"}) {
        const Run result = run(words, {{"LD_PRELOAD", QUANTOSCOPE_FAILING_RESOURCES},
                                       {variable, QString::number(call)}});
        check(result, QStringLiteral("%1=%2").arg(variable).arg(call));
        if (QTest::currentTestFailed()) return;
        failed += result.status != 0 ? 1 : 0;
      }
    }
    QVERIFY(failed > 20);
    const Run threads = run(words + QStringList{"--threads", "4"},
                            {{"LD_PRELOAD", QUANTOSCOPE_FAILING_RESOURCES}, {"FAIL_THREADS", "1"}});
    check(threads, "FAIL_THREADS");
  }

  void aLimitOnMemoryIsOneError() {
    // 64 Mi weights in a sparse file of 512 MiB, which is more than all that is allowed.
    const std::string header =
        R"({"layer.weight":{"dtype":"F64","shape":[8192,8192],"data_offsets":[0,536870912]}})";
    const QString large = path("large.safetensors");
    std::ofstream(large.toStdString(), std::ios::binary) << safetensorsBytes(header, "");
    std::filesystem::resize_file(large.toStdString(), 8 + header.size() + 536870912);
    for (const QStringList& words : {QStringList{"inspect", large, "layer.weight"},
                                     QStringList{"search", large, "layer.weight"},
                                     QStringList{"quantize", large, "--out", path("OUT.h5")}}) {
      const Run result = runWithin(330000, words);
      QVERIFY2(result.status == 3 || result.status == 4, result.err.constData());
      QCOMPARE(result.err.count('\n'), 1);
      QVERIFY2(result.err.contains("layer.weight"), result.err.constData());
      QCOMPARE(names(), (QStringList{"large.safetensors", "model.safetensors"}));
    }
  }
};

QTEST_GUILESS_MAIN(WritingTest)
#include "writing_test.moc"
