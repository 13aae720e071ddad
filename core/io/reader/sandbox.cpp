#include "core/io/reader/sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef __SANITIZE_ADDRESS__
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/descriptor.h"
#endif

namespace quantoscope {

namespace {

bool limit(__rlimit_resource resource, rlim_t most) {
  const rlimit both{most, most};
  return setrlimit(resource, &both) == 0;
}

#ifndef __SANITIZE_ADDRESS__

/// Every right that the first three versions of Landlock know; headers may know fewer.
std::uint64_t allFileRights(long version) {
  constexpr std::uint64_t kFirst = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;
  constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;
  return kFirst | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
}

/// Allows reading at or below a path; what is not there needs no rule.
void allowReading(int ruleset, const std::filesystem::path& path) {
  const Descriptor place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return;
  std::error_code ignored;
  landlock_path_beneath_attr rule = {};
  rule.parent_fd = place.get();
  rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
  if (std::filesystem::is_directory(path, ignored)) {
    rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
  }
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/// The file, where a link leads in the end; and the folders of both.
void allowFile(int ruleset, const std::filesystem::path& file, ReadableFiles readable) {
  std::error_code ignored;
  const bool folder = readable == ReadableFiles::ItsFolder;
  for (const auto& path :
       {std::filesystem::absolute(file, ignored), std::filesystem::canonical(file, ignored)}) {
    if (!path.empty()) allowReading(ruleset, folder ? path.parent_path() : path);
  }
}

bool restrictFiles(const SandboxRules& rules) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  landlock_ruleset_attr attributes = {};
  attributes.handled_access_fs = allFileRights(version);
  const Descriptor ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
  if (!ruleset) return false;
  if (rules.readable == ReadableFiles::Everything) {
    allowReading(ruleset.get(), "/");
  } else {
    allowFile(ruleset.get(), rules.file, rules.readable);
    // Libraries that are loaded late: HDF5's filter plugins and what they need.
    for (const char* place : {"/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache",
                              "/sys/devices/system"}) {
      allowReading(ruleset.get(), place);
    }
    if (const char* plugins = std::getenv("HDF5_PLUGIN_PATH")) {
      allowReading(ruleset.get(), plugins);
    }
  }
  return syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
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
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(lseek),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstatfs),
    SCMP_SYS(statfs),
    SCMP_SYS(fadvise64),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
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

/// Calls that are allowed with some arguments only.
bool addConditionalRules(scmp_filter_ctx filter) {
  constexpr scmp_datum_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;
  const auto self = static_cast<scmp_datum_t>(getpid());
  const auto allow = [filter](int call, const scmp_arg_cmp& condition) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, condition) == 0;
  };
  return allow(SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)) &&
         allow(SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)) &&
         allow(SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
         allow(SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self)) &&
         allow(SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0)) &&
         // Its flags lie in memory, out of a filter's sight: the C library then takes clone().
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

bool restrictCalls() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (!filter) return false;
  bool complete = addConditionalRules(filter);
  for (const int call : kAllowedCalls) {
    complete = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0 && complete;
  }
  // A filter that lacks a rule would end reading itself: rather none.
  const bool loaded = complete && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return loaded;
}

#endif

}  // namespace

SandboxReport enterSandbox(const SandboxRules& rules) {
  SandboxReport report;
  limit(RLIMIT_CORE, 0);
  report.noNewPrivileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
#ifndef __SANITIZE_ADDRESS__
  // Neither a core dump handed to a helper program, nor memory open to other processes.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Not RLIMIT_AS: that would count the shared memory of tensors, which this process does not own.
  if (rules.memoryBytes > 0) report.memoryLimit = limit(RLIMIT_DATA, rules.memoryBytes);
  report.landlock = restrictFiles(rules);
  report.seccomp = restrictCalls();
#endif
  return report;
}

}  // namespace quantoscope
