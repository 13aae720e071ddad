// What can go wrong, as a value.
#pragma once

#include <string>

namespace quantoscope {

/// The kinds of failure a caller may want to tell apart. The command line maps each to an exit
/// status (see exitStatus in app/exit_status.h), the window to a message.
enum class ErrorCode {
  InvalidArgument,  ///< an option or a specification that can never work
  NotFound,         ///< a tensor, path or name that is not there
  UnreadableFile,   ///< a file that cannot be opened or is damaged
  DoesNotFit,       ///< a valid specification that does not fit this tensor
  NotFinite,        ///< the tensor contains NaN or Inf
  OutputFailed,     ///< a result could not be written
  Cancelled,        ///< the user asked for it
};

/// One failure. `message` says what failed, on what (file, tensor or option) and what is allowed;
/// it is one line without a trailing full stop or newline.
struct Error {
  ErrorCode code = ErrorCode::InvalidArgument;
  std::string message;
};

}  // namespace quantoscope
