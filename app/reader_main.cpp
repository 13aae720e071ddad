// quantoscope-reader: the process that may die of what a file contains.
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
  // At once: a library's clean-up is one more thing to go wrong.
  _exit(quantoscope::serveReader(quantoscope::kReaderSocket));
}
