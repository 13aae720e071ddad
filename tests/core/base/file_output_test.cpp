// What every file that the programs write can count on.
#include "core/base/file_output.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <QDir>
#include <QTemporaryDir>
#include <QtTest>

using namespace quantoscope;

namespace {

using Temporary = PendingFile::Temporary;

/// A row for each way of writing, since file systems decide which one is used.
void everyKind() {
  QTest::addColumn<Temporary>("kind");
  QTest::newRow("nameless") << Temporary::Nameless;
  QTest::newRow("named") << Temporary::Named;
}

unsigned modeOf(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

Status writeAs(Temporary kind, const OutputPath& path, std::string_view content) {
  PendingFile pending(path);
  if (auto status = pending.create(kind); !status) return status;
  if (auto status = pending.write(content); !status) return status;
  return pending.commit();
}

}  // namespace

Q_DECLARE_METATYPE(Temporary)

class FileOutputTest : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<QTemporaryDir> folder_;

  std::string path(const std::string& name) const {
    return folder_->path().toStdString() + "/" + name;
  }
  QStringList names() const {
    return QDir(folder_->path())
        .entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
  }
  static std::string contentOf(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void put(const std::string& path, const std::string& content) {
    std::ofstream(path) << content;
  }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void aFileHasNoOtherNameWhileItIsWritten() {
    PendingFile pending(path("a"));
    QVERIFY(pending.create(Temporary::Nameless));
    QVERIFY(pending.write("half"));
    QVERIFY(pending.temporaryPath().empty());
    QCOMPARE(names(), QStringList());
    QVERIFY(pending.write(" and half"));
    QVERIFY(pending.commit());
    QCOMPARE(contentOf(path("a")), std::string("half and half"));
    QCOMPARE(names(), QStringList{"a"});
  }

  void whoMustOpenItByNameCan() {
    PendingFile pending(path("a"));
    QVERIFY(pending.create(Temporary::Named));
    put(pending.temporaryPath(), "by name");
    QVERIFY(pending.commit());
    QCOMPARE(contentOf(path("a")), std::string("by name"));
    QCOMPARE(names(), QStringList{"a"});
  }

  void aFileThatIsNotToBeReplacedIsNot_data() { everyKind(); }
  void aFileThatIsNotToBeReplacedIsNot() {
    QFETCH(Temporary, kind);
    put(path("a"), "old");
    const Status early = writeAs(kind, {path("a"), Existing::Kept}, "new");
    QCOMPARE(early.error().message, path("a") + ": already exists; it was left as it is");
    // One that somebody else makes in the meantime.
    PendingFile pending({path("b"), Existing::Kept});
    QVERIFY(pending.create(kind));
    QVERIFY(pending.write("new"));
    put(path("b"), "theirs");
    const Status late = pending.commit();
    QCOMPARE(late.error().code, ErrorCode::OutputFailed);
    QCOMPARE(late.error().message, path("b") + ": already exists; it was left as it is");
    QCOMPARE(contentOf(path("a")), std::string("old"));
    QCOMPARE(contentOf(path("b")), std::string("theirs"));
  }

  void ofTwoWritersExactlyOneWins_data() { everyKind(); }
  void ofTwoWritersExactlyOneWins() {
    QFETCH(Temporary, kind);
    for (int round = 0; round < 50; ++round) {
      const std::string target = path(std::to_string(round));
      std::atomic<int> won = 0;
      std::atomic<int> lost = 0;
      std::vector<std::thread> writers;
      for (int i = 0; i < 4; ++i) {
        writers.emplace_back([&, i] {
          const std::string mine(1000, static_cast<char>('a' + i));
          const Status status = writeAs(kind, {target, Existing::Kept}, mine);
          ++(status ? won : lost);
        });
      }
      for (std::thread& writer : writers) writer.join();
      QCOMPARE(won.load(), 1);
      QCOMPARE(lost.load(), 3);
      QCOMPARE(contentOf(target), std::string(1000, contentOf(target)[0]));
    }
    QCOMPARE(names().size(), 50);
  }

  void permissionsOfAReplacedFileAreKept_data() { everyKind(); }
  void permissionsOfAReplacedFileAreKept() {
    QFETCH(Temporary, kind);
    for (const mode_t mode : {0600, 0640, 0755, 0444}) {
      put(path("a"), "old");
      QCOMPARE(chmod(path("a").c_str(), mode), 0);
      QVERIFY(writeAs(kind, path("a"), "new"));
      QCOMPARE(modeOf(path("a")), mode);
      QCOMPARE(contentOf(path("a")), std::string("new"));
      std::filesystem::remove(path("a"));
    }
  }

  void aSecretIsNoMomentReadableByOthers() {
    put(path("a"), "old");
    QCOMPARE(chmod(path("a").c_str(), 0600), 0);
    PendingFile pending(path("a"));
    QVERIFY(pending.create(Temporary::Named));
    QCOMPARE(modeOf(pending.temporaryPath()), 0600u);
  }

  void newFilesHaveThePermissionsThatTheUserChose_data() { everyKind(); }
  void newFilesHaveThePermissionsThatTheUserChose() {
    QFETCH(Temporary, kind);
    const mode_t before = umask(027);
    QVERIFY(writeAs(kind, path("a"), "x"));
    umask(before);
    QCOMPARE(modeOf(path("a")), 0640u);
  }

  void plantedLinksLeadNowhere() {
    put(path("victim"), "precious");
    // What an earlier version would have used, for this very process.
    const std::string planted = path("a.part" + std::to_string(getpid()));
    std::filesystem::create_symlink(path("victim"), planted);
    QVERIFY(writeFile(path("a"), "new"));
    QVERIFY(writeAs(Temporary::Named, path("a"), "new"));
    QCOMPARE(contentOf(path("victim")), std::string("precious"));
    // And a temporary file that is swapped for a link is noticed.
    PendingFile pending(path("b"));
    QVERIFY(pending.create(Temporary::Named));
    std::filesystem::remove(pending.temporaryPath());
    std::filesystem::create_symlink(path("victim"), pending.temporaryPath());
    QVERIFY(pending.write("new"));
    QCOMPARE(pending.commit().error().code, ErrorCode::OutputFailed);
    QCOMPARE(contentOf(path("victim")), std::string("precious"));
    QVERIFY(!std::filesystem::exists(path("b")));
  }

  void namesMayBeAsLongAsTheFileSystemLets_data() { everyKind(); }
  void namesMayBeAsLongAsTheFileSystemLets() {
    QFETCH(Temporary, kind);
    const std::string longest(255, 'n');
    QVERIFY(writeAs(kind, path(longest), "one"));
    QVERIFY(writeAs(kind, path(longest), "two"));
    QCOMPARE(contentOf(path(longest)), std::string("two"));
    PendingFile tooLong(path(std::string(256, 'n')));
    QCOMPARE(tooLong.create(kind).error().code, ErrorCode::OutputFailed);
    QCOMPARE(names().size(), 1);
  }

  void whatADeadProcessLeftIsRemovedAndWhatALivingOneHoldsIsNot() {
    PendingFile held(path("held"));
    QVERIFY(held.create(Temporary::Named));
    const pid_t child = fork();
    if (child == 0) {
      PendingFile left(path("left"));
      if (!left.create(Temporary::Named) || !left.write("half")) _exit(1);
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    QVERIFY(WIFSIGNALED(status));
    QCOMPARE(names().size(), 2);  // both temporary files
    put(path(".quantoscope-0123456789abcdeX.part"), "somebody else's name");
    put(path("x.part123"), "an old one, whoever made it");
    QVERIFY(writeFile(path("a"), "x"));
    QCOMPARE(names().size(), 4);
    QVERIFY(held.write("whole"));
    QVERIFY(held.commit());
    QCOMPARE(contentOf(path("held")), std::string("whole"));
  }

  void aKilledProcessLeavesTheOldOrTheNewFile() {
    // A child that replaces the file over and over, killed at moments that differ.
    put(path("a"), std::string(100000, '0'));
    for (int round = 0; round < 20; ++round) {
      const pid_t child = fork();
      if (child == 0) {
        for (char c = 'a';; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
          const auto kind = c % 2 == 0 ? Temporary::Named : Temporary::Nameless;
          if (!writeAs(kind, path("a"), std::string(100000, c))) _exit(1);
        }
      }
      usleep(static_cast<useconds_t>(1000 * round));
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      const std::string content = contentOf(path("a"));
      QCOMPARE(content, std::string(100000, content[0]));
    }
    QVERIFY(writeFile(path("b"), ""));
    QCOMPARE(names(), (QStringList{"a", "b"}));
  }

  void aFolderThatIsLostIsAnError_data() { everyKind(); }
  void aFolderThatIsLostIsAnError() {
    QFETCH(Temporary, kind);
    std::filesystem::create_directory(path("d"));
    PendingFile pending(path("d/a"));
    QVERIFY(pending.create(kind));
    QVERIFY(pending.write("x"));
    std::filesystem::remove_all(path("d"));
    const Status status = pending.commit();
    QCOMPARE(status.error().code, ErrorCode::OutputFailed);
    QVERIFY(status.error().message.starts_with(path("d/a: ")));
  }

  void aFullDiskLeavesTheOldFile() {
    if (geteuid() != 0) QSKIP("only root can mount a small disk");
    std::filesystem::create_directory(path("disk"));
    const std::string disk = path("disk");
    if (mount("none", disk.c_str(), "tmpfs", 0, "size=1m") != 0) QSKIP("nothing can be mounted");
    put(disk + "/a", "old");
    for (const Temporary kind : {Temporary::Nameless, Temporary::Named}) {
      const Status status = writeAs(kind, disk + "/a", std::string(2 << 20, 'x'));
      QCOMPARE(status.error().message, disk + "/a: writing failed: No space left on device");
      QCOMPARE(contentOf(disk + "/a"), std::string("old"));
      QCOMPARE(QDir(QString::fromStdString(disk)).entryList(QDir::Files | QDir::Hidden).size(), 1);
      PendingFile pending(disk + "/b");
      QVERIFY(pending.create(kind));
      QVERIFY(!pending.reserve(2 << 20));
    }
    umount(disk.c_str());
  }
};

QTEST_GUILESS_MAIN(FileOutputTest)
#include "file_output_test.moc"
