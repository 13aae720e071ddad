// Folders that appear whole or not at all.
#include "core/base/folder_output.h"

#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QDir>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/temporary_name.h"

using namespace quantoscope;

class FolderOutputTest : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<QTemporaryDir> folder_;

  std::string path(const std::string& name) const {
    return folder_->path().toStdString() + "/" + name;
  }
  QStringList names(const QString& below = {}) const {
    return QDir(folder_->path() + "/" + below)
        .entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
  }
  static std::string contentOf(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// A folder with one file.
  static Status writeFolder(const OutputPath& path, const std::string& content) {
    PendingFolder pending(path);
    if (auto status = pending.create(); !status) return status;
    if (auto status = writeFile(pending.pathOf("a"), content); !status) return status;
    return pending.commit({"a"});
  }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void aFolderHasNoFinalNameWhileItIsWritten() {
    PendingFolder pending(path("out"));
    QVERIFY(pending.create());
    QVERIFY(writeFile(pending.pathOf("a"), "1"));
    QCOMPARE(names().size(), 1);
    QVERIFY(isTemporaryName(names()[0].toStdString()));
    QVERIFY(pending.commit({"a"}));
    QCOMPARE(names(), QStringList{"out"});
    QCOMPARE(contentOf(path("out/a")), std::string("1"));
    QCOMPARE(contentOf(path(std::string("out/") + kFolderList)),
             std::string(".quantoscope-files\na\n"));
  }

  void withoutACommitNothingIsLeft() {
    {
      PendingFolder pending(path("out"));
      QVERIFY(pending.create());
      QVERIFY(writeFile(pending.pathOf("a"), "1"));
    }
    QCOMPARE(names(), QStringList{});
  }

  void whatIsThereIsKeptUnlessItMayBeReplaced() {
    QVERIFY(writeFolder(path("out"), "old"));
    const Status kept = writeFolder({path("out"), Existing::Kept}, "new");
    QCOMPARE(kept.error().code, ErrorCode::OutputFailed);
    QCOMPARE(contentOf(path("out/a")), std::string("old"));
    QVERIFY(writeFolder(path("out/"), "new"));  // a slash at the end changes nothing
    QCOMPARE(contentOf(path("out/a")), std::string("new"));
    QCOMPARE(names(), QStringList{"out"});
  }

  void aFolderThatAppearsMeanwhileIsKept() {
    PendingFolder pending({path("out"), Existing::Kept});
    QVERIFY(pending.create());
    QVERIFY(writeFolder(path("out"), "other"));
    QCOMPARE(pending.commit({}).error().code, ErrorCode::OutputFailed);
    QCOMPARE(contentOf(path("out/a")), std::string("other"));
  }

  void aFolderWithAnythingOfSomebodyElseIsNotTouched() {
    QVERIFY(writeFolder(path("out"), "old"));
    std::ofstream(path("out/mine")) << "precious";
    const Status refused = writeFolder(path("out"), "new");
    QVERIFY(QString::fromStdString(refused.error().message).contains("holds mine"));
    QCOMPARE(contentOf(path("out/mine")), std::string("precious"));
    QCOMPARE(contentOf(path("out/a")), std::string("old"));
    // Nor one that was put there between the beginning and the end.
    QVERIFY(QFile::remove(folder_->filePath("out/mine")));
    PendingFolder pending(path("out"));
    QVERIFY(pending.create());
    std::ofstream(path("out/mine")) << "precious";
    QVERIFY(QString::fromStdString(pending.commit({}).error().message).contains("holds mine"));
    QCOMPARE(contentOf(path("out/mine")), std::string("precious"));
  }

  void aFolderOrALinkWithinIsSomebodyElses() {
    QVERIFY(writeFolder(path("out"), "old"));
    QVERIFY(QFile::remove(folder_->filePath("out/a")));
    QCOMPARE(mkdir(path("out/a").c_str(), 0777), 0);  // by a listed name
    QVERIFY(!writeFolder(path("out"), "new"));
    QCOMPARE(rmdir(path("out/a").c_str()), 0);
    QCOMPARE(symlink("/etc", path("out/a").c_str()), 0);
    QVERIFY(!writeFolder(path("out"), "new"));
    QVERIFY(QFile::exists("/etc/passwd"));
  }

  void filesLinksAndDotsAreNoFolders() {
    std::ofstream(path("file")) << "x";
    QVERIFY(!writeFolder(path("file"), "new"));
    QCOMPARE(symlink(folder_->path().toUtf8().constData(), path("link").c_str()), 0);
    QVERIFY(!writeFolder(path("link"), "new"));
    QVERIFY(!writeFolder(path("."), "new"));
    QVERIFY(!writeFolder("/", "new"));
    QVERIFY(!writeFolder(path("no/such"), "new"));
  }

  void whatAKilledProcessLeftIsRemovedByTheNext() {
    const pid_t child = fork();
    if (child == 0) {
      PendingFolder left(path("out"));
      if (!left.create() || !writeFile(left.pathOf("a"), "half")) _exit(1);
      raise(SIGKILL);
    }
    waitpid(child, nullptr, 0);
    QCOMPARE(names().size(), 1);
    PendingFolder running(path("other"));  // but not what somebody writes just now
    QVERIFY(running.create());
    QVERIFY(writeFolder(path("out"), "1"));
    QCOMPARE(names().size(), 2);
    QVERIFY(running.commit({}));
    QCOMPARE(names(), (QStringList{"other", "out"}));
  }

  void aRunThatIsKilledAtAnyMomentLeavesTheOldFolderOrTheNewOne() {
    QVERIFY(writeFolder(path("out"), "old"));
    for (int i = 0; i < 40; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        for (;;) (void)writeFolder(path("out"), "new");
      }
      usleep(static_cast<useconds_t>(500 + 700 * i));
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      const std::string content = contentOf(path("out/a"));
      QVERIFY2(content == "old" || content == "new", content.c_str());
    }
    QVERIFY(writeFolder(path("out"), "last"));
    QCOMPARE(names(), QStringList{"out"});
  }
};

QTEST_GUILESS_MAIN(FolderOutputTest)
#include "folder_output_test.moc"
