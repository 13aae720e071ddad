#include "core/io/reader/sandbox.h"

#include <algorithm>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef __SANITIZE_ADDRESS__
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/descriptor.h"
#endif

namespace quantoscope {

namespace {

/// Never more than is allowed already.
bool limit(__rlimit_resource resource, rlim_t most) {
  rlimit now = {};
  if (getrlimit(resource, &now) == 0) most = std::min(most, now.rlim_max);
  const rlimit both{most, most};
  return setrlimit(resource, &both) == 0;
}

#ifndef __SANITIZE_ADDRESS__

/// Far more than any recursion of the libraries takes.
constexpr rlim_t kMostStack = rlim_t{64} << 20;

/// The kernel's structure as its sixth version has it; headers may know less of it. Older kernels
/// take it where what they do not know is 0.
struct LandlockRules {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

/// All that a version of Landlock can take away.
LandlockRules allLandlockRules(long version) {
  constexpr std::uint64_t kFirst = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;
  constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;
  constexpr std::uint64_t kDeviceControl = std::uint64_t{1} << 15;
  constexpr std::uint64_t kBindAndConnect = 3;
  constexpr std::uint64_t kAbstractSocketsAndSignals = 3;
  LandlockRules all;
  all.files = kFirst | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0) |
              (version >= 5 ? kDeviceControl : 0);
  if (version >= 4) all.network = kBindAndConnect;
  if (version >= 6) all.scoped = kAbstractSocketsAndSignals;
  return all;
}

/// Allows reading at or below a path; what is not there needs no rule.
void allowReading(int ruleset, const char* path) {
  const Descriptor place(open(path, O_PATH | O_CLOEXEC));
  struct stat status = {};
  if (!place || fstat(place.get(), &status) != 0) return;
  landlock_path_beneath_attr rule = {};
  rule.parent_fd = place.get();
  rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
  if (S_ISDIR(status.st_mode)) rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

void restrictByLandlock(const SandboxRules& rules, SandboxReport& report) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return;
  const LandlockRules all = allLandlockRules(version);
  const Descriptor ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0)));
  if (!ruleset) return;
  if (rules.readable == ReadableFiles::Everything) {
    allowReading(ruleset.get(), "/");
  } else {
    // Libraries that are loaded late: HDF5's filter plugins and what they need.
    for (const char* place : {"/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache",
                              "/sys/devices/system/cpu", "/dev/null"}) {
      allowReading(ruleset.get(), place);
    }
    if (const char* plugins = std::getenv("HDF5_PLUGIN_PATH")) {
      allowReading(ruleset.get(), plugins);
    }
  }
  report.landlock = syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
  report.signalScope = report.landlock && version >= 6;
}

/// More than one pool of workers has, with room for what libraries start.
rlim_t mostThreads() {
  const long processors = sysconf(_SC_NPROCESSORS_CONF);
  return static_cast<rlim_t>(std::max(1L, processors)) + 64;
}

constexpr uid_t kNobody = 65534;

/// Root's threads are never counted, so root becomes nobody: what is read comes as descriptors.
bool leaveRoot() {
  return getuid() != 0 ||
         (setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
          setresuid(kNobody, kNobody, kNobody) == 0);
}

/// A user namespace of its own makes the kernel count this process' threads alone, not all of the
/// user's processes; what rights it brings within itself are given up at once.
bool limitThreads(const SandboxRules& rules) {
  if (rules.readable == ReadableFiles::Everything && getuid() == 0) return false;
  if (!leaveRoot() || unshare(CLONE_NEWUSER) != 0) return false;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return false;
  return limit(RLIMIT_NPROC, mostThreads());
}

/// What reading, computing on several threads, and dying need.
constexpr int kAllowedCalls[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(preadv),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(fadvise64),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getcpu),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/// What opening files by their paths needs besides.
constexpr int kPathCalls[] = {
    SCMP_SYS(stat),      SCMP_SYS(lstat),      SCMP_SYS(statx),    SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(fstatfs),   SCMP_SYS(statfs),
};

/// A filter to which calls are added; remembers whether all could be.
class CallFilter {
 public:
  CallFilter() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM))), complete_(filter_ != nullptr) {}
  CallFilter(const CallFilter&) = delete;
  CallFilter& operator=(const CallFilter&) = delete;
  ~CallFilter() {
    if (filter_) seccomp_release(filter_);
  }

  template <typename... Conditions>
  void allow(int call, Conditions... conditions) {
    add(SCMP_ACT_ALLOW, call, conditions...);
  }
  template <typename... Conditions>
  void add(std::uint32_t action, int call, Conditions... conditions) {
    complete_ = complete_ &&
                seccomp_rule_add(filter_, action, call, sizeof...(conditions), conditions...) == 0;
  }
  /// A filter that lacks a rule would end reading itself: rather none.
  bool load() { return complete_ && seccomp_load(filter_) == 0; }

 private:
  scmp_filter_ctx filter_;
  bool complete_;
};

constexpr scmp_datum_t datum(long value) {
  return static_cast<scmp_datum_t>(value);
}

/// Opening for reading. Not by O_PATH, for which Landlock does not ask.
void allowOpening(CallFilter& filter) {
  constexpr scmp_datum_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_PATH;
  filter.allow(SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY));
  filter.allow(SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY));
}

/// Private memory, which RLIMIT_DATA counts unless it grows downwards, and files. Shared memory
/// that nobody handed over would be counted by nobody.
void allowMapping(CallFilter& filter) {
  constexpr scmp_datum_t kKind = MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN;
  for (const scmp_datum_t kind : {MAP_PRIVATE | MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED}) {
    filter.allow(SCMP_SYS(mmap), SCMP_A3(SCMP_CMP_MASKED_EQ, kKind, kind));
  }
}

/// Threads as the C library starts them, with exactly its flags.
void allowThreads(CallFilter& filter) {
  constexpr scmp_datum_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                   CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                   CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  filter.allow(SCMP_SYS(clone), SCMP_A0(SCMP_CMP_EQ, kThread));
  // Its flags lie in memory, out of a filter's sight: the C library then takes clone().
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
}

/// Questions and changes that name a process: about this one only.
void allowAboutItself(CallFilter& filter) {
  const scmp_datum_t self = datum(getpid());
  filter.allow(SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self));
  filter.allow(SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
  for (const scmp_datum_t process : {datum(0), self}) {
    filter.allow(SCMP_SYS(sched_getaffinity), SCMP_A0(SCMP_CMP_EQ, process));
    filter.allow(SCMP_SYS(sched_setaffinity), SCMP_A0(SCMP_CMP_EQ, process));
  }
}

/// What is asked of descriptors; nothing that makes the kernel send signals (owners, leases,
/// O_ASYNC) or that changes what another process shares.
void allowAboutDescriptors(CallFilter& filter) {
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_DUPFD, F_DUPFD_CLOEXEC}) {
    filter.allow(SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, datum(command)));
  }
}

bool restrictCalls(const SandboxRules& rules) {
  CallFilter filter;
  for (const int call : kAllowedCalls) filter.allow(call);
  if (rules.readable == ReadableFiles::Everything) {
    for (const int call : kPathCalls) filter.allow(call);
  }
  allowOpening(filter);
  allowMapping(filter);
  allowThreads(filter);
  allowAboutItself(filter);
  allowAboutDescriptors(filter);
  return filter.load();
}

#endif

}  // namespace

std::string describe(const SandboxReport& report) {
  std::string names;
  std::string deeds;
  for (const Confinement& row : kConfinements) {
    if (report.*row.inForce) continue;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
    deeds += (deeds.empty() ? "" : "; ") + std::string(row.without);
  }
  if (names.empty()) return "complete";
  return "without " + names + ": a reader that a file took over could " + deeds;
}

SandboxReport enterSandbox(const SandboxRules& rules) {
  SandboxReport report;
  limit(RLIMIT_CORE, 0);
  report.noNewPrivileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
#ifndef __SANITIZE_ADDRESS__
  // Neither a core dump handed to a helper program, nor memory open to other processes.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // No file grows, and the stack does not take the place of the memory that is counted.
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_STACK, kMostStack);
  report.threadLimit = limitThreads(rules);
  // Changing the user has set it again.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Not RLIMIT_AS: that would count the shared memory of tensors, which this process does not own.
  if (rules.memoryBytes > 0) report.memoryLimit = limit(RLIMIT_DATA, rules.memoryBytes);
  restrictByLandlock(rules, report);
  report.seccomp = restrictCalls(rules);
#endif
  return report;
}

}  // namespace quantoscope
