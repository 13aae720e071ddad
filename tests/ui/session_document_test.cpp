// Sessions under a name: nothing is lost between saving and opening, nor with a source that moved.
#include "ui/session/session_document.h"

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

  Program() {
    Session::Environment environment;
    environment.executor = Executor(1);
    environment.overview = false;
    environment.open = [](const std::string& path, const OpenOptions&) -> Result<SharedSource> {
      if (!QFile::exists(QString::fromStdString(path))) {
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
      text += QFileInfo(state.path).fileName().toStdString() + state.tensor.toStdString() +
              planToJson(state.plan).text() + (state.wordsAreBFloat16 ? "bfloat16" : "");
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

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::SessionDocumentTest)
#include "session_document_test.moc"
