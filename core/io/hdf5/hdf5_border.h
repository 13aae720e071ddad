// The border around the HDF5 library: its lock, its errors.
#pragma once

#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/result.h"

namespace quantoscope {

/// Held around every use of HDF5, closing included: one lock for the whole program, because the
/// library keeps global state. May be taken again by the thread that holds it. Also silences the
/// library's own error printing, which it remembers per thread.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// A failure inside the border, with a message for people; never crosses it.
class Hdf5Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The version of the HDF5 library, "1.10.8". Takes the lock.
std::string hdf5Version();

/// What the library itself says about its latest failure on this thread, as its innermost function
/// put it ("inflate() failed"). Ask before the next call into the library.
std::string hdf5Complaint();

/// The exception that is being handled as an UnreadableFile error, "SUBJECT: why". H5::Exception,
/// which is no std::exception, and running out of memory included.
Error errorFromCurrentException(const std::string& subject);

/// Calls `work`, which returns a Result; whatever it throws becomes an error about `subject`.
template <typename Work>
std::invoke_result_t<Work> withErrorsAbout(const std::string& subject, Work&& work) {
  try {
    return work();
  } catch (...) {
    return errorFromCurrentException(subject);
  }
}

/// The same under the lock.
template <typename Work>
std::invoke_result_t<Work> atHdf5Border(const std::string& subject, Work&& work) {
  const Hdf5Lock lock;
  return withErrorsAbout(subject, std::forward<Work>(work));
}

}  // namespace quantoscope
