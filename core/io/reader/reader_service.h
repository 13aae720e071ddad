// What the reader process does: opens one file and answers questions about it.
#pragma once

namespace quantoscope {

/// The descriptor that the reader process finds its socket at.
inline constexpr int kReaderSocket = 3;

/// Answers the requests that come over a socket until it is closed; see core/io/reader/protocol.h.
/// With the first one, and before anything of a file is read, the process gives up every right that
/// reading does not need (core/io/reader/sandbox.h). Returns the exit status.
int serveReader(int socket);

}  // namespace quantoscope
