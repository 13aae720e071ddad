// What the exit status of a program says: one table for the command line and for the window's
// --picture.
#pragma once

#include "core/base/error.h"

namespace quantoscope {

inline constexpr int kDone = 0;
inline constexpr int kDoesNotHold = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kUnreadable = 3;
inline constexpr int kDoesNotFit = 4;
inline constexpr int kOutputFailed = 5;
inline constexpr int kCancelled = 130;  ///< 128 + SIGINT, as a shell says it

struct ExitStatusRow {
  int status;
  const char* meaning;  ///< for --help and app/cli/README.md
};

inline constexpr ExitStatusRow kExitStatuses[] = {
    {kDone, "done"},
    {kDoesNotHold, "what was to be verified does not hold"},
    {kWrongUsage, "wrong usage: an unknown tensor or option, an impossible specification"},
    {kUnreadable, "a file could not be read"},
    {kDoesNotFit, "the specification does not fit the tensor, or the tensor is not finite"},
    {kOutputFailed, "output could not be written"},
    {kCancelled, "cancelled"},
};

constexpr int exitStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::NotFound:
      return kWrongUsage;
    case ErrorCode::UnreadableFile:
      return kUnreadable;
    case ErrorCode::DoesNotFit:
    case ErrorCode::NotFinite:
      return kDoesNotFit;
    case ErrorCode::OutputFailed:
      return kOutputFailed;
    case ErrorCode::Cancelled:
      return kCancelled;
  }
  return kWrongUsage;
}

}  // namespace quantoscope
