// The architecture as a test: who may include whom, which library stays behind which file, and what
// the front ends leave to core. core/README.md shows the graph that is drawn here.
#include <algorithm>
#include <map>

#include <QDir>
#include <QDirIterator>
#include <QRegularExpression>
#include <QtTest>

#include "tests/support/test_data.h"

namespace {

const QStringList kBelowQuant = {"base", "kernels", "parallel", "tensor", "metrics"};
const QStringList kBelowEngine = kBelowQuant + QStringList{"quant", "io"};
const QStringList kBelowModel = kBelowEngine + QStringList{"engine", "exporting"};
const QStringList kBelowUi = kBelowModel + QStringList{"model", "tuning"};

/// What a room may include besides itself.
const std::map<QString, QStringList> kRooms = {
    {"base", {}},
    {"kernels", {"base"}},
    {"parallel", {"base"}},
    {"tensor", {"base", "kernels", "parallel"}},
    {"metrics", {"base", "kernels", "parallel", "tensor"}},
    {"quant", kBelowQuant},
    {"io", {"base", "parallel", "tensor"}},
    {"engine", kBelowEngine},
    {"exporting", kBelowEngine},
    {"model", kBelowModel},
    {"tuning", kBelowModel + QStringList{"model"}},
    {"ui", kBelowUi},
    {"app", kBelowUi + QStringList{"ui"}},
};

/// The same for the wings of io.
const std::map<QString, QStringList> kIoWings = {
    {"container", {}},
    {"formats", {"container"}},
    {"hdf5", {"container"}},
    {"model", {"container"}},
    {"quantized", {"container", "model"}},
    {"libraries", {"hdf5"}},
    {"registry", {"container", "formats", "hdf5", "model", "quantized"}},
    {"reader", {"container", "formats", "hdf5", "model", "quantized", "registry"}},
    {"tensor_source", {"container", "formats", "hdf5", "model", "quantized", "registry", "reader"}},
};

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

/// "core/quant/x.h" is of room quant, "ui/..." of ui, "app/..." of app; else "".
QString roomOf(const QString& path) {
  const QStringList parts = path.split('/');
  if (parts.size() < 2) return "";
  if (parts[0] == "core") return parts.size() > 2 ? parts[1] : "";
  return parts[0] == "ui" || parts[0] == "app" ? parts[0] : "";
}

/// The wing of a file in core/io, "" for all else. The files on top that open a model are one.
QString ioWingOf(const QString& path) {
  const QStringList parts = path.split('/');
  if (parts.size() < 3 || parts[0] != "core" || parts[1] != "io") return "";
  if (parts.size() > 3) return parts[2];
  const QString name = parts[2].section('.', 0, 0);
  if (name == "library_versions") return "libraries";
  return name == "model_file" || name == "container_source" || name == "source_files"
             ? "tensor_source"
             : name;
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

/// Files whose text, without comments, has a match.
QStringList filesWith(const QStringList& files, const QRegularExpression& pattern) {
  static const QRegularExpression kComment("//[^\n]*");
  QStringList found;
  for (const QString& path : files) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) continue;
    const QString text = QString::fromUtf8(file.readAll()).remove(kComment);
    if (pattern.match(text).hasMatch()) found << relative(path);
  }
  found.sort();
  return found;
}

using PlaceOf = QString (*)(const QString& path);

/// "FILE includes TARGET" for every include that the rules do not allow, and for every file whose
/// place they do not know.
QStringList violations(const QStringList& files, PlaceOf placeOf,
                       const std::map<QString, QStringList>& rules) {
  QStringList found;
  for (const QString& path : files) {
    const QString file = relative(path);
    const auto rule = rules.find(placeOf(file));
    if (rule == rules.end()) {
      found << file + " belongs nowhere";
      continue;
    }
    for (const Include& include : includesOf(path)) {
      const QString target = placeOf(include.target);
      if (target.isEmpty() || target == rule->first || rule->second.contains(target)) continue;
      found << file + " includes " + include.target;
    }
  }
  return found;
}

void verifyNone(const QStringList& violations) {
  QVERIFY2(violations.isEmpty(), qPrintable(violations.join('\n')));
}

using Graph = std::map<QString, QSet<QString>>;

Graph graphOf(const QStringList& files, PlaceOf placeOf) {
  Graph graph;
  for (const QString& path : files) {
    const QString place = placeOf(relative(path));
    graph[place];
    for (const Include& include : includesOf(path)) {
      const QString target = placeOf(include.target);
      if (!target.isEmpty() && target != place) graph[place].insert(target);
    }
  }
  return graph;
}

/// Whether a way of at least one arrow leads from one place to another. The graph has no cycles.
bool reaches(const Graph& graph, const QString& from, const QString& to) {
  const QSet<QString>& next = graph.at(from);
  return next.contains(to) || std::any_of(next.begin(), next.end(), [&](const QString& step) {
           return reaches(graph, step, to);
         });
}

/// Without the arrows that a longer way stands for.
QString drawing(const Graph& graph) {
  QStringList lines = {"```mermaid", "graph BT"};
  for (const auto& [place, targets] : graph) {
    QStringList arrows;
    for (const QString& target : targets) {
      const bool implied = std::any_of(targets.begin(), targets.end(), [&](const QString& step) {
        return step != target && reaches(graph, step, target);
      });
      if (!implied) arrows << "  " + place + " --> " + target;
    }
    arrows.sort();
    lines += arrows;
  }
  return (lines << "```").join('\n');
}

/// Holds a drawing in core/README.md, between two marks, to the code; with QUANTOSCOPE_REDRAW set
/// it is replaced.
void compareDrawing(const QString& mark, const QString& expected) {
  QFile file(QString::fromStdString(quantoscope::test::sourcePath("core/README.md")));
  QVERIFY(file.open(QIODevice::ReadOnly));
  QString text = QString::fromUtf8(file.readAll());
  file.close();
  const QString begin = "<!-- graph of " + mark + ", drawn by tests/layering -->\n";
  const QString end = "\n<!-- end of graph -->";
  const auto from = text.indexOf(begin) + begin.size();
  const auto to = text.indexOf(end, from);
  QVERIFY2(from >= begin.size() && to > from, qPrintable(mark));
  const QString drawn = text.mid(from, to - from);
  if (drawn != expected && qEnvironmentVariableIsSet("QUANTOSCOPE_REDRAW")) {
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(text.replace(from, to - from, expected).toUtf8());
    return;
  }
  QVERIFY2(drawn == expected, qPrintable("QUANTOSCOPE_REDRAW=1 layering_test draws it anew; the "
                                         "graph of " +
                                         mark + " is\n" + expected));
}

}  // namespace

class LayeringTest : public QObject {
  Q_OBJECT

 private slots:
  void roomsIncludeOnlyWhatStandsBelow() {
    const QStringList files = sources("core") + sources("ui") + sources("app");
    QVERIFY(files.size() > 40);
    verifyNone(violations(files, roomOf, kRooms));
  }

  void wingsOfIoIncludeOnlyWhatStandsBelow() {
    verifyNone(violations(sources("core/io"), ioWingOf, kIoWings));
  }

  void writersAndTheirProofShareNoPackingCode() {
    // What they have in common, levels and bit layouts of number formats, is a table in base.
    const QRegularExpression decoders("^core/io/quantized/");
    const QRegularExpression writers("^core/exporting/");
    verifyNone(filesThatInclude(sources("core/exporting"), decoders) +
               filesThatInclude(sources("core/io"), writers));
  }

  void frontEndsLeaveQuantizingToCore() {
    static const QRegularExpression kCalls(
        R"((?<![\w.>:])(chooseClip|clipCurveOf|dequantized|errorSumsOf|groupParametersOf|)"
        R"(measureQuantization|quantized|quant_\w+|search_clip)\()");
    for (const QString& file : filesWith(sources("app") + sources("ui"), kCalls)) {
      QFAIL(qPrintable(file + " quantizes"));
    }
    const QRegularExpression headers("^core/quant/(quantizer|weight_only)\\.h$");
    for (const QString& file : filesThatInclude(sources("app") + sources("ui"), headers)) {
      QFAIL(qPrintable(file + " includes a header for quantizing"));
    }
  }

  void frontEndsLeaveLoopsOverAModelToCore() {
    // A tensor is loaded where one was asked for; whoever loads several works on a model.
    static const QRegularExpression kLoads(R"((->|\.)load\((?!\))|\bloadTensor\()");
    const QStringList ofOne = {"app/cli/context.cpp",          "app/cli/context.h",
                               "app/cli/overview.cpp",         "ui/session/io_queue.cpp",
                               "ui/session/queued_loader.cpp", "ui/session/session.cpp"};
    for (const QString& file : filesWith(sources("app") + sources("ui"), kLoads)) {
      QVERIFY2(ofOne.contains(file), qPrintable(file + " loads tensors by itself"));
    }
  }

  void theGraphIsTheOneThatIsShown() {
    const QStringList all = sources("core") + sources("ui") + sources("app");
    const QStringList io = sources("core/io");
    verifyNone(violations(all, roomOf, kRooms) + violations(io, ioWingOf, kIoWings));
    if (QTest::currentTestFailed()) return;  // there may be cycles
    compareDrawing("rooms", drawing(graphOf(all, roomOf)));
    if (QTest::currentTestFailed()) return;
    compareDrawing("wings of io", drawing(graphOf(io, ioWingOf)));
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

  /// Which shows that the header compiles alone.
  void everySourceIncludesItsOwnHeaderFirst() {
    for (const QString& file : sources("core") + sources("ui")) {
      if (!file.endsWith(".cpp")) continue;
      const QString header = file.chopped(4) + ".h";
      if (!QFile::exists(header)) continue;
      const QList<Include> includes = includesOf(file);
      QVERIFY2(!includes.isEmpty() && includes.front().target == relative(header),
               qPrintable(relative(file)));
    }
  }

  void theCoreKnowsNoQt() {
    QCOMPARE(filesThatInclude(sources("core"), QRegularExpression("^Q[A-Zt]|qcustomplot")),
             QStringList());
  }

  /// What a file says is shown by ui/session/shown_text.h. These are the ways around it that can be
  /// told from the text of the sources; tests/ui/hostile_text_test looks at the window itself.
  void textsOfFilesAreShownThroughOneHelper() {
    const QStringList ui = sources("ui");
    // Values that are compared, sorted, searched and copied, and the libraries' own names.
    QCOMPARE(
        filesWith(ui, QRegularExpression(R"(fromStdString\([^;]*\b(name|reason|dtype|layer)\b)")),
        QStringList({"ui/main_window/about_dialog.cpp", "ui/models/selection_text.cpp",
                     "ui/models/tensor_list_model.cpp", "ui/session/shown_text.cpp"}));
    verifyNone(filesWith(ui, QRegularExpression(R"(fromStdString\([^;]*error\(\)\.message)")));
    verifyNone(filesWith(ui, QRegularExpression("setWhatsThis|QToolTip::showText")));
    // A tip is a word of ours, or goes through tipText().
    verifyNone(filesWith(
        ui, QRegularExpression(
                R"(set(ToolTip|StatusTip)\(\s*+(?!tr\(|[A-Za-z]+::tr\(|tipText\(|shownText\())"
                R"((?!(toolTip|plain|spoken|name|keys\b)))")));
    // Labels that show markup say so, and make it of escaped parts.
    QCOMPARE(filesWith(ui, QRegularExpression("Qt::RichText")),
             QStringList({"ui/main_window/about_dialog.cpp", "ui/panels/group_panel.cpp",
                          "ui/panels/overview_panel.cpp", "ui/panels/tensor_browser.cpp",
                          "ui/panels/tensor_details.cpp"}));
    QCOMPARE(filesWith(ui, QRegularExpression("QMessageBox|Qt::AutoText")),
             QStringList({"ui/main_window/plain_text.cpp"}));
  }

  /// Elsewhere a path may lead to a named pipe, and opening it would wait.
  void filesAreOpenedThroughOneHelper() {
    const QStringList programs = sources("core") + sources("ui") + sources("app");
    QCOMPARE(filesWith(programs, QRegularExpression(R"(\bifstream\b|\bfopen\()")),
             QStringList({"app/cli/doctor.cpp", "core/base/memory_border.cpp"}));  // /proc and /etc
    QCOMPARE(filesWith(programs, QRegularExpression("QIODevice::ReadOnly")),
             QStringList({"ui/panels/activity_bar.cpp", "ui/session/session_file.cpp"}));
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
      QVERIFY2(file.startsWith("core/io/hdf5/") ||
                   file == "core/exporting/formats/native_file.cpp" ||
                   file == "core/exporting/hdf5_skeleton.cpp",
               qPrintable(file));
    }
    for (const QString& file : filesThatInclude(all, QRegularExpression("qcustomplot"))) {
      QVERIFY2(file.startsWith("ui/plots/") && file.endsWith(".cpp"), qPrintable(file));
    }
  }
};

QTEST_GUILESS_MAIN(LayeringTest)
#include "layering_test.moc"
