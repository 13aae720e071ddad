// The child process that parses files.
#pragma once

#include <memory>
#include <string>
#include <sys/types.h>

#include "core/base/result.h"
#include "core/io/reader/message_channel.h"

namespace quantoscope {

/// The reader that belongs to this program: $QUANTOSCOPE_READER where it is set, else
/// `quantoscope-reader` beside the running executable; never one of the working directory. Empty
/// where nothing tells where the executable is, /proc being absent.
std::string readerProgram();

/// A running reader. It has nothing of this process but one end of a socket pair: no other
/// descriptor, no standard streams, its own process group. It ends when this process does.
class ReaderProcess {
 public:
  /// The error tells why `program` cannot be started.
  static Result<std::unique_ptr<ReaderProcess>> start(const std::string& program);

  /// What talks at the other end of `socket` in place of a process, for tests: it never ends by
  /// itself.
  static std::unique_ptr<ReaderProcess> over(Descriptor socket);

  /// Kills and reaps it.
  ~ReaderProcess();
  ReaderProcess(const ReaderProcess&) = delete;
  ReaderProcess& operator=(const ReaderProcess&) = delete;

  MessageChannel& channel() { return channel_; }
  pid_t id() const { return id_; }

  /// Whether it has not ended by itself.
  bool isRunning();

  /// How it ended by itself, for people: "signal 11", "exit status 1". It must have closed its end
  /// of the channel; should it run on, it is killed: "it hung up".
  std::string howItEnded();

 private:
  ReaderProcess(pid_t id, Descriptor socket) : id_(id), channel_(std::move(socket)) {}
  void kill();

  pid_t id_;  ///< 0 where there is no process
  bool reaped_ = false;
  int status_ = 0;  ///< as of waitpid, once reaped
  MessageChannel channel_;
};

}  // namespace quantoscope
