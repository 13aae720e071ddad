// quantoscope-reader: the process that parses files, and that a malformed file may crash.
#include <cstdio>
#include <sys/socket.h>
#include <unistd.h>

#include "app/exit_status.h"
#include "core/io/reader/reader_service.h"

int main() {
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(quantoscope::kReaderSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    std::fputs("quantoscope-reader is started by Quantoscope, not by hand\n", stderr);
    return quantoscope::kWrongUsage;
  }
  // Skips the clean-up of libraries, which is one more thing that can go wrong.
  _exit(quantoscope::serveReader(quantoscope::kReaderSocket));
}
