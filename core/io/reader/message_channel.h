// Messages over a socket.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/descriptor.h"
#include "core/io/reader/protocol.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

struct Message {
  protocol::Type type = protocol::Type::Done;
  std::string payload;
  Descriptor descriptor;  ///< what came with it, where that is allowed
};

/// How waiting for a message ended.
enum class Waiting {
  Arrived,
  Closed,  ///< the other side is gone
  TimedOut,
  Cancelled,
  Malformed,  ///< what arrived is no message
};

/// One end of a socket pair. Not thread-safe.
class MessageChannel {
 public:
  explicit MessageChannel(Descriptor socket) : socket_(std::move(socket)) {}

  /// False where the other side is gone or takes nothing. `descriptor` is lent to the other side.
  bool send(protocol::Type type, std::string_view payload, int descriptor = -1);

  /// Waits for a whole message, until `deadline`.
  Waiting receive(Message& message, std::chrono::steady_clock::time_point deadline,
                  const CancelToken& cancel);

  /// Waits without limit, and takes a descriptor that comes with the message.
  Waiting receiveWithDescriptor(Message& message);

  int socket() const { return socket_.get(); }

 private:
  Descriptor socket_;
};

}  // namespace quantoscope
