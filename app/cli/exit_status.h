// What the command line's exit status says.
#pragma once

#include "core/base/error.h"

namespace quantoscope::cli {

constexpr int kDone = 0;
constexpr int kWrongUsage = 2;
constexpr int kUnreadable = 3;
constexpr int kDoesNotFit = 4;
constexpr int kOutputFailed = 5;
constexpr int kCancelled = 130;

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

}  // namespace quantoscope::cli
