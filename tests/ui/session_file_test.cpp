// What is saved of a session, and that nothing short of the disk loses it.
#include "ui/session/session_file.h"

#include <cstdio>
#include <random>
#include <sys/stat.h>

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "core/exporting/plan_file.h"
#include "tests/support/fake_source.h"
#include "tests/support/topic.h"
#include "ui/session/autosave.h"
#include "ui/session/settings.h"

namespace quantoscope::ui {

namespace {

constexpr auto kVictim = "QUANTOSCOPE_TEST_VICTIM";

std::unique_ptr<Session> makeSession() {
  Session::Environment environment;
  environment.executor = Executor(1);
  environment.overview = false;
  environment.open = [](const std::string& path, const OpenOptions&) -> Result<SharedSource> {
    auto source = std::make_shared<test::FakeSource>(path);
    source->add("a/kernel", 8, 64);
    source->add("b/kernel", 4, 32);
    return SharedSource(source);
  };
  return std::make_unique<Session>(environment);
}

void edit(Session& session, int groupSize) {
  QuantSpec spec = session.spec();
  spec.groupSize = groupSize;
  session.editSpec(spec, QStringLiteral("group size"));
}

/// Edits for ever, one after another, and tells when something has been saved.
int beVictim(const QString& folder) {
  const auto session = makeSession();
  Autosave autosave(
      session.get(), folder, [&] { return savedSessionOf(*session); }, 5);
  int edits = 0;
  QTimer timer;
  QObject::connect(&timer, &QTimer::timeout, [&] { edit(*session, 1 + ++edits % 64); });
  QObject::connect(&autosave, &Autosave::saved, [] {
    std::puts("saved");
    std::fflush(stdout);
  });
  session->openFile(QStringLiteral("/fake/model.h5"));
  timer.start(1);
  return QCoreApplication::exec();
}

}  // namespace

class SessionFileTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void aSessionComesBackAsItWas();
  void aSourceThatMovedWithTheFileIsFound();
  void whatIsNoSessionIsRefused();
  void anOrderlyEndLeavesNothing();
  void programsSideBySideHaveFilesOfTheirOwn();
  void aKilledProgramLeavesAWholeSession();
  void settingsThatAreNoFileAreToldAndLeftAlone();
};

/// As a named pipe, which QSettings would wait for.
void SessionFileTest::settingsThatAreNoFileAreToldAndLeftAlone() {
  const QTemporaryDir folder;
  const QByteArray before = qgetenv("XDG_CONFIG_HOME");
  qputenv("XDG_CONFIG_HOME", folder.path().toLocal8Bit());
  QCoreApplication::setOrganizationName(QStringLiteral("Somebody"));
  QCoreApplication::setApplicationName(QStringLiteral("Something"));
  QVERIFY(QDir(folder.path()).mkdir(QStringLiteral("Somebody")));
  const QString path = folder.filePath(QStringLiteral("Somebody/Something.conf"));
  QVERIFY(::mkfifo(path.toLocal8Bit().constData(), 0600) == 0);
  {
    Settings settings;
    QCOMPARE(settings.problem(), path + QStringLiteral(": not a regular file but a named pipe"));
    settings.setLogCounts(true);  // for this run only
    QVERIFY(settings.logCounts());
  }
  QVERIFY(!QFileInfo(path).isFile());
  qputenv("XDG_CONFIG_HOME", before);
}

void SessionFileTest::aSessionComesBackAsItWas() {
  const QTemporaryDir folder;
  const QString path = folder.filePath(QStringLiteral("s.json"));
  const auto session = makeSession();
  session->openFile(QStringLiteral("/fake/one.h5"));
  session->openBeside(QStringLiteral("/fake/two.h5"));
  QTRY_COMPARE(session->openFiles().size(), 2);
  session->selectTensor(QStringLiteral("b/kernel"));
  edit(*session, 16);
  session->setCurrentFile(1);
  QTRY_VERIFY(session->settled());
  QVERIFY(writeSession(savedSessionOf(*session), path));

  const auto saved = readSession(path);
  QVERIFY(saved);
  QCOMPARE(saved->current, 1);
  const auto again = makeSession();
  for (int i = 0; i < 2; ++i) {
    again->restoreFile(saved->files[static_cast<std::size_t>(i)].state, i == saved->current);
  }
  QTRY_VERIFY(again->openFiles().size() == 2 && again->settled());
  QCOMPARE(again->openFiles(), session->openFiles());
  QCOMPARE(again->currentFile(), 1);
  again->setCurrentFile(0);  // opened only now
  QTRY_COMPARE(again->currentTensor(), QStringLiteral("b/kernel"));
  QCOMPARE(again->spec().groupSize, 16);
  QVERIFY(again->hasOwnSpec());
}

void SessionFileTest::aSourceThatMovedWithTheFileIsFound() {
  const QTemporaryDir folder;
  QVERIFY(QDir(folder.path()).mkpath(QStringLiteral("old")));
  QFile source(folder.filePath(QStringLiteral("old/w.h5")));
  QVERIFY(source.open(QIODevice::WriteOnly) && source.write("weights") == 7);
  source.close();
  SavedSession session;
  session.files.push_back({{source.fileName(), {}, {}}, {}});
  QVERIFY(writeSession(session, folder.filePath(QStringLiteral("old/s.json"))));
  QVERIFY(QDir(folder.path()).rename(QStringLiteral("old"), QStringLiteral("new")));

  const auto saved = readSession(folder.filePath(QStringLiteral("new/s.json")));
  QVERIFY(saved);
  const QString moved = folder.filePath(QStringLiteral("new/w.h5"));
  QCOMPARE(saved->files[0].state.path, moved);
  QVERIFY(saved->files[0].fingerprint);
  QVERIFY(saved->files[0].fingerprint->sameContent(*fingerprintOf(moved)));
}

void SessionFileTest::whatIsNoSessionIsRefused() {
  const QTemporaryDir folder;
  const QString path = folder.filePath(QStringLiteral("plan.json"));
  QVERIFY(writePlan({}, path.toStdString()));
  const auto saved = readSession(path);
  QVERIFY(!saved);
  QVERIFY(saved.error().message.find("is no quantoscope session") != std::string::npos);
}

void SessionFileTest::anOrderlyEndLeavesNothing() {
  const QTemporaryDir folder;
  const auto session = makeSession();
  Autosave autosave(
      session.get(), folder.path(), [&] { return savedSessionOf(*session); }, 5);
  QSignalSpy saved(&autosave, &Autosave::saved);
  session->openFile(QStringLiteral("/fake/one.h5"));
  QTRY_VERIFY(saved.count() > 0);
  QVERIFY(QFile::exists(autosave.path()));
  autosave.finish();
  QVERIFY(!QFile::exists(autosave.path()));
}

void SessionFileTest::programsSideBySideHaveFilesOfTheirOwn() {
  const QTemporaryDir folder;
  const auto session = makeSession();
  const auto snapshot = [&] { return savedSessionOf(*session); };
  const Autosave one(session.get(), folder.path(), snapshot);
  const Autosave two(session.get(), folder.path(), snapshot);
  QVERIFY(!one.path().isEmpty() && !two.path().isEmpty());
  QVERIFY(one.path() != two.path());
}

void SessionFileTest::aKilledProgramLeavesAWholeSession() {
  const QTemporaryDir folder;
  std::mt19937 random(11);
  for (int i = 0; i < 50; ++i) {
    QProcess victim;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QString::fromLatin1(kVictim), folder.path());
    victim.setProcessEnvironment(environment);
    victim.start(QCoreApplication::applicationFilePath(), {QStringLiteral("session_file_test")});
    QVERIFY(victim.waitForReadyRead(20000));
    QTest::qWait(static_cast<int>(random() % 40));
    victim.kill();  // SIGKILL
    QVERIFY(victim.waitForFinished());
    // The lock of the dead is taken over, and what it saved is whole.
    const auto session = makeSession();
    const Autosave next(session.get(), folder.path(), [] { return SavedSession{}; });
    QVERIFY(next.path().endsWith(QStringLiteral("session-1.json")));
    QVERIFY(next.found());
    QCOMPARE(next.found()->files[0].state.path, QStringLiteral("/fake/model.h5"));
  }
}

}  // namespace quantoscope::ui

QUANTOSCOPE_TOPIC_MAIN(argc, argv) {
  QApplication application(argc, argv);
  const QString folder = qEnvironmentVariable(quantoscope::ui::kVictim);
  if (!folder.isEmpty()) return quantoscope::ui::beVictim(folder);
  quantoscope::ui::SessionFileTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "session_file_test.moc"
