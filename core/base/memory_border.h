// Running out of memory as an error.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "core/base/result.h"

namespace quantoscope {

/// Calls `work` and returns its Result; if it runs out of memory, DoesNotFit that names `what`, a
/// tensor or a file. Everything that `work` allocated is freed by then.
template <typename Work>
auto withinMemory(const std::string& what, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {  // a container was asked for more than it can hold
  }
  return Error{ErrorCode::DoesNotFit, what + ": not enough memory"};
}

}  // namespace quantoscope
