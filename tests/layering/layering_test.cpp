// The architecture as a test: who may include whom, and which library stays behind which file.
#include <QDir>
#include <QDirIterator>
#include <QRegularExpression>
#include <QtTest>

#include "tests/support/test_data.h"

namespace {

/// From left to right; a layer may include itself and what stands left of it.
const QStringList kRanks = {"base",   "kernels", "parallel",  "tensor", "metrics", "quant",
                            "engine", "io",      "exporting", "model",  "ui",      "app"};
const QStringList kUiRanks = {"session", "models", "plots", "panels", "main_window"};

struct Include {
  QString target;
  bool quoted;
};

QStringList sources(const QString& folder) {
  QStringList files;
  QDirIterator it(QString::fromStdString(quantoscope::test::sourcePath("")) + folder,
                  {"*.h", "*.cpp"}, QDir::Files, QDirIterator::Subdirectories);
  while (it.hasNext()) files << it.next();
  return files;
}

QList<Include> includesOf(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return {};
  static const QRegularExpression pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])",
                                          QRegularExpression::MultilineOption);
  QList<Include> includes;
  auto matches = pattern.globalMatch(QString::fromUtf8(file.readAll()));
  while (matches.hasNext()) {
    const auto match = matches.next();
    includes << Include{match.captured(2), match.captured(1) == "\""};
  }
  return includes;
}

QString relative(const QString& path) {
  return QDir(QString::fromStdString(quantoscope::test::sourcePath("."))).relativeFilePath(path);
}

/// "core/quant/x.h" is of layer quant, "ui/..." of ui, "app/..." of app; else "".
QString layerOf(const QString& path) {
  const QStringList parts = path.split('/');
  if (parts.size() < 2) return "";
  if (parts[0] == "core") return parts.size() > 2 ? parts[1] : "";
  return parts[0] == "ui" || parts[0] == "app" ? parts[0] : "";
}

QString uiRoomOf(const QString& path) {
  const QStringList parts = path.split('/');
  if (parts.size() < 2 || parts[0] != "ui") return "";
  return parts.size() > 2 ? parts[1] : parts[1].section('.', 0, 0);
}

QStringList filesThatInclude(const QStringList& files, const QRegularExpression& library) {
  QStringList found;
  for (const QString& file : files) {
    for (const Include& include : includesOf(file)) {
      if (library.match(include.target).hasMatch()) {
        found << relative(file);
        break;
      }
    }
  }
  found.sort();
  return found;
}

}  // namespace

class LayeringTest : public QObject {
  Q_OBJECT

 private slots:
  void everyFileBelongsToALayer() {
    const QStringList files = sources("core");
    QVERIFY(files.size() > 40);
    for (const QString& file : files) {
      QVERIFY2(kRanks.contains(layerOf(relative(file))), qPrintable(file));
    }
  }

  void layersIncludeOnlyToTheLeft() {
    for (const QString& file : sources("core") + sources("ui") + sources("app")) {
      const auto rank = kRanks.indexOf(layerOf(relative(file)));
      for (const Include& include : includesOf(file)) {
        const QString layer = layerOf(include.target);
        if (layer.isEmpty()) continue;
        QVERIFY2(kRanks.indexOf(layer) <= rank,
                 qPrintable(relative(file) + " includes " + include.target));
      }
    }
  }

  void roomsOfTheWindowIncludeOnlyToTheLeft() {
    for (const QString& file : sources("ui")) {
      const auto rank = kUiRanks.indexOf(uiRoomOf(relative(file)));
      QVERIFY2(rank >= 0, qPrintable(file));
      for (const Include& include : includesOf(file)) {
        if (!include.target.startsWith("ui/")) continue;
        QVERIFY2(kUiRanks.indexOf(uiRoomOf(include.target)) <= rank,
                 qPrintable(relative(file) + " includes " + include.target));
      }
    }
  }

  void ownHeadersAreNamedFromTheRoot() {
    for (const QString& file : sources("core") + sources("ui") + sources("app")) {
      for (const Include& include : includesOf(file)) {
        if (!include.quoted || include.target.endsWith(".moc")) continue;
        const QString path =
            QString::fromStdString(quantoscope::test::sourcePath(include.target.toStdString()));
        QVERIFY2(QFile::exists(path) || QFile::exists(path + ".in"),  // which CMake completes
                 qPrintable(relative(file) + " includes " + include.target));
      }
    }
  }

  void theCoreKnowsNoQt() {
    QCOMPARE(filesThatInclude(sources("core"), QRegularExpression("^Q[A-Zt]|qcustomplot")),
             QStringList());
  }

  void librariesStayBehindTheirFiles() {
    const QStringList all = sources("core") + sources("ui") + sources("app");
    QCOMPARE(filesThatInclude(all, QRegularExpression("^(tbb|oneapi)/")),
             QStringList{"core/parallel/executor.cpp"});
    QCOMPARE(filesThatInclude(all, QRegularExpression("^nlohmann/")),
             QStringList{"core/base/json.cpp"});
    QCOMPARE(filesThatInclude(all, QRegularExpression("^openssl/")),
             QStringList{"core/base/sha256.cpp"});
    QCOMPARE(filesThatInclude(all, QRegularExpression("^libdeflate")),
             QStringList{"core/io/container/inflate.cpp"});
    QCOMPARE(filesThatInclude(all, QRegularExpression("^(seccomp|linux/landlock)")),
             QStringList{"core/io/reader/sandbox.cpp"});
    QCOMPARE(filesThatInclude(all, QRegularExpression("^hwy/")),
             (QStringList{"core/kernels/clip_curve.cpp", "core/kernels/curve_classes-inl.h",
                          "core/kernels/curve_groups-inl.h", "core/kernels/errors.cpp",
                          "core/kernels/group_choice.cpp", "core/kernels/level_changes-inl.h",
                          "core/kernels/vector.cpp", "core/kernels/vector_codecs-inl.h",
                          "core/kernels/vector_sums-inl.h"}));
    for (const QString& file : filesThatInclude(all, QRegularExpression("^(H5|hdf5)"))) {
      QVERIFY2(file.startsWith("core/io/hdf5/") || file == "core/exporting/formats/native_file.cpp",
               qPrintable(file));
    }
    for (const QString& file : filesThatInclude(all, QRegularExpression("qcustomplot"))) {
      QVERIFY2(file.startsWith("ui/plots/") && file.endsWith(".cpp"), qPrintable(file));
    }
  }
};

QTEST_GUILESS_MAIN(LayeringTest)
#include "layering_test.moc"
