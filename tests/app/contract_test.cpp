// What the command line offers, against its reference page and the shell's completion.
#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QSet>
#include <QtTest>

#include "app/exit_status.h"
#include "core/metrics/error_metrics.h"
#include "core/quant/number_formats.h"
#include "core/tensor/tensor_info.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

struct Run {
  int status = -1;
  QString out;
  QString err;
};

Run run(const QString& program, const QStringList& arguments) {
  QProcess process;
  process.start(program, arguments);
  if (!process.waitForFinished(60000)) return {};
  return {process.exitCode(), QString::fromUtf8(process.readAllStandardOutput()),
          QString::fromUtf8(process.readAllStandardError())};
}

Run run(const QStringList& arguments) {
  return run(QStringLiteral(QUANTOSCOPE_CLI), arguments);
}

QStringList matches(const QString& text, const char* pattern) {
  QStringList found;
  auto all = QRegularExpression(QString::fromLatin1(pattern), QRegularExpression::MultilineOption)
                 .globalMatch(text);
  while (all.hasNext()) found << all.next().captured(1);
  found.removeDuplicates();
  return found;
}

QStringList sorted(QStringList list) {
  list.sort();
  return list;
}

QStringList verbs() {
  const QString help = run({"--help"}).out;
  return matches(help.mid(help.indexOf("\nSubcommands:")), "^  ([a-z]+) ");
}

/// The options that a verb's own help lists; of "", those that all verbs have.
QStringList optionsOf(const QString& verb) {
  QStringList arguments{"--help"};
  if (!verb.isEmpty()) arguments.prepend(verb);
  return matches(run(arguments).out, "^ *(?:-[a-z],)?(--[a-z0-9-]+)");
}

/// What the completion offers for the last of `words`.
QStringList completed(QStringList words) {
  words.prepend(QStringLiteral(QUANTOSCOPE_CLI));
  const QString script = QString::fromStdString(sourcePath("resources/linux/quantoscope-cli.bash"));
  const Run bash =
      run(QStringLiteral("bash"), QStringList{"-c",
                                              "source \"$1\"; shift; COMP_WORDS=(\"$@\"); "
                                              "COMP_CWORD=$(($# - 1)); _quantoscope_cli; "
                                              "printf '%s\\n' \"${COMPREPLY[@]}\"",
                                              "bash", script} +
                                      words);
  return sorted(bash.out.split('\n', Qt::SkipEmptyParts));
}

}  // namespace

class ContractTest : public QObject {
  Q_OBJECT

 private:
  QString page_;

 private slots:
  void initTestCase() {
    QFile file(QString::fromStdString(sourcePath("app/cli/README.md")));
    QVERIFY(file.open(QIODevice::ReadOnly));
    page_ = QString::fromUtf8(file.readAll());
  }

  void thePageNamesEveryVerbAndNoOther() {
    QVERIFY(verbs().contains("inspect"));
    QCOMPARE(matches(page_, "^    quantoscope-cli ([a-z]+) "), verbs());
    QCOMPARE(matches(page_, "^\\| `([a-z]+)` \\|"), verbs());
  }

  void thePageNamesEveryOptionAndNoOther() {
    QSet<QString> offered;
    for (const QString& verb : QStringList{""} + verbs()) {
      const QStringList options = optionsOf(verb);
      QVERIFY(options.contains("--help"));
      offered.unite(QSet<QString>(options.begin(), options.end()));
    }
    QStringList told = matches(page_, "(--[a-z0-9-]*[a-z0-9])");
    told.removeOne("--picture");  // the window's
    QCOMPARE(sorted(told), sorted(offered.values()));
  }

  void thePageAndHelpTellEveryExitStatus() {
    const QString help = run({"--help"}).out;
    QStringList rows;
    for (const ExitStatusRow& row : kExitStatuses) {
      rows << QStringLiteral("| %1 | %2 |").arg(row.status).arg(row.meaning);
      QVERIFY2(QRegularExpression(QStringLiteral("^  %1 +%2$")
                                      .arg(row.status)
                                      .arg(QRegularExpression::escape(row.meaning)),
                                  QRegularExpression::MultilineOption)
                   .match(help)
                   .hasMatch(),
               row.meaning);
    }
    QCOMPARE(matches(page_, "^(\\| [0-9]+ \\| .* \\|)$"), rows);
  }

  void thePageNamesEveryNumberFormatInItsOrder() {
    const auto every = [](const NumberFormat&) { return true; };
    QCOMPARE(matches(page_, "^\\| `--dtype` \\| ([^|]*) \\|"),
             QStringList{QString::fromStdString(formatNames(every))});
    QCOMPARE(matches(page_, "takes the published formats \\(([^)]*)\\)"),
             QStringList{QString::fromStdString(formatNames(&NumberFormat::isPublished))});
  }

  void thePageNamesEveryMetricInItsOrder() {
    QStringList keys;
    for (const MetricRow& row : kMetrics) keys << QString::fromUtf8(row.key);
    const auto told = [this](const char* pattern) {
      return matches(matches(page_, pattern).value(0), "\"([a-z_]+)\"");
    };
    QCOMPARE(told("^- overview: .*\"best_ratio\",(.*),\"bits_per_weight\""), keys);
    QStringList withPlace = keys;
    withPlace.insert(keys.indexOf("max_abs_error") + 1, "max_abs_error_at");
    QStringList metrics = told("^`(\\{.*\\})`, `storage`$");
    metrics.removeOne("row");
    metrics.removeOne("col");
    QCOMPARE(metrics, withPlace);
  }

  void completionOffersVerbsAndOptions() {
    QCOMPARE(completed({""}), sorted(verbs()));
    QCOMPARE(completed({"in"}), QStringList{"inspect"});
    for (const QString& verb : verbs()) {
      QStringList options = optionsOf("") + optionsOf(verb);
      options.removeDuplicates();
      QCOMPARE(completed({verb, "file", "--"}), sorted(options));
    }
  }

  void completionOffersTheValuesThatAreAllowed_data() {
    QTest::addColumn<QString>("verb");
    QTest::addColumn<QString>("option");
    for (const char* option : {"--dtype", "--scheme", "--clip", "--orientation"}) {
      QTest::newRow(option) << "inspect" << option;
    }
    QTest::newRow("--granularity") << "search"
                                   << "--granularity";
  }
  void completionOffersTheValuesThatAreAllowed() {
    QFETCH(QString, verb);
    QFETCH(QString, option);
    const Run refused = run({verb, "file", "tensor", option, "?"});
    QCOMPARE(refused.status, kWrongUsage);
    QStringList allowed =
        refused.err.trimmed().section("allowed are ", 1).split(", ", Qt::SkipEmptyParts);
    allowed.removeOne("a ratio above 0 up to 1");  // of --clip: no word
    allowed.removeOne("codebook");                 // of --dtype: said by --codebook
    QVERIFY2(allowed.size() > 1, qPrintable(refused.err));
    QCOMPARE(completed({verb, "file", option, ""}), sorted(allowed));
  }

  void completionOffersWhatScalesMayBe() {
    QVERIFY(completed({"inspect", "file", "--double-quant-dtype", ""}).contains("nf4"));
    for (const QString& dtype : completed({"inspect", "file", "--double-quant-dtype", ""})) {
      const Run tried =
          run({"inspect", "/nonexistent", "tensor", "--double-quant", "--double-quant-dtype", dtype,
               "--double-quant-bits", dtype == "int" ? "8" : "4"});
      QVERIFY2(tried.status == kUnreadable, qPrintable(tried.err));
    }
    QCOMPARE(completed({"inspect", "file", "--double-quant-scheme", ""}),
             completed({"inspect", "file", "--scheme", ""}));
  }

  void orientationsAreTheOnesOfTheTable() {
    QStringList names;
    for (const NamedOrientation& row : kOrientations) names << row.name;
    QCOMPARE(completed({"list", "file", "--orientation", ""}), QStringList());
    QCOMPARE(completed({"inspect", "file", "--orientation", ""}), sorted(names));
  }
};

QTEST_GUILESS_MAIN(ContractTest)
#include "contract_test.moc"
