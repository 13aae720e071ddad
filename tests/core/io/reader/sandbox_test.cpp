// What a process can no longer do once it has given up its rights.
#include "core/io/reader/sandbox.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/parallel/executor.h"

using namespace quantoscope;

class SandboxTest : public QObject {
  Q_OBJECT

 private:
  /// Runs `work` in a child that has entered a sandbox around `file`; what it returns, or -1.
  int inSandbox(const std::function<int(const SandboxReport&)>& work,
                std::uint64_t memoryBytes = 0) const {
    const std::string file = path("allowed");
    const pid_t child = fork();
    if (child == 0) _exit(work(enterSandbox({memoryBytes, file})));
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }
  std::string path(const char* name) const { return directory_.filePath(name).toStdString(); }

  QTemporaryDir directory_;

 private slots:
  void initTestCase() {
#ifdef __SANITIZE_ADDRESS__
    QSKIP("sanitizers need the rights that are given up");
#endif
    for (const char* name : {"allowed", "other"}) {
      QFile file(directory_.filePath(name));
      QVERIFY(file.open(QIODevice::WriteOnly) && file.write("x") == 1);
    }
  }

  void noNewPrivilegesAndNoDumps() {
    QCOMPARE(inSandbox([](const SandboxReport& report) {
               rlimit core = {};
               getrlimit(RLIMIT_CORE, &core);
               return report.noNewPrivileges && core.rlim_max == 0 ? 7 : 1;
             }),
             7);
  }

  void callsThatReadingDoesNotNeedFail() {
    QCOMPARE(inSandbox([this](const SandboxReport& report) {
               if (!report.seccomp) return 77;
               if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 1;
               if (fork() >= 0) return 2;
               if (open(path("allowed").c_str(), O_WRONLY) >= 0) return 3;
               if (open(path("new").c_str(), O_RDONLY | O_CREAT, 0600) >= 0) return 4;
               if (unlink(path("other").c_str()) == 0) return 5;
               char* const arguments[] = {nullptr};
               execve("/bin/true", arguments, arguments);
               if (errno != EPERM) return 6;
               if (kill(getppid(), 0) == 0) return 8;
               return 7;
             }),
             7);
    QVERIFY(QFile::exists(directory_.filePath("other")));
  }

  void onlyTheFileCanBeRead() {
    const int result = inSandbox([this](const SandboxReport& report) {
      if (!report.landlock) return 77;
      if (open(path("allowed").c_str(), O_RDONLY) < 0) return 1;
      if (open(path("other").c_str(), O_RDONLY) >= 0) return 2;
      if (open("/etc/passwd", O_RDONLY) >= 0) return 3;
      return 7;
    });
    if (result == 77) QSKIP("this kernel has no Landlock");
    QCOMPARE(result, 7);
  }

  void memoryIsLimitedButSharedMemoryIsNot() {
    QCOMPARE(inSandbox(
                 [](const SandboxReport& report) {
                   if (!report.memoryLimit) return 1;
                   if (std::malloc(std::size_t{300} << 20) != nullptr) return 2;
                   void* shared = mmap(nullptr, std::size_t{300} << 20, PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
                   return shared != MAP_FAILED ? 7 : 3;
                 },
                 std::uint64_t{200} << 20),
             7);
  }

  void readingAndComputingOnThreadsStillWork() {
    QCOMPARE(inSandbox([](const SandboxReport&) {
               std::atomic<int> done{0};
               const Executor executor(4);
               if (!executor.forEachBlock(100, [&](std::size_t) { ++done; })) return 1;
               std::thread([&] { ++done; }).join();
               return done == 101 ? 7 : 2;
             }),
             7);
  }
};

QTEST_APPLESS_MAIN(SandboxTest)
#include "sandbox_test.moc"
