#include "core/io/hdf5/hdf5_border.h"

#include <H5Cpp.h>
#include <new>

namespace quantoscope {

namespace {

std::recursive_mutex& libraryMutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

/// H5Ewalk2 callback; upward, the innermost function comes first. Stops at the first description.
herr_t takeDescription(unsigned, const H5E_error2_t* entry, void* result) {
  if (!entry->desc || !*entry->desc) return 0;
  *static_cast<std::string*>(result) = entry->desc;
  return 1;
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(libraryMutex()) {
  H5::Exception::dontPrint();
}

std::string hdf5Version() {
  const Hdf5Lock lock;
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

std::string hdf5Complaint() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, takeDescription, &text);
  return text.empty() ? "HDF5 gives no reason" : text;
}

Error errorFromCurrentException(const std::string& subject) {
  const auto error = [&subject](const std::string& why) {
    return Error{ErrorCode::UnreadableFile, subject + ": " + why};
  };
  try {
    throw;
  } catch (const H5::Exception& exception) {
    return error(exception.getFuncName() + ": " + exception.getDetailMsg());
  } catch (const std::bad_alloc&) {
    return error("not enough memory to read it");
  } catch (const std::exception& exception) {
    return error(exception.what());
  } catch (...) {
    return error("an unknown failure");
  }
}

}  // namespace quantoscope
