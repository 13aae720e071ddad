// Running out of memory, or of threads, as an error.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "core/base/result.h"

namespace quantoscope {

/// Calls `work` and returns its Result; if it runs out of memory, or the system gives no more
/// threads, DoesNotFit that names `what`, a tensor or a file. Everything that `work` allocated is
/// freed by then.
template <typename Work>
auto withinMemory(const std::string& what, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {  // a container was asked for more than it can hold
  } catch (const std::system_error& error) {
    return Error{ErrorCode::DoesNotFit, what + ": no thread can be started: " + error.what()};
  }
  return Error{ErrorCode::DoesNotFit, what + ": not enough memory"};
}

/// DoesNotFit where less memory is free than `bytes`, which `what` (a tensor, a file) needs for
/// `purpose`: said before the work begins rather than in the middle of it. Small amounts are not
/// looked at. A guess: others may take memory meanwhile.
Status roomFor(const std::string& what, const std::string& purpose, std::uint64_t bytes);

}  // namespace quantoscope
