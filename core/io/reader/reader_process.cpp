#include "core/io/reader/reader_process.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "core/io/reader/reader_service.h"

namespace quantoscope {

namespace {

/// Whoever takes no request for so long hangs.
constexpr timeval kSendTimeout{10, 0};

/// posix_spawn's settings, freed with their owner.
struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

/// Standard streams that lead nowhere, so that a library's complaints stay out of our output. With
/// sanitizers their reports are what one wants to see.
void closeStreams(posix_spawn_file_actions_t& actions) {
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
#ifndef __SANITIZE_ADDRESS__
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
}

int spawn(const std::string& program, int socket, pid_t& id) {
  SpawnSettings settings;
  closeStreams(settings.actions);
  posix_spawn_file_actions_adddup2(&settings.actions, socket, kReaderSocket);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, kReaderSocket + 1);
  sigset_t all;
  sigfillset(&all);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  // Its own group: Ctrl-C in a terminal is for us alone, we then end it.
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::string name = program;
  char* const arguments[] = {name.data(), nullptr};
  return posix_spawn(&id, program.c_str(), &settings.actions, &settings.attributes, arguments,
                     environ);
}

Error cannotStart(const std::string& program, int number) {
  return {ErrorCode::UnreadableFile, "the reader " + program + " cannot be started: " +
                                         std::generic_category().message(number)};
}

}  // namespace

std::string readerProgram() {
  if (const char* chosen = std::getenv("QUANTOSCOPE_READER"); chosen && *chosen) return chosen;
  std::error_code code;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  if (code) {  // no /proc: the path by which this program was started, if it is a whole one
    const auto* started = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    if (started != nullptr) self = started;
  }
  if (!self.is_absolute()) return {};
  return (self.parent_path() / "quantoscope-reader").string();
}

Result<std::unique_ptr<ReaderProcess>> ReaderProcess::start(const std::string& program) {
  if (program.empty()) {
    return Error{ErrorCode::UnreadableFile,
                 "the reader cannot be found without /proc; name it by QUANTOSCOPE_READER"};
  }
  int pair[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return cannotStart(program, errno);
  }
  Descriptor ours(pair[0]);
  Descriptor theirs(pair[1]);
  // dup2 onto itself would leave the descriptor to be closed on exec.
  if (theirs.get() == kReaderSocket) {
    theirs = Descriptor(fcntl(theirs.get(), F_DUPFD_CLOEXEC, kReaderSocket + 1));
    if (!theirs) return cannotStart(program, errno);
  }
  setsockopt(ours.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof(kSendTimeout));
  pid_t id = -1;
  if (const int failure = spawn(program, theirs.get(), id); failure != 0) {
    return cannotStart(program, failure);
  }
  return std::unique_ptr<ReaderProcess>(new ReaderProcess(id, std::move(ours)));
}

std::unique_ptr<ReaderProcess> ReaderProcess::over(Descriptor socket) {
  return std::unique_ptr<ReaderProcess>(new ReaderProcess(0, std::move(socket)));
}

ReaderProcess::~ReaderProcess() {
  kill();
}

void ReaderProcess::kill() {
  if (reaped_ || id_ == 0) return;
  ::kill(id_, SIGKILL);
  while (waitpid(id_, &status_, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
}

bool ReaderProcess::isRunning() {
  if (id_ == 0) return true;
  if (!reaped_ && waitpid(id_, &status_, WNOHANG) != 0) reaped_ = true;
  return !reaped_;
}

std::string ReaderProcess::howItEnded() {
  if (id_ == 0) return "it hung up";
  // The socket is closed a moment before the process can be reaped.
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  while (isRunning() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
  }
  if (!reaped_) {
    kill();
    return "it hung up";
  }
  if (WIFSIGNALED(status_)) return "signal " + std::to_string(WTERMSIG(status_));
  return "exit status " + std::to_string(WEXITSTATUS(status_));
}

}  // namespace quantoscope
