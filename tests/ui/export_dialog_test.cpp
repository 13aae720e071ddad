// The place where a model is exported: what targets demand, remedies, progress, proof.
#include "ui/main_window/export_dialog.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QStackedWidget>
#include <QTabWidget>
#include <QTableView>
#include <QtTest>

#include "core/base/printable.h"
#include "core/exporting/registry.h"
#include "core/io/tensor_source.h"
#include "tests/ui/desk.h"
#include "ui/models/export_models.h"
#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

using FindingColumn = ExportFindingsModel::Column;
using TargetColumn = ExportTargetsModel::Column;

// ---- targets of our own

constexpr std::size_t kGroup = 64;

Result<std::uint64_t> oneByteAWeight(const ModelHeader& header) {
  std::uint64_t bytes = 1000;
  for (const TensorInfo& info : header.tensors) bytes += info.elements();
  return bytes;
}

Findings wantGroupsOf64(const ModelHeader& header) {
  Findings findings;
  for (const TensorInfo& info : header.tensors) {
    QuantSpec spec = header.plan.specFor(info.name);
    if (spec.groupSize == static_cast<std::ptrdiff_t>(kGroup)) continue;
    spec.groupSize = kGroup;
    findings.push_back({Finding::Severity::Refusal,
                        info.name,
                        "groups are too short; allowed is 64",
                        "a loader, its rules",
                        {Remedy::use(spec), Remedy::keepFloat()}});
  }
  return findings;
}

Findings leaveTheLastAlone(const ModelHeader& header) {
  Findings findings = {{Finding::Severity::Note, header.tensors.front().name, "is worth knowing"}};
  if (header.tensors.size() == 3) {
    findings.push_back({Finding::Severity::Usual,
                        header.tensors.back().name,
                        "is a head",
                        "most loaders",
                        {Remedy::keepFloat()}});
  }
  return findings;
}

Findings refuseAll(const ModelHeader& header) {
  return {{Finding::Severity::Refusal, header.tensors.front().name, "is nothing for this target"}};
}

enum Own { Native, Picky, Usual, Stubborn, Folder };

const std::vector<ExportFormat>& ownFormats() {
  static const std::vector<ExportFormat> formats = [] {
    std::vector<ExportFormat> all(5, **findExportFormat("native"));
    const auto set = [&](Own which, const char* id, const char* title,
                         Findings (*check)(const ModelHeader&)) {
      all[which].id = id;
      all[which].title = title;
      all[which].check = check;
    };
    set(Picky, "picky", "Groups of 64", wantGroupsOf64);
    all[Picky].sizeOf = oneByteAWeight;
    set(Usual, "usual", "Heads Left Alone", leaveTheLastAlone);
    set(Stubborn, "stubborn", "Nothing At All", refuseAll);
    set(Folder, "folder", "A Folder", [](const ModelHeader&) { return Findings(); });
    all[Folder].suffix = "";
    return all;
  }();
  return formats;
}

// ---- a file

void append(QByteArray& bytes, const std::vector<float>& values) {
  const std::size_t size = values.size() * sizeof(float);
  bytes.append(reinterpret_cast<const char*>(values.data()), static_cast<qsizetype>(size));
}

/// Two layers and a bias, as safetensors.
void writeModel(const QString& path) {
  struct Part {
    const char* name;
    std::vector<std::size_t> shape;
  };
  const std::vector<Part> parts = {{"model.layers.0.mlp.down_proj.weight", {64, 128}},
                                   {"model.layers.0.mlp.up_proj.weight", {128, 64}},
                                   {"model.norm.weight", {64}}};
  QByteArray header = "{";
  QByteArray data;
  for (const Part& part : parts) {
    std::size_t count = 1;
    QByteArray shape;
    for (const std::size_t extent : part.shape) {
      count *= extent;
      shape += (shape.isEmpty() ? "" : ",") + QByteArray::number(static_cast<qulonglong>(extent));
    }
    const qsizetype begin = data.size();
    append(data, test::fakeWeights(count, count));
    header += (header.size() > 1 ? ",\"" : "\"") + QByteArray(part.name) +
              "\":{\"dtype\":\"F32\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              QByteArray::number(begin) + "," + QByteArray::number(data.size()) + "]}";
  }
  header += "}";
  while (header.size() % 8 != 0) header += ' ';
  const auto length = static_cast<std::uint64_t>(header.size());
  QByteArray file(reinterpret_cast<const char*>(&length), sizeof(length));
  file += header + data;
  QFile out(path);
  QVERIFY(out.open(QIODevice::WriteOnly));
  QCOMPARE(out.write(file), file.size());
}

// ---- the dialog

/// A dialog, and what tests do with it.
class Place {
 public:
  explicit Place(ExportDialog* dialog) : dialog_(dialog) {
    dialog_->show();
    settle();
  }

  const ExportStudy& study() const { return *dialog_->study(); }
  template <typename T>
  T* find(const char* name) const {
    return dialog_->findChild<T*>(QString::fromLatin1(name));
  }
  QString text(const char* label) const { return find<QLabel>(label)->text(); }
  QPushButton* start() const { return find<QPushButton>("exportStart"); }
  QTableView* findings() const { return find<QTableView>("exportFindings"); }
  QTableView* targets() const { return find<QTableView>("exportTargets"); }
  static QString cell(const QTableView* table, int row, int column) {
    return table->model()->index(row, column).data().toString();
  }
  bool showsFindings() const {
    return find<QStackedWidget>("exportPages")->currentWidget() == findings();
  }

  void settle() const { QTRY_VERIFY(study().isCurrent()); }
  void choose(int target) const {
    find<QComboBox>("exportTarget")->setCurrentIndex(target);
    settle();
  }
  void fix(bool on) const {
    find<QCheckBox>("exportFix")->setChecked(on);
    settle();
  }
  void writeTo(const QString& path) const {
    auto* edit = find<QLineEdit>("exportPath");
    edit->clear();
    QTest::keyClicks(edit, path);
  }
  void exportIt() const {
    QVERIFY2(start()->isEnabled(), qPrintable(text("exportReason")));
    start()->click();
    QTRY_VERIFY_WITH_TIMEOUT(find<QLabel>("exportOutcome")->isVisible(), 60000);
  }

 private:
  ExportDialog* dialog_;
};

/// A window over a fake file, and a dialog with targets of our own.
struct OwnTargets {
  Desk desk;
  std::unique_ptr<ExportDialog> dialog;

  explicit OwnTargets(const std::function<void(test::FakeSource&)>& fill = Desk::usualTensors)
      : desk(fill) {
    desk.open();
    desk.settings->rememberDirectoryOf(desk.path());
    dialog = std::make_unique<ExportDialog>(desk.session.get(), desk.settings.get(), ownFormats(),
                                            desk.window.get());
  }
  /// Hidden ones included; settings are written when Qt likes.
  QStringList files() const {
    QStringList names = QDir(desk.directory.path())
                            .entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
    names.removeIf([](const QString& name) { return name.startsWith(QLatin1String("settings")); });
    return names;
  }
};

/// A window over a file that is one.
struct RealFile {
  QTemporaryDir directory;
  std::unique_ptr<Settings> settings;
  Session session;
  std::unique_ptr<MainWindow> window;

  RealFile() {
    const QString path = directory.filePath(QStringLiteral("small.safetensors"));
    writeModel(path);
    settings = std::make_unique<Settings>(std::make_unique<QSettings>(
        directory.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    window = std::make_unique<MainWindow>(&session, settings.get());
    window->show();
    window->openFiles({path});
    QTRY_VERIFY_WITH_TIMEOUT(session.hasTensor() && session.settled(), 60000);
    settings->rememberDirectoryOf(path);
  }

  ExportDialog* dialog() const {
    window->findChild<QAction*>(QStringLiteral("exportModel"))->trigger();
    return window->findChild<ExportDialog*>();
  }
};

}  // namespace

class ExportDialogTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }

  void everyTargetOfTheTableIsOffered();
  void remediesAreToldWithTheirCostAndLetTheExportGo();
  void usualRemediesAreTakenUnlessATensorHasItsOwnSettings();
  void aRefusedTargetSaysWhy();
  void whichTargetsCanCarryThePlanIsOneTable();
  void anExportToAFileEndsWithTheProof();
  void anExportToAFolderEndsWithTheProof();
  void readsOfOneSourceNeverOverlap();
  void cancelLeavesNothing();
  void whatIsOpenIsNeverWrittenTo();
  void thePathFollowsTheTarget();
  void namesOfFilesArePlain();
  void withoutAModelThereIsNothingToExport();
};

void ExportDialogTest::everyTargetOfTheTableIsOffered() {
  RealFile file;
  const Place place(file.dialog());
  const auto* combo = place.find<QComboBox>("exportTarget");
  const std::vector<ExportFormat>& formats = exportFormats();
  QCOMPARE(static_cast<std::size_t>(combo->count()), formats.size());
  for (int i = 0; i < combo->count(); ++i) {
    const ExportFormat& format = formats[static_cast<std::size_t>(i)];
    place.choose(i);
    QCOMPARE(combo->itemText(i), QString::fromUtf8(format.title));
    QCOMPARE(combo->itemData(i, Qt::ToolTipRole).toString(), QString::fromUtf8(format.tip));
    QCOMPARE(place.text("exportTip"), QString::fromUtf8(format.tip));
    QVERIFY2(place.study().problem().isEmpty(), qPrintable(place.study().problem()));
    const auto lines = place.study().lines().size();
    QCOMPARE(static_cast<std::size_t>(place.findings()->model()->rowCount()), lines);
    QCOMPARE(place.showsFindings(), lines > 0);
    if (lines == 0) {
      QCOMPARE(place.text("exportState"),
               QStringLiteral("This target can carry the plan as it is."));
    }
    QCOMPARE(place.start()->isEnabled(), !place.study().plan()->isRefused());
    QCOMPARE(place.text("exportReason").isEmpty(), place.start()->isEnabled());
  }
}

void ExportDialogTest::remediesAreToldWithTheirCostAndLetTheExportGo() {
  OwnTargets own;
  const Place place(own.dialog.get());
  place.choose(Picky);
  QVERIFY(place.showsFindings());
  QCOMPARE(place.findings()->model()->rowCount(), 3);
  const auto cell = [&](int column) { return Place::cell(place.findings(), 1, column); };
  QCOMPARE(cell(FindingColumn::State), QStringLiteral("Refused"));
  QCOMPARE(cell(FindingColumn::Tensor), QStringLiteral("dense_1/kernel"));
  QCOMPARE(cell(FindingColumn::Finding), QStringLiteral("groups are too short; allowed is 64"));
  QCOMPARE(cell(FindingColumn::Rule), QStringLiteral("a loader, its rules"));
  QVERIFY(cell(FindingColumn::Remedy).contains(QStringLiteral("g64")));
  QVERIFY(!place.start()->isEnabled());
  QCOMPARE(place.text("exportReason"),
           QStringLiteral("3 findings stand in the way: apply the remedies, or change the plan."));

  QTRY_VERIFY(place.study().lines()[1].cost.has_value());
  const RemedyCost known = **place.study().lines()[1].cost;
  const ModelJob job = *own.desk.session->wholeModel();
  ModelHeader header;
  header.tensors = job.tensors;
  header.plan = job.plan;
  const ExportLine& line = place.study().lines()[1];
  // Asked directly.
  ModelJob direct = job;
  direct.load = [&](const TensorInfo& info, const TaskControl&) -> Result<SharedTensor> {
    return own.desk.weights(info.name);
  };
  const auto expected =
      costOf(*line.remedy, line.finding, direct, ownFormats()[Picky], header, Executor(1));
  QCOMPARE(known.decibels, expected->decibels);
  QCOMPARE(known.bytes, expected->bytes);
  QVERIFY2(cell(FindingColumn::Sqnr).endsWith(QStringLiteral(" dB")),
           qPrintable(cell(FindingColumn::Sqnr)));
  QCOMPARE(cell(FindingColumn::Size), bytesText(0));

  place.fix(true);
  QCOMPARE(cell(FindingColumn::State), QStringLiteral("Remedied"));
  QVERIFY(cell(FindingColumn::Sqnr).endsWith(QStringLiteral(" dB")));  // known already
  QVERIFY2(place.start()->isEnabled(), qPrintable(place.text("exportReason")));
  // 1000 bytes, and one a weight.
  QVERIFY2(place.text("exportSize").contains(exactBytesText(1000 + 3392)),
           qPrintable(place.text("exportSize")));
  place.fix(false);
  QVERIFY(!place.start()->isEnabled());
}

void ExportDialogTest::usualRemediesAreTakenUnlessATensorHasItsOwnSettings() {
  OwnTargets own;
  const Place place(own.dialog.get());
  place.choose(Usual);
  QCOMPARE(place.findings()->model()->rowCount(), 2);
  QCOMPARE(Place::cell(place.findings(), 0, FindingColumn::State), QStringLiteral("As usual"));
  QCOMPARE(Place::cell(place.findings(), 0, FindingColumn::Tensor),
           QStringLiteral("dense_2/kernel"));
  QCOMPARE(Place::cell(place.findings(), 1, FindingColumn::State), QStringLiteral("Note"));
  QVERIFY(place.start()->isEnabled());
  QTRY_COMPARE(Place::cell(place.findings(), 0, FindingColumn::Sqnr), QStringLiteral("exact"));

  // The dialog follows the plan.
  own.desk.session->selectTensor(QStringLiteral("dense_2/kernel"));
  own.desk.settle();
  QuantSpec spec = own.desk.session->spec();
  spec.bits = 3;
  own.desk.session->editSpec(spec, QStringLiteral("bits"));
  QTRY_COMPARE(Place::cell(place.findings(), 0, FindingColumn::State), QStringLiteral("Refused"));
  QTRY_VERIFY(!place.start()->isEnabled());
  own.desk.session->undoGroup()->undo();
  QTRY_COMPARE(Place::cell(place.findings(), 0, FindingColumn::State), QStringLiteral("As usual"));
  QTRY_VERIFY(place.start()->isEnabled());
}

void ExportDialogTest::aRefusedTargetSaysWhy() {
  OwnTargets own;
  const Place place(own.dialog.get());
  place.choose(Stubborn);
  for (const bool fix : {false, true}) {
    place.fix(fix);
    QVERIFY(!place.start()->isEnabled());
    QCOMPARE(place.text("exportReason"),
             QStringLiteral("Refused: dense/kernel: is nothing for this target"));
    QCOMPARE(place.start()->accessibleDescription(), place.text("exportReason"));
  }
  QCOMPARE(Place::cell(place.findings(), 0, FindingColumn::Remedy), QString());
}

void ExportDialogTest::whichTargetsCanCarryThePlanIsOneTable() {
  OwnTargets own;
  const Place place(own.dialog.get());
  QTRY_COMPARE(Place::cell(place.targets(), Folder, TargetColumn::Carries),
               QStringLiteral("As it is"));
  const QString carries[] = {QStringLiteral("As it is"), QStringLiteral("With 3 remedies"),
                             QStringLiteral("As it is"), QStringLiteral("Not")};
  for (int i = 0; i < 4; ++i) {
    QCOMPARE(Place::cell(place.targets(), i, TargetColumn::Target),
             QString::fromUtf8(ownFormats()[static_cast<std::size_t>(i)].title));
    QCOMPARE(Place::cell(place.targets(), i, TargetColumn::Carries), carries[i]);
  }
  QCOMPARE(Place::cell(place.targets(), Picky, TargetColumn::Size), QStringLiteral("4.4 kB"));
  QCOMPARE(Place::cell(place.targets(), Usual, TargetColumn::Obstacle),
           QStringLiteral("1 usual remedy is taken"));
  QCOMPARE(Place::cell(place.targets(), Stubborn, TargetColumn::Obstacle),
           QStringLiteral("dense/kernel: is nothing for this target"));
  place.find<QTabWidget>("exportTabs")->setCurrentIndex(1);
  Q_EMIT place.targets()->activated(place.targets()->model()->index(Usual, 0));
  QCOMPARE(place.find<QComboBox>("exportTarget")->currentIndex(), static_cast<int>(Usual));
  QCOMPARE(place.find<QTabWidget>("exportTabs")->currentIndex(), 0);

  // Another plan, other answers.
  QuantSpec spec = own.desk.session->spec();
  spec.groupSize = kGroup;
  own.desk.session->editSpec(spec, QStringLiteral("group size"));
  own.desk.session->applyToAll();
  QTRY_COMPARE(Place::cell(place.targets(), Picky, TargetColumn::Carries),
               QStringLiteral("As it is"));
}

void ExportDialogTest::anExportToAFileEndsWithTheProof() {
  RealFile file;
  const Place place(file.dialog());
  const auto& formats = exportFormats();
  const auto native = std::find_if(formats.begin(), formats.end(), [](const ExportFormat& row) {
    return std::string_view(row.id) == "native";
  });
  place.choose(static_cast<int>(native - formats.begin()));
  const QString path = file.directory.filePath(QStringLiteral("out.h5"));
  place.writeTo(path);
  place.exportIt();
  const QString outcome = place.text("exportOutcome");
  QVERIFY2(outcome.contains(path), qPrintable(outcome));
  QVERIFY2(outcome.contains(QStringLiteral(
               "Read back and decoded: every code, zero point and scale is as quantized.")),
           qPrintable(outcome));
  QVERIFY(QFile::exists(path));
  QVERIFY(QFile::exists(path + QStringLiteral(".report.json")));
  QVERIFY(QFile::exists(path + QStringLiteral(".report.txt")));

  place.find<QPushButton>("exportReport")->click();
  auto* report = place.find<QPlainTextEdit>("exportReportText");
  QVERIFY(report != nullptr && report->isVisible());
  QVERIFY(report->toPlainText().contains(QStringLiteral("model.layers.0.mlp.up_proj.weight")));
  report->window()->close();

  // Not over what is there, unless that is allowed.
  QVERIFY(!place.start()->isEnabled());
  QCOMPARE(place.text("exportReason"),
           QStringLiteral("out.h5 is there already: allow replacing it, or choose another name."));
  place.find<QCheckBox>("exportReplace")->setChecked(true);
  place.exportIt();
  QVERIFY(place.text("exportOutcome").contains(QStringLiteral("Read back and decoded")));
}

void ExportDialogTest::anExportToAFolderEndsWithTheProof() {
  const auto& formats = exportFormats();
  const auto folder = std::find_if(formats.begin(), formats.end(), [](const ExportFormat& row) {
    return row.isFolder() && row.content == ExportContent::Tensors;
  });
  if (folder == formats.end()) QSKIP("no target is a folder");
  RealFile file;
  const Place place(file.dialog());
  place.choose(static_cast<int>(folder - formats.begin()));
  place.fix(true);
  const QString path = file.directory.filePath(QStringLiteral("exported"));
  place.writeTo(path);
  place.exportIt();
  QVERIFY2(
      place.text("exportOutcome").contains(QStringLiteral("Read back and decoded: every code")),
      qPrintable(place.text("exportOutcome")));
  const QStringList files = QDir(path).entryList(QDir::Files);
  QVERIFY2(files.contains(QStringLiteral("export.report.json")),
           qPrintable(files.join(QLatin1Char(' '))));
  QVERIFY(files.size() > 2);
}

void ExportDialogTest::readsOfOneSourceNeverOverlap() {
  Desk desk;
  desk.open();
  desk.settings->rememberDirectoryOf(desk.path());
  ExportDialog dialog(desk.session.get(), desk.settings.get(), exportFormats(), desk.window.get());
  const Place place(&dialog);
  place.fix(true);
  const auto handsOn = [&place](const ExportFormat& row) {
    place.choose(static_cast<int>(&row - exportFormats().data()));
    const auto plan = place.study().plan();
    return row.isFolder() && plan && !plan->isRefused() && !plan->header.passed.empty();
  };
  if (std::none_of(exportFormats().begin(), exportFormats().end(), handsOn)) {
    QSKIP("no target hands on what stays as it is");
  }
  QTRY_VERIFY(place.study().seconds().has_value());
  desk.settle();
  desk.source->storedGate.shut();
  place.start()->click();
  QTRY_COMPARE(desk.source->storedGate.waiting(), 1);
  const int loads = desk.source->loads;
  desk.session->selectTensor(QStringLiteral("dense_1/kernel"));
  QTest::qWait(50);
  QCOMPARE(desk.source->loads, loads);  // it waits for its turn
  desk.source->storedGate.open();
  QTRY_VERIFY_WITH_TIMEOUT(place.find<QLabel>("exportOutcome")->isVisible(), 60000);
  QVERIFY2(place.text("exportOutcome").contains(QStringLiteral("Read back and decoded")),
           qPrintable(place.text("exportOutcome")));
  QCOMPARE(desk.source->overlaps, 0);
  desk.settle();
}

void ExportDialogTest::cancelLeavesNothing() {
  OwnTargets own;
  const Place place(own.dialog.get());
  place.choose(Native);
  QTRY_VERIFY(place.study().seconds().has_value());  // nothing else is loaded any more
  own.desk.settle();
  place.writeTo(own.desk.directory.filePath(QStringLiteral("out.h5")));
  const QStringList before = own.files();
  own.desk.source->gate.shut();
  QVERIFY(place.start()->isEnabled());
  place.start()->click();
  QTRY_COMPARE(own.desk.source->gate.waiting(), 1);
  QVERIFY(!place.start()->isEnabled());
  QCOMPARE(place.text("exportReason"), QStringLiteral("The export is being written."));
  QTRY_VERIFY2(place.text("exportProgressText").contains(QStringLiteral("1 of 3: dense/kernel")),
               qPrintable(place.text("exportProgressText")));
  place.find<QPushButton>("exportCancel")->click();
  QTRY_VERIFY(place.find<QLabel>("exportOutcome")->isVisible());
  QCOMPARE(place.text("exportOutcome"), QStringLiteral("Cancelled: nothing was written."));
  QVERIFY(place.find<QPushButton>("exportReport")->isHidden());
  QCOMPARE(own.files(), before);
  QTRY_VERIFY(place.start()->isEnabled());
  own.desk.source->gate.open();
}

void ExportDialogTest::whatIsOpenIsNeverWrittenTo() {
  OwnTargets own;
  const Place place(own.dialog.get());
  place.choose(Native);
  place.writeTo(own.desk.path());
  place.find<QCheckBox>("exportReplace")->setChecked(true);
  QVERIFY(!place.start()->isEnabled());
  QVERIFY2(place.text("exportReason").contains(QStringLiteral("is open and never written to")),
           qPrintable(place.text("exportReason")));
  place.choose(Folder);
  place.writeTo(own.desk.directory.path());
  place.find<QCheckBox>("exportReplace")->setChecked(true);
  QVERIFY(!place.start()->isEnabled());
  QVERIFY2(place.text("exportReason").contains(QStringLiteral("is open and never written to")),
           qPrintable(place.text("exportReason")));
  place.writeTo(own.desk.directory.filePath(QStringLiteral("no/such/place")));
  QVERIFY(!place.start()->isEnabled());
  QVERIFY(place.text("exportReason").startsWith(QStringLiteral("There is no folder ")));
  place.writeTo(QString());
  QCOMPARE(place.text("exportReason"), QStringLiteral("Choose where to write to."));
}

void ExportDialogTest::thePathFollowsTheTarget() {
  OwnTargets own;
  const Place place(own.dialog.get());
  const auto* path = place.find<QLineEdit>("exportPath");
  place.choose(Picky);
  QCOMPARE(path->text(), own.desk.directory.filePath(QStringLiteral("model-picky.h5")));
  place.choose(Folder);
  QCOMPARE(path->text(), own.desk.directory.filePath(QStringLiteral("model-folder")));
  const QString chosen = own.desk.directory.filePath(QStringLiteral("mine"));
  place.writeTo(chosen);
  place.choose(Native);
  QCOMPARE(path->text(), chosen);  // the user's own name stays
}

void ExportDialogTest::namesOfFilesArePlain() {
  const std::string evil = "<img src=x>\xe2\x80\xae\n& &lt;b&gt; \xff";
  OwnTargets own([&](test::FakeSource& source) {
    source.add(evil, 8, 64);
    source.add("", 8, 64);
  });
  const Place place(own.dialog.get());
  for (const Own target : {Picky, Stubborn}) {
    place.choose(target);
    const QAbstractItemModel* model = place.findings()->model();
    QVERIFY(model->rowCount() > 0);
    for (int row = 0; row < model->rowCount(); ++row) {
      for (int column = 0; column < FindingColumn::kColumns; ++column) {
        const QString text = model->index(row, column).data().toString();
        QCOMPARE(QString::fromStdString(printable(text.toStdString())), text);
        QVERIFY(!Qt::mightBeRichText(model->index(row, column).data(Qt::ToolTipRole).toString()));
      }
    }
    QVERIFY(Place::cell(place.findings(), 0, FindingColumn::Tensor)
                .startsWith(QStringLiteral("<img src=x>\\u202e")));
  }
  QVERIFY2(place.text("exportReason").contains(QStringLiteral("\\u202e")),
           qPrintable(place.text("exportReason")));
  QCOMPARE(place.find<QLabel>("exportReason")->textFormat(), Qt::PlainText);
}

void ExportDialogTest::withoutAModelThereIsNothingToExport() {
  OwnTargets own;
  const Place place(own.dialog.get());
  QVERIFY(place.start()->isEnabled());
  own.desk.session->closeCurrentFile();
  QTRY_COMPARE(place.text("exportState"), QStringLiteral("Open a model to export it."));
  QVERIFY(!place.showsFindings());
  QVERIFY(!place.start()->isEnabled());
  QCOMPARE(place.text("exportReason"), QStringLiteral("Open a model first."));
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::ExportDialogTest)
#include "export_dialog_test.moc"
