#include "core/io/reader/message_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace quantoscope {

namespace {

using Clock = std::chrono::steady_clock;

/// How often a wait looks whether it was cancelled.
constexpr std::chrono::milliseconds kSlice{20};

/// Room for the one descriptor that may come with a message.
union OneDescriptor {
  cmsghdr header;
  char room[CMSG_SPACE(sizeof(int))];
};

Waiting waitReadable(int socket, Clock::time_point deadline, const CancelToken& cancel) {
  for (;;) {
    if (cancel.cancelled()) return Waiting::Cancelled;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Waiting::TimedOut;
    pollfd waited{socket, POLLIN, 0};
    const int ready = poll(&waited, 1, static_cast<int>(std::min(left, kSlice).count()));
    if (ready > 0) return Waiting::Arrived;
    if (ready < 0 && errno != EINTR) return Waiting::Closed;
  }
}

/// Fills [to, to + bytes) by calls of `some`, which takes what there is.
template <typename Some>
Waiting receiveAll(char* to, std::size_t bytes, Some some) {
  while (bytes > 0) {
    Waiting waiting = Waiting::Arrived;
    const ssize_t got = some(to, bytes, waiting);
    if (waiting != Waiting::Arrived) return waiting;
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Waiting::Closed;
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return Waiting::Arrived;
}

template <typename Some>
Waiting receiveMessage(Message& message, Some some) {
  protocol::Header header;
  Waiting waiting = receiveAll(reinterpret_cast<char*>(&header), sizeof(header), some);
  if (waiting != Waiting::Arrived) return waiting;
  const auto type = protocol::typeOf(header);
  if (!type) return Waiting::Malformed;
  message.type = *type;
  message.payload.resize(header.bytes);
  return receiveAll(message.payload.data(), message.payload.size(), some);
}

Descriptor descriptorIn(msghdr& message) {
  Descriptor found;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    if (part->cmsg_len != CMSG_LEN(sizeof(int))) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof(number));
    found = Descriptor(number);
  }
  return found;
}

}  // namespace

bool MessageChannel::send(protocol::Type type, std::string_view payload, int descriptor) {
  protocol::Header header;
  header.type = static_cast<std::uint16_t>(type);
  header.bytes = static_cast<std::uint32_t>(payload.size());
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes += payload;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    iovec part{bytes.data() + sent, bytes.size() - sent};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    OneDescriptor control = {};
    if (descriptor >= 0 && sent == 0) {
      message.msg_control = control.room;
      message.msg_controllen = sizeof(control.room);
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(descriptor));
    }
    const ssize_t count = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

Waiting MessageChannel::receive(Message& message, Clock::time_point deadline,
                                const CancelToken& cancel) {
  // recv() drops descriptors that come along: this side asks for none.
  return receiveMessage(message, [&](char* to, std::size_t bytes, Waiting& waiting) -> ssize_t {
    waiting = waitReadable(socket_.get(), deadline, cancel);
    if (waiting != Waiting::Arrived) return 0;
    return recv(socket_.get(), to, bytes, 0);
  });
}

Waiting MessageChannel::receiveWithDescriptor(Message& message) {
  message.descriptor.reset();
  return receiveMessage(message, [&](char* to, std::size_t bytes, Waiting&) -> ssize_t {
    iovec part{to, bytes};
    msghdr got = {};
    got.msg_iov = &part;
    got.msg_iovlen = 1;
    OneDescriptor control = {};
    got.msg_control = control.room;
    got.msg_controllen = sizeof(control.room);
    const ssize_t count = recvmsg(socket_.get(), &got, MSG_CMSG_CLOEXEC);
    if (count > 0) {
      Descriptor descriptor = descriptorIn(got);
      if (descriptor) message.descriptor = std::move(descriptor);
    }
    return count;
  });
}

}  // namespace quantoscope
