// What the command line promises of the engine as a whole: its options, its memory.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QtTest>

#include "core/base/half.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/quant/quant_spec.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

/// A tensor "w" of normal weights as bfloat16, the file written piece by piece.
void writeBfloat16(const QString& path, std::size_t rows, std::size_t cols) {
  const auto some = normalValues(1 << 20, 1);
  std::vector<std::uint16_t> bits;
  for (const float value : some) bits.push_back(bfloat16FromFloat(value));
  QByteArray header = R"({"w":{"dtype":"BF16","shape":[)" + QByteArray::number(qulonglong(rows)) +
                      "," + QByteArray::number(qulonglong(cols)) + R"(],"data_offsets":[0,)" +
                      QByteArray::number(qulonglong(rows * cols * 2)) + "]}}";
  while (header.size() % 8 != 0) header += ' ';
  const auto length = static_cast<quint64>(header.size());
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly));
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file.write(header);
  for (std::size_t left = rows * cols; left > 0;) {
    const std::size_t count = std::min(left, bits.size());
    file.write(reinterpret_cast<const char*>(bits.data()), static_cast<qint64>(2 * count));
    left -= count;
  }
}

struct Footprint {
  int status = -1;
  std::size_t peak = 0;  ///< bytes, those of the file that are mapped included
};

/// Runs the program with its output thrown away.
Footprint measured(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {QUANTOSCOPE_CLI};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
  Footprint footprint;
  rusage usage{};
  int status = 0;
  if (wait4(child, &status, 0, &usage) == child && WIFEXITED(status)) {
    footprint.status = WEXITSTATUS(status);
    footprint.peak = static_cast<std::size_t>(usage.ru_maxrss) * 1024;
  }
  return footprint;
}

}  // namespace

class CliEngineTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

 private slots:
  void copiedOptionsAreUnderstood() {
    const QString sample =
        QString::fromStdString(sourcePath("resources/samples/sample_transformer.h5"));
    const std::string levels = folder_.filePath("my own 'levels'.json").toStdString();
    const std::string text = R"({"name": "ternary", "levels": [-1, 0, 1]})";
    QFile file(QString::fromStdString(levels));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(text.c_str());
    file.close();

    std::vector<QuantSpec> specs(4);
    for (const Dtype dtype : allDtypes()) specs.push_back(QuantSpec{}.withDtype(dtype));
    specs.push_back(QuantSpec{}.withDtype(Dtype::Codebook, *codebookFromText(text, levels)));
    specs.back().codebook.source = levels;
    specs[1].scheme = Scheme::Sym;
    specs[1].bits = 3;
    specs[1].groupSize = -1;
    specs[1].fullRange = true;
    specs[1].clip = ClipPolicy::fixed(0.925);
    specs[2].scheme = Scheme::Sym;
    specs[2].halfRange = true;
    specs[2].clip.kind = ClipPolicy::Kind::Optimal;
    specs[3].clip.kind = ClipPolicy::Kind::SearchGroups;
    specs[3].grid = {1, 0.5, 101};
    specs[3].doubleQuant = DoubleQuant{Dtype::Int, 6, Scheme::Sym, 16};
    for (const QuantSpec& spec : specs) {
      QProcess shell;
      shell.start("/bin/sh", {"-c",
                              QStringLiteral("\"$0\" inspect \"$1\" \"$2\" --json ") +
                                  QString::fromStdString(commandLineOptions(spec)),
                              QStringLiteral(QUANTOSCOPE_CLI), sample,
                              QStringLiteral("model.layers.0.self_attn.q_proj.weight")});
      QVERIFY(shell.waitForFinished(120000));
      const QByteArray told = commandLineOptions(spec).c_str() + QByteArray(": ");
      QVERIFY2(shell.exitCode() == 0, told + shell.readAllStandardError());
      const auto json = parseJson(shell.readAllStandardOutput().toStdString(), "stdout");
      QVERIFY2(json->find("spec")->text() == toJson(spec).text(), told);
    }
  }

  void analysingNeedsTheTensorAnd64Mebibytes_data() {
    QTest::addColumn<QStringList>("words");
    const auto row = [](const char* name, const QStringList& words) {
      QTest::newRow(name) << words;
    };
    row("inspect", {"inspect", "--json"});
    row("inspect in groups of 128", {"inspect", "--group-size", "128"});
    row("search", {"search", "--json"});
    row("search rows", {"search", "--granularity", "row"});
    row("search groups", {"search", "--granularity", "group"});
    row("nf4, searched", {"inspect", "--dtype", "nf4", "--clip", "search"});
    row("double quantization", {"inspect", "--double-quant"});
    row("detail", {"inspect", "--detail", "--json"});
  }

  void analysingNeedsTheTensorAnd64Mebibytes() {
#if defined(__SANITIZE_ADDRESS__)
    QSKIP("a sanitizer has memory of its own");
#endif
    QFETCH(QStringList, words);
    constexpr std::size_t kMebibyte = std::size_t{1} << 20;
    constexpr std::size_t kStored = 128 * kMebibyte;
    const QString path = folder_.filePath("large.safetensors");
    if (!QFile::exists(path)) writeBfloat16(path, 8192, 8192);
    std::vector<std::string> arguments;
    for (const QString& word : words) arguments.push_back(word.toStdString());
    arguments.insert(arguments.begin() + 1, {path.toStdString(), "w"});
    const Footprint found = measured(arguments);
    QCOMPARE(found.status, 0);
    QVERIFY(found.peak > kStored);  // the file is mapped, and was read to its end
    const double beyond = static_cast<double>(found.peak - kStored) / kMebibyte;
    qInfo("%s: %.1f MiB beside the tensor", QTest::currentDataTag(), beyond);
    QVERIFY2(beyond <= 64, QByteArray::number(beyond) + " MiB beside the tensor");
  }
};

QTEST_GUILESS_MAIN(CliEngineTest)
#include "cli_engine_test.moc"
