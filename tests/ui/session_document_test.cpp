// Sessions under a name: nothing is lost between saving and opening, nor with a source that moved.
#include "ui/session/session_document.h"

#include <atomic>
#include <sys/stat.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/exporting/plan_file.h"
#include "tests/support/fake_source.h"
#include "ui/session/autosave.h"
#include "ui/session/presets.h"

namespace quantoscope::ui {

namespace {

/// A program over files that exist, whatever they hold.
struct Program {
  std::unique_ptr<Session> session;
  std::unique_ptr<PinStore> pins;
  std::unique_ptr<SessionDocument> document;
  QStringList notices;
  std::shared_ptr<std::atomic<int>> openings = std::make_shared<std::atomic<int>>(0);
  QString broken;  ///< cannot be opened

  Program() {
    Session::Environment environment;
    environment.executor = Executor(1);
    environment.overview = false;
    environment.open = [this](const std::string& path, const OpenOptions&) -> Result<SharedSource> {
      ++*openings;
      const QString name = QString::fromStdString(path);
      if (!QFile::exists(name) || name == broken) {
        return Error{ErrorCode::UnreadableFile, path + ": not there"};
      }
      auto source = std::make_shared<test::FakeSource>(path);
      source->add("a/kernel", 8, 64);
      source->add("b/kernel", 4, 32);
      return SharedSource(source);
    };
    session = std::make_unique<Session>(environment);
    pins = std::make_unique<PinStore>(session.get());
    document = std::make_unique<SessionDocument>(session.get(), pins.get());
    QObject::connect(document.get(), &SessionDocument::noticed,
                     [this](const QString& message) { notices << message; });
  }
  ~Program() {
    document.reset();
    pins.reset();
    session.reset();
  }

  void open(const QStringList& files) {
    session->openFile(files.first());
    for (const QString& file : files.mid(1)) session->openBeside(file);
    QTRY_COMPARE(session->openFiles().size(), files.size());
    settle();
  }
  void settle() { QTRY_VERIFY(session->settled()); }
  void edit(int groupSize) {
    QuantSpec spec = session->spec();
    spec.groupSize = groupSize;
    session->editSpec(spec, QStringLiteral("group size"));
  }
  void save(const QString& path) {
    QSignalSpy saved(document.get(), &SessionDocument::saved);
    document->save(path);
    QTRY_COMPARE(saved.count(), 1);
  }
  void load(const QString& path) {
    QSignalSpy opened(document.get(), &SessionDocument::opened);
    document->open(path);
    QTRY_COMPARE(opened.count(), 1);
    settle();
  }
  /// Everything a person chose, without where the files lie.
  std::string choices() const {
    std::string text;
    for (FileState state : session->fileStates()) {
      state.plan.sourceFile.clear();
      text += QFileInfo(state.path).fileName().toStdString() +
              state.tensor.value_or(QString()).toStdString() + planToJson(state.plan).text() +
              (state.wordsAreBFloat16 ? "bfloat16" : "");
      for (const auto& [tensor, axes] : state.orientations) {
        text += tensor + nameOf(axes);
      }
    }
    for (const Pin& pin : pins->pins()) {
      text += toJson(pin, QFileInfo(pin.file).fileName()).text();
    }
    return text;
  }
};

void write(const QString& path, const QByteArray& content) {
  QVERIFY(QDir().mkpath(QFileInfo(path).path()));
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == content.size());
}

}  // namespace

class SessionDocumentTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void everythingComesBack();
  void aMovedFolderIsFoundByRelativePaths();
  void aMissingSourceIsKeptAndLocated();
  void othersAreFoundBesideTheLocatedOne();
  void contentsThatDifferAreTold();
  void whatCannotBeReadChangesNothing();
  void aSessionIsToldFromOtherJson();
  void anOrderlyEndCanBeReopened();
  void filesOfASessionAreOpenedAsTheyAreNeeded();
  void whatCannotBeOpenedGivesWayAndStaysSaved();
  void anEmptyNameComesBack();
  void whatIsNoFileNeverMakesAnythingWait();
  void wrongSessionsAreRefused_data();
  void wrongSessionsAreRefused();

 private:
  QString at(const char* name) const { return folder_->filePath(QString::fromLatin1(name)); }
  std::unique_ptr<QTemporaryDir> folder_;
};

void SessionDocumentTest::init() {
  folder_ = std::make_unique<QTemporaryDir>();
  write(at("old/one.h5"), "the first weights");
  write(at("old/two.h5"), "the second weights");
}

void SessionDocumentTest::everythingComesBack() {
  Program before;
  before.open({at("old/one.h5"), at("old/two.h5")});
  before.session->selectTensor(QStringLiteral("b/kernel"));
  before.edit(16);
  before.settle();
  before.session->setOrientation(Orientation::Columns);
  before.settle();
  before.pins->rename(before.pins->pinCurrent(), QStringLiteral("mine"));
  before.session->setCurrentFile(1);
  before.session->editSpec(presets().back().spec, QStringLiteral("preset"));
  before.session->applyToAll();
  before.settle();
  before.pins->setBaseline(before.pins->pinCurrent());
  before.save(at("old/s.json"));
  QCOMPARE(before.document->path(), at("old/s.json"));

  Program after;
  after.load(at("old/s.json"));
  QCOMPARE(after.choices(), before.choices());
  QCOMPARE(after.session->currentFile(), 1);
  QCOMPARE(after.session->currentTensor(), before.session->currentTensor());
  QCOMPARE(after.pins->pins().size(), std::size_t{2});
  QCOMPARE(after.pins->baseline()->spec, before.pins->baseline()->spec);
  QCOMPARE(after.document->path(), at("old/s.json"));
  QVERIFY(after.notices.isEmpty());
  // Saved again it says the same.
  after.save(at("old/again.json"));
  Program third;
  third.load(at("old/again.json"));
  QCOMPARE(third.choices(), before.choices());
}

void SessionDocumentTest::aMovedFolderIsFoundByRelativePaths() {
  Program before;
  before.open({at("old/one.h5")});
  before.edit(16);
  before.pins->pinCurrent();
  before.save(at("old/s.json"));
  QVERIFY(QDir(folder_->path()).rename(QStringLiteral("old"), QStringLiteral("new")));

  Program after;
  after.load(at("new/s.json"));
  QCOMPARE(after.session->openFiles(), QStringList{at("new/one.h5")});
  QCOMPARE(after.pins->pins()[0].file, at("new/one.h5"));
  QCOMPARE(after.session->spec().groupSize, 16LL);
  QVERIFY(after.document->missing().empty());
  QVERIFY(after.notices.isEmpty());
}

void SessionDocumentTest::aMissingSourceIsKeptAndLocated() {
  Program before;
  before.open({at("old/one.h5"), at("old/two.h5")});
  before.session->selectTensor(QStringLiteral("b/kernel"));
  before.edit(16);
  before.pins->pinCurrent();
  before.save(at("s.json"));
  QVERIFY(QDir().mkpath(at("else")));
  QVERIFY(QFile::rename(at("old/one.h5"), at("else/renamed.h5")));

  Program after;
  QSignalSpy missing(after.document.get(), &SessionDocument::missingChanged);
  after.load(at("s.json"));
  QCOMPARE(missing.count(), 1);
  QCOMPARE(after.session->openFiles(), QStringList{at("old/two.h5")});
  QCOMPARE(after.document->missing().size(), std::size_t{1});
  // Saving meanwhile does not forget it.
  QCOMPARE(after.document->snapshot(false).files.size(), std::size_t{2});

  after.document->locate(at("old/one.h5"), at("else/renamed.h5"));
  QTRY_COMPARE(missing.count(), 2);
  after.settle();
  QVERIFY(after.document->missing().empty());
  QCOMPARE(after.session->currentPath(), at("else/renamed.h5"));  // it was on show
  QCOMPARE(after.session->currentTensor(), QStringLiteral("b/kernel"));
  QCOMPARE(after.session->spec().groupSize, 16LL);
  QCOMPARE(after.pins->pins()[0].file, at("else/renamed.h5"));
  QVERIFY(after.notices.isEmpty());
}

void SessionDocumentTest::othersAreFoundBesideTheLocatedOne() {
  Program before;
  before.open({at("old/one.h5"), at("old/two.h5")});
  before.save(at("s.json"));
  QVERIFY(QDir(folder_->path()).rename(QStringLiteral("old"), QStringLiteral("new")));

  Program after;
  after.load(at("s.json"));
  QCOMPARE(after.document->missing().size(), std::size_t{2});
  QVERIFY(after.session->openFiles().isEmpty());
  after.document->locate(at("old/one.h5"), at("new/one.h5"));
  QTRY_VERIFY(after.document->missing().empty());
  QTRY_COMPARE(after.session->openFiles().size(), 2);
  QVERIFY(after.session->openFiles().contains(at("new/two.h5")));
  after.settle();
}

void SessionDocumentTest::contentsThatDifferAreTold() {
  Program before;
  before.open({at("old/one.h5"), at("old/two.h5")});
  before.edit(16);
  before.save(at("s.json"));
  write(at("old/one.h5"), "other weights");
  QVERIFY(QFile::remove(at("old/two.h5")));
  write(at("else/three.h5"), "others");

  Program after;
  after.load(at("s.json"));
  QCOMPARE(after.notices.size(), 1);
  QVERIFY(after.notices[0].contains(QStringLiteral("one.h5")));
  QCOMPARE(after.session->spec().groupSize, 16LL);
  after.document->locate(at("old/two.h5"), at("else/three.h5"));
  QTRY_COMPARE(after.notices.size(), 2);
  QVERIFY(after.notices[1].contains(QStringLiteral("three.h5")));
  QTRY_COMPARE(after.session->openFiles().size(), 2);
  after.settle();
}

void SessionDocumentTest::whatCannotBeReadChangesNothing() {
  Program program;
  program.open({at("old/one.h5")});
  write(at("broken.json"), "{\"format\":\"quantoscope-session\",");
  QSignalSpy failed(program.document.get(), &SessionDocument::failed);
  program.document->open(at("broken.json"));
  QTRY_COMPARE(failed.count(), 1);
  QVERIFY(failed[0][0].toString().contains(QStringLiteral("broken.json")));
  program.document->open(at("nowhere.json"));
  QTRY_COMPARE(failed.count(), 2);
  program.document->save(at("no/such/folder/s.json"));
  QTRY_COMPARE(failed.count(), 3);
  QCOMPARE(program.session->openFiles().size(), 1);
  QVERIFY(program.document->path().isEmpty());
}

void SessionDocumentTest::aSessionIsToldFromOtherJson() {
  Program program;
  program.open({at("old/one.h5")});
  program.save(at("s.json"));
  QVERIFY(looksLikeSession(at("s.json")));
  QVERIFY(writePlan({}, at("plan.json").toStdString()));
  QVERIFY(!looksLikeSession(at("plan.json")));
  QVERIFY(!looksLikeSession(at("old/one.h5")));
  QVERIFY(!looksLikeSession(at("nowhere.json")));
}

void SessionDocumentTest::anOrderlyEndCanBeReopened() {
  Program before;
  Autosave autosave(before.session.get(), at("state"),
                    [&] { return before.document->snapshot(false); });
  before.open({at("old/one.h5")});
  before.edit(16);
  autosave.finish();
  QVERIFY(!QFile::exists(autosave.path()));

  Program after;
  after.document->reopen(Autosave::lastSession(at("state")));
  QTRY_COMPARE(after.session->openFiles(), QStringList{at("old/one.h5")});
  QCOMPARE(after.session->spec().groupSize, 16LL);
  QVERIFY(after.document->path().isEmpty());  // not a document to be saved to
  after.settle();
}

void SessionDocumentTest::filesOfASessionAreOpenedAsTheyAreNeeded() {
  constexpr int kFiles = 300;
  SavedSession saved;
  for (int i = 0; i < kFiles; ++i) {
    const QString path = folder_->filePath(QStringLiteral("many/%1.h5").arg(i));
    write(path, QByteArray::number(i));
    saved.files.push_back({{path, QStringLiteral("b/kernel"), {}, {}, false}, {}});
    saved.files.back().state.plan.defaultSpec.groupSize = 16 + i;
  }
  saved.current = 7;
  QVERIFY(writeSession(saved, at("many.json")));

  Program program;
  program.load(at("many.json"));
  QTRY_COMPARE(program.session->currentFile(), 7);
  program.settle();
  QCOMPARE(program.session->openFiles().size(), kFiles);
  QCOMPARE(program.openings->load(), 1);
  QCOMPARE(program.session->currentTensor(), QStringLiteral("b/kernel"));
  const std::string before = program.choices();

  program.session->setCurrentFile(200);
  QTRY_COMPARE(program.session->currentFile(), 200);
  program.settle();
  QCOMPARE(program.openings->load(), 2);
  QCOMPARE(program.session->spec().groupSize, 216);
  QCOMPARE(program.choices(), before);
  program.save(at("again.json"));

  // The neighbour of what is closed is opened in its place.
  program.session->closeCurrentFile();
  QTRY_COMPARE(program.session->currentFile(), 199);
  program.settle();
  QCOMPARE(program.openings->load(), 3);
  QCOMPARE(program.session->openFiles().size(), kFiles - 1);

  Program again;
  again.load(at("again.json"));
  QCOMPARE(again.choices(), before);
}

void SessionDocumentTest::whatCannotBeOpenedGivesWayAndStaysSaved() {
  Program before;
  before.open({at("old/one.h5"), at("old/two.h5")});
  before.save(at("old/s.json"));
  Program after;
  after.broken = at("old/one.h5");
  QSignalSpy failed(after.session.get(), &Session::failed);
  after.load(at("old/s.json"));
  QTRY_COMPARE(failed.count(), 1);
  QTRY_COMPARE(after.session->currentPath(), at("old/two.h5"));
  after.settle();
  QCOMPARE(after.session->openFiles(), QStringList{at("old/two.h5")});
  QCOMPARE(after.document->snapshot(false).files.size(), 2u);
}

void SessionDocumentTest::anEmptyNameComesBack() {
  SavedSession saved;
  saved.files.push_back({{at("old/one.h5"), QString(), {}, {}, false}, {}});
  QVERIFY(writeSession(saved, at("s.json")));
  QCOMPARE(readSession(at("s.json"))->files.front().state.tensor,
           std::optional<QString>(QString()));
  saved.files.front().state.tensor.reset();
  QVERIFY(writeSession(saved, at("s.json")));
  QVERIFY(!readSession(at("s.json"))->files.front().state.tensor);
  // An earlier version wrote an empty text for no tensor: there is none of that name here.
  saved.files.front().state.tensor = QString();
  QVERIFY(writeSession(saved, at("s.json")));
  Program program;
  QSignalSpy failed(program.session.get(), &Session::failed);
  program.load(at("s.json"));
  QTRY_COMPARE(program.session->currentTensor(), QStringLiteral("a/kernel"));
  QCOMPARE(failed.count(), 0);
}

/// A named pipe, as the session and as what a session names; then the program ends.
void SessionDocumentTest::whatIsNoFileNeverMakesAnythingWait() {
  const QString pipe = at("pipe.json");
  QVERIFY(::mkfifo(pipe.toLocal8Bit().constData(), 0600) == 0);
  QVERIFY(!looksLikeSession(pipe));
  QVERIFY(!fingerprintOf(pipe));
  SavedSession saved;
  saved.files.push_back({{pipe, {}, {}, {}, false}, {}});
  saved.files.push_back({{at("old/one.h5"), {}, {}, {}, false}, {}});
  QVERIFY(writeSession(saved, at("s.json")));
  Program program;
  QSignalSpy failed(program.document.get(), &SessionDocument::failed);
  program.document->open(pipe);
  QTRY_COMPARE(failed.count(), 1);
  QVERIFY(failed.front().front().toString().endsWith(QStringLiteral("a named pipe")));
  program.load(at("s.json"));
  QTRY_COMPARE(program.session->currentPath(), at("old/one.h5"));
  QCOMPARE(program.document->missing().size(), 1u);  // no file is there
  program.document->locate(pipe, pipe);
  program.save(at("s.json"));
}

void SessionDocumentTest::wrongSessionsAreRefused_data() {
  QTest::addColumn<QByteArray>("files");
  QTest::addColumn<QByteArray>("more");
  QTest::addColumn<QByteArray>("says");
  const QByteArray plan = R"("plan":{"format":"quantoscope-plan","version":1})";
  const auto file = [&](const QByteArray& members) {
    return QByteArray(R"([{"path":"/a.h5",)" + plan + "," + members + "}]");
  };
  const auto row = [](const char* name, const QByteArray& files, const QByteArray& more,
                      const QByteArray& says) { QTest::newRow(name) << files << more << says; };
  row("tensor", file(R"("tensor":7)"), "", "files[0]: tensor must be a text");
  row("words", file(R"("bfloat16":"yes")"), "", "files[0]: bfloat16 must be true or false");
  row("print", file(R"("fingerprint":[])"), "", "files[0]: fingerprint: must be a JSON object");
  row("size", file(R"("fingerprint":{"size":"x"})"), "", "size must be a whole number");
  row("relative", file(R"("relative_path":7)"), "", "relative_path must be a text");
  row("long", file(R"("relative_path":")" + QByteArray(5000, 'x') + "\""), "",
      "must be a path of at most 4096 bytes");
  row("zero", R"([{"path":"/a\u0000.h5",)" + plan + "}]", "", "none of them 0");
  row("current", "[]", R"(,"current":"first")", "current must be a whole number");
  row("baseline", "[]", R"(,"pins":{"list":[],"baseline":{}})", "baseline must be a whole number");
  row("pins", "[]", R"(,"pins":{"list":[0,1,2,3,4,5,6,7,8]})", "9 pins; allowed are at most 8");
  row("files", "[" + QByteArray("0,").repeated(10000) + "0]", "",
      "10001 files; allowed are at most 10000");
  row("deep", QByteArray(300, '[') + QByteArray(300, ']'), "", "nesting deeper than 200 levels");
}

void SessionDocumentTest::wrongSessionsAreRefused() {
  QFETCH(QByteArray, files);
  QFETCH(QByteArray, more);
  QFETCH(QByteArray, says);
  write(at("wrong.json"),
        R"({"format":"quantoscope-session","version":1,"files":)" + files + more + "}");
  const auto session = readSession(at("wrong.json"));
  QVERIFY(!session);
  const QByteArray message = QByteArray::fromStdString(session.error().message);
  QVERIFY2(message.startsWith(at("wrong.json").toUtf8() + ": "), message);
  QVERIFY2(message.contains(says), message);
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::SessionDocumentTest)
#include "session_document_test.moc"
