// What a process can no longer do once it has given up its rights.
#include "core/io/reader/sandbox.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <functional>
#include <linux/memfd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/descriptor.h"
#include "core/parallel/executor.h"

using namespace quantoscope;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kLimit = 200 * kMiB;
constexpr int kDenied = 7;
constexpr int kAllowed = 1;
constexpr int kNotHere = 77;

/// What code inside has to try with: made before the sandbox is entered.
struct Cell {
  std::string allowed;  ///< a file that was handed over as `file`
  std::string other;
  int file = -1;
  std::array<int, 2> socket = {-1, -1};
  pid_t victim = 0;
};

bool isRefusal(int number) {
  return number == EPERM || number == EACCES || number == ENOMEM || number == EAGAIN ||
         number == ENOSYS;
}

/// Whether a call failed because it is not allowed.
bool refused(long result) {
  return result < 0 && isRefusal(errno);
}

bool refusedMapping(const void* mapped) {
  return mapped == MAP_FAILED && isRefusal(errno);
}

void* anonymous(std::size_t bytes, int protection, int flags) {
  return mmap(nullptr, bytes, protection, flags | MAP_ANONYMOUS, -1, 0);
}

/// Whether all of `most` threads could be started at once.
bool startsThreads(int most) {
  std::atomic<bool> end{false};
  std::vector<std::thread> threads;
  bool all = true;
  try {
    for (int i = 0; i < most; ++i) {
      threads.emplace_back([&end] {
        while (!end) std::this_thread::yield();
      });
    }
  } catch (const std::system_error&) {
    all = false;
  }
  end = true;
  for (std::thread& thread : threads) thread.join();
  return all;
}

/// One thing that a reader which was taken over would try; true where it is denied.
struct Probe {
  const char* what;
  bool SandboxReport::*by;  ///< the part of the sandbox that denies it
  bool (*denied)(const Cell& cell);
};

using Report = SandboxReport;

const Probe kProbes[] = {
    // Files by their paths
    {"open the file by its path", &Report::landlock,
     [](const Cell& cell) { return refused(open(cell.allowed.c_str(), O_RDONLY)); }},
    {"open a file beside it", &Report::landlock,
     [](const Cell& cell) { return refused(open(cell.other.c_str(), O_RDONLY)); }},
    {"open /etc/passwd", &Report::landlock,
     [](const Cell&) { return refused(open("/etc/passwd", O_RDONLY)); }},
    {"open /proc/self/maps", &Report::landlock,
     [](const Cell&) { return refused(open("/proc/self/maps", O_RDONLY)); }},
    {"open the environment of another process", &Report::landlock,
     [](const Cell& cell) {
       const std::string path = "/proc/" + std::to_string(cell.victim) + "/environ";
       return refused(open(path.c_str(), O_RDONLY));
     }},
    {"open as a path only", &Report::seccomp,
     [](const Cell& cell) { return refused(open(cell.other.c_str(), O_PATH)); }},
    {"open for writing", &Report::seccomp,
     [](const Cell& cell) { return refused(open(cell.allowed.c_str(), O_WRONLY)); }},
    {"create a file", &Report::seccomp,
     [](const Cell& cell) {
       return refused(open((cell.other + "2").c_str(), O_RDONLY | O_CREAT, 0600));
     }},
    {"make a file without a name", &Report::seccomp,
     [](const Cell&) { return refused(open("/tmp", O_TMPFILE | O_RDWR, 0600)); }},
    {"delete a file", &Report::seccomp,
     [](const Cell& cell) { return refused(unlink(cell.other.c_str())); }},
    {"truncate the file", &Report::seccomp,
     [](const Cell& cell) { return refused(ftruncate(cell.file, 0)); }},
    {"read a link of /proc", &Report::seccomp,
     [](const Cell&) {
       std::array<char, 100> target{};
       return refused(readlink("/proc/self/exe", target.data(), target.size()));
     }},
    // The world outside
    {"socket of the network", &Report::seccomp,
     [](const Cell&) { return refused(socket(AF_INET, SOCK_STREAM, 0)); }},
    {"socket of this machine", &Report::seccomp,
     [](const Cell&) { return refused(socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"pair of sockets", &Report::seccomp,
     [](const Cell&) {
       std::array<int, 2> pair{};
       return refused(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()));
     }},
    {"pipe", &Report::seccomp,
     [](const Cell&) {
       std::array<int, 2> pair{};
       return refused(pipe(pair.data()));
     }},
    {"control of a device", &Report::seccomp,
     [](const Cell& cell) { return refused(syscall(SYS_ioctl, cell.socket[0], 0x8901, nullptr)); }},
    // Processes
    {"fork", &Report::seccomp, [](const Cell&) { return refused(syscall(SYS_fork)); }},
    {"clone that is no thread", &Report::seccomp,
     [](const Cell&) { return refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
    {"thread in a new name space", &Report::seccomp,
     [](const Cell&) {
       return refused(
           syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWUSER, 0, 0, 0, 0));
     }},
    {"clone3", &Report::seccomp,
     [](const Cell&) {
       std::array<std::uint64_t, 11> arguments{};
       return refused(syscall(SYS_clone3, arguments.data(), sizeof(arguments)));
     }},
    {"another program", &Report::seccomp,
     [](const Cell&) {
       char* const arguments[] = {nullptr};
       return refused(execve("/bin/true", arguments, arguments));
     }},
    {"new name space", &Report::seccomp,
     [](const Cell&) { return refused(unshare(CLONE_NEWUSER)); }},
    {"ptrace", &Report::seccomp,
     [](const Cell& cell) { return refused(ptrace(PTRACE_ATTACH, cell.victim, 0, 0)); }},
    {"memory of another process", &Report::seccomp,
     [](const Cell& cell) {
       return refused(syscall(SYS_process_vm_readv, cell.victim, 0, 0, 0, 0, 0));
     }},
    {"prctl", &Report::seccomp, [](const Cell&) { return refused(prctl(PR_SET_DUMPABLE, 1)); }},
    {"io_uring", &Report::seccomp,
     [](const Cell&) { return refused(syscall(SYS_io_uring_setup, 1, nullptr)); }},
    {"userfaultfd", &Report::seccomp,
     [](const Cell&) { return refused(syscall(SYS_userfaultfd, 0)); }},
    {"bpf", &Report::seccomp, [](const Cell&) { return refused(syscall(SYS_bpf, 0, 0, 0)); }},
    {"keys", &Report::seccomp, [](const Cell&) { return refused(syscall(SYS_keyctl, 0, 0, 0)); }},
    {"limits of another process", &Report::seccomp,
     [](const Cell& cell) {
       rlimit now = {};
       return refused(syscall(SYS_prlimit64, cell.victim, RLIMIT_AS, nullptr, &now));
     }},
    {"new limits", &Report::seccomp,
     [](const Cell&) {
       const rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
       return refused(syscall(SYS_prlimit64, 0, RLIMIT_DATA, &none, nullptr));
     }},
    {"processors of another process", &Report::seccomp,
     [](const Cell& cell) {
       cpu_set_t first;
       CPU_ZERO(&first);
       CPU_SET(0, &first);
       return refused(sched_setaffinity(cell.victim, sizeof(first), &first)) &&
              refused(sched_getaffinity(cell.victim, sizeof(first), &first));
     }},
    {"scheduling of another process", &Report::seccomp,
     [](const Cell& cell) {
       const sched_param idle = {};
       return refused(sched_setscheduler(cell.victim, SCHED_IDLE, &idle)) &&
              refused(syscall(SYS_setpriority, PRIO_PROCESS, cell.victim, 19)) &&
              refused(syscall(SYS_ioprio_set, 1, cell.victim, 0)) &&
              refused(syscall(SYS_sched_setattr, cell.victim, nullptr, 0));
     }},
    // Signals
    {"kill", &Report::seccomp,
     [](const Cell& cell) { return refused(kill(cell.victim, SIGKILL)); }},
    {"tkill", &Report::seccomp,
     [](const Cell& cell) { return refused(syscall(SYS_tkill, cell.victim, SIGKILL)); }},
    {"tgkill", &Report::seccomp,
     [](const Cell& cell) {
       return refused(syscall(SYS_tgkill, cell.victim, cell.victim, SIGKILL));
     }},
    {"queued signal", &Report::seccomp,
     [](const Cell& cell) {
       return refused(sigqueue(cell.victim, SIGKILL, {})) &&
              refused(syscall(SYS_rt_tgsigqueueinfo, cell.victim, cell.victim, SIGKILL, nullptr));
     }},
    {"descriptor of a process", &Report::seccomp,
     [](const Cell& cell) {
       return refused(syscall(SYS_pidfd_open, cell.victim, 0)) &&
              refused(syscall(SYS_pidfd_send_signal, 0, SIGKILL, nullptr, 0)) &&
              refused(syscall(SYS_pidfd_getfd, 0, 0, 0));
     }},
    {"timer that signals", &Report::seccomp,
     [](const Cell&) {
       timer_t timer = {};
       return refused(timer_create(CLOCK_MONOTONIC, nullptr, &timer));
     }},
    {"owner of a descriptor", &Report::seccomp,
     [](const Cell& cell) {
       f_owner_ex owner = {F_OWNER_PID, cell.victim};
       return refused(fcntl(cell.socket[0], F_SETOWN, cell.victim)) &&
              refused(fcntl(cell.socket[0], F_SETOWN_EX, &owner));
     }},
    {"signal of a descriptor", &Report::seccomp,
     [](const Cell& cell) { return refused(fcntl(cell.socket[0], F_SETSIG, SIGKILL)); }},
    {"signal when data come", &Report::seccomp,
     [](const Cell& cell) { return refused(fcntl(cell.socket[0], F_SETFL, O_ASYNC)); }},
    {"notice of a folder, lease of a file, lock", &Report::seccomp,
     [](const Cell& cell) {
       flock lock = {};
       return refused(fcntl(cell.file, F_NOTIFY, DN_ACCESS)) &&
              refused(fcntl(cell.file, F_SETLEASE, F_RDLCK)) &&
              refused(fcntl(cell.file, F_OFD_SETLK, &lock));
     }},
    // Memory and threads
    {"private memory beyond the limit", &Report::memoryLimit,
     [](const Cell&) {
       return refusedMapping(anonymous(kLimit + kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE));
     }},
    {"memory made writable later", &Report::memoryLimit,
     [](const Cell&) {
       void* mapped = anonymous(kLimit + kMiB, PROT_READ, MAP_PRIVATE);
       return mapped == MAP_FAILED ||
              refused(mprotect(mapped, kLimit + kMiB, PROT_READ | PROT_WRITE));
     }},
    {"a stack that is not counted", &Report::seccomp,
     [](const Cell&) {
       return refusedMapping(
           anonymous(kLimit + kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_GROWSDOWN));
     }},
    {"shared memory of its own", &Report::seccomp,
     [](const Cell&) {
       return refusedMapping(anonymous(kMiB, PROT_READ | PROT_WRITE, MAP_SHARED)) &&
              refusedMapping(anonymous(kMiB, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE)) &&
              refused(syscall(SYS_memfd_create, "x", 0)) && refused(syscall(SYS_memfd_secret, 0)) &&
              refused(syscall(SYS_shmget, 0, kMiB, 0600));
     }},
    {"threads without end", &Report::threadLimit, [](const Cell&) { return !startsThreads(3000); }},
};

}  // namespace

class SandboxTest : public QObject {
  Q_OBJECT

 private:
  /// Runs `work` in a child that has entered a sandbox; what it returns, or -1.
  static int inSandbox(const std::function<int(const SandboxReport&)>& work,
                       const SandboxRules& rules = {}) {
    const pid_t child = fork();
    if (child == 0) _exit(work(enterSandbox(rules)));
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

  void whatATakenOverReaderTriesIsDenied_data() {
    QTest::addColumn<int>("row");
    for (int row = 0; const Probe& probe : kProbes) QTest::newRow(probe.what) << row++;
  }
  void whatATakenOverReaderTriesIsDenied() {
    QFETCH(int, row);
    const Probe& probe = kProbes[row];
    Cell cell;
    cell.allowed = path("allowed");
    cell.other = path("other");
    const Descriptor file(open(cell.allowed.c_str(), O_RDONLY | O_CLOEXEC));
    QCOMPARE(socketpair(AF_UNIX, SOCK_STREAM, 0, cell.socket.data()), 0);
    const Descriptor one(cell.socket[0]);
    const Descriptor two(cell.socket[1]);
    cell.file = file.get();
    cell.victim = fork();
    if (cell.victim == 0) {
      for (;;) pause();
    }
    const int result = inSandbox(
        [&](const SandboxReport& report) {
          if (!(report.*probe.by)) return kNotHere;
          return probe.denied(cell) ? kDenied : kAllowed;
        },
        {.memoryBytes = kLimit});
    int status = 0;
    const bool lives = waitpid(cell.victim, &status, WNOHANG) == 0;
    kill(cell.victim, SIGKILL);
    waitpid(cell.victim, &status, 0);
    if (result == kNotHere) QSKIP("this kernel lacks the part of the sandbox that denies it");
    QCOMPARE(result, kDenied);
    QVERIFY(lives);
    QVERIFY(QFile::exists(directory_.filePath("other")));
  }

  void whatWasHandedOverCanBeRead() {
    const Descriptor file(open(path("allowed").c_str(), O_RDONLY | O_CLOEXEC));
    QCOMPARE(inSandbox([&file](const SandboxReport&) {
               char byte = 0;
               struct stat status = {};
               if (pread(file.get(), &byte, 1, 0) != 1 || byte != 'x') return 1;
               return fstat(file.get(), &status) == 0 && status.st_size == 1 ? 7 : 2;
             }),
             7);
  }

  void sharedMemoryThatWasHandedOverIsNotCounted() {
    const Descriptor memory(memfd_create("test", MFD_CLOEXEC));
    QCOMPARE(ftruncate(memory.get(), kLimit + kMiB), 0);
    QCOMPARE(inSandbox(
                 [&memory](const SandboxReport&) {
                   void* shared = mmap(nullptr, kLimit + kMiB, PROT_READ | PROT_WRITE, MAP_SHARED,
                                       memory.get(), 0);
                   return shared != MAP_FAILED ? 7 : 3;
                 },
                 {.memoryBytes = kLimit}),
             7);
  }

  void whoMayReadEverythingOpensByPath() {
    QCOMPARE(inSandbox(
                 [this](const SandboxReport& report) {
                   if (open(path("other").c_str(), O_RDONLY) < 0) return 1;
                   if (report.seccomp && !refused(open(path("other").c_str(), O_WRONLY))) return 2;
                   return 7;
                 },
                 {.readable = ReadableFiles::Everything}),
             7);
  }

  void everyPartIsToldOnce() {
    SandboxReport none;
    SandboxReport all = {true, true, true, true, true, true};
    for (const Confinement& row : kConfinements) {
      QVERIFY(!(none.*row.inForce));
      QVERIFY(all.*row.inForce);
      all.*row.inForce = false;
    }
    for (const Confinement& row : kConfinements) QVERIFY(!(all.*row.inForce));
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
