// Work on another thread, which nothing thrown may leave.
#pragma once

#include <exception>
#include <string>

#include "core/base/memory_border.h"

namespace quantoscope::ui {

/// Calls `work`, which returns a Result, and returns that. What it throws becomes an error that
/// begins with `what`, a tensor or a file: on another thread nobody else could catch it.
template <typename Work>
auto guarded(const std::string& what, Work&& work) -> decltype(work()) {
  try {
    return withinMemory(what, [&] { return work(); });
  } catch (const std::exception& exception) {
    return Error{ErrorCode::DoesNotFit, what + ": " + exception.what()};
  } catch (...) {
    return Error{ErrorCode::DoesNotFit, what + ": an unknown failure"};
  }
}

}  // namespace quantoscope::ui
