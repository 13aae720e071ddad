#include "core/io/hdf5/hdf5_bytes.h"

#include <H5Cpp.h>
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <tuple>
#include <utility>

#include "core/io/hdf5/hdf5_border.h"

namespace quantoscope {

namespace {

/// Where bytes come from: a file's number, whatever it is called, and the place in it; bytes in
/// memory are only the same as themselves.
struct Origin {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::uint64_t memory = 0;

  auto operator<=>(const Origin&) const = default;
};

Origin originOf(const SharedByteSource& bytes) {
  Origin origin;
  const auto extent = bytes->extent();
  struct stat status = {};
  if (extent && stat(extent->file.c_str(), &status) == 0) {
    origin = {status.st_dev, status.st_ino, extent->offset, 0};
  } else {
    origin.memory = reinterpret_cast<std::uintptr_t>(bytes.get());
  }
  return origin;
}

/// What HDF5 knows of an open file: its own part first, as it demands.
struct File {
  H5FD_t library = {};
  SharedByteSource bytes;
  Origin origin;
  haddr_t endOfAddresses = 0;
};

File& fileOf(H5FD_t* file) {
  return *reinterpret_cast<File*>(file);
}
const File& fileOf(const H5FD_t* file) {
  return *reinterpret_cast<const File*>(file);
}

/// What the next file that is opened under this name consists of. Under the library's lock.
struct Handed {
  std::string name;
  SharedByteSource bytes;
};
Handed* handed = nullptr;

/// Nothing may be thrown through the library.
H5FD_t* openFile(const char* name, unsigned flags, hid_t, haddr_t) {
  if ((flags & (H5F_ACC_RDWR | H5F_ACC_TRUNC | H5F_ACC_CREAT | H5F_ACC_EXCL)) != 0) return nullptr;
  try {
    auto file = std::make_unique<File>();
    if (handed != nullptr && handed->name == name) {
      file->bytes = handed->bytes;
    } else {
      auto bytes = openFileBytes(name);
      if (!bytes) return nullptr;
      file->bytes = *std::move(bytes);
    }
    file->origin = originOf(file->bytes);
    return &file.release()->library;
  } catch (const std::exception&) {
    return nullptr;
  }
}

herr_t closeFile(H5FD_t* file) {
  delete &fileOf(file);
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
  const auto order = fileOf(a).origin <=> fileOf(b).origin;
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE |
           H5FD_FEAT_SUPPORTS_SWMR_IO;  // else a file that is still being written is not refused
  return 0;
}

haddr_t endOfAddresses(const H5FD_t* file, H5FD_mem_t) {
  return fileOf(file).endOfAddresses;
}

herr_t setEndOfAddresses(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  fileOf(file).endOfAddresses = end;
  return 0;
}

haddr_t endOfFile(const H5FD_t* file, H5FD_mem_t) {
  return fileOf(file).bytes->size();
}

/// Beyond the file's end there are zeros, as the library's own drivers have it.
herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t count, void* to) {
  try {
    const ByteSource& bytes = *fileOf(file).bytes;
    const std::uint64_t there = at < bytes.size() ? bytes.size() - at : 0;
    const auto stored = static_cast<std::size_t>(std::min<std::uint64_t>(count, there));
    if (stored > 0 && !bytes.read(at, to, stored)) return -1;
    if (count > stored) std::memset(static_cast<char*>(to) + stored, 0, count - stored);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

herr_t write(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, std::size_t, const void*) {
  return -1;
}

/// Never unregistered: files may outlive whatever would do it.
hid_t driver() {
  static const hid_t id = [] {
    static H5FD_class_t functions = {};
    functions.name = "quantoscope_bytes";
    functions.maxaddr = std::numeric_limits<std::int64_t>::max();
    functions.fc_degree = H5F_CLOSE_WEAK;
    functions.open = openFile;
    functions.close = closeFile;
    functions.cmp = compare;
    functions.query = query;
    functions.get_eoa = endOfAddresses;
    functions.set_eoa = setEndOfAddresses;
    functions.get_eof = endOfFile;
    functions.read = read;
    functions.write = write;
    std::fill(std::begin(functions.fl_map), std::end(functions.fl_map), H5FD_MEM_SUPER);
    return H5FDregister(&functions);
  }();
  return id;
}

}  // namespace

H5::H5File openHdf5Bytes(const std::string& name, SharedByteSource bytes) {
  H5::FileAccPropList access;
  if (H5Pset_driver(access.getId(), driver(), nullptr) < 0) {
    throw H5::FileIException("openHdf5Bytes", "no driver");
  }
  // The second argument lets the lock be left out where the file system has none, too.
  H5Pset_file_locking(access.getId(), false, true);
  Handed own{name, std::move(bytes)};
  struct Scope {
    explicit Scope(Handed* now) { handed = now; }
    ~Scope() { handed = nullptr; }
  } const scope(&own);
  try {
    return {name, H5F_ACC_RDONLY, H5::FileCreatPropList::DEFAULT, access};
  } catch (const H5::Exception&) {  // here, where closing `access` has not cleared the reason yet
    throw Hdf5Failure("damaged, cut off or still being written (" + hdf5Complaint() + ")");
  }
}

}  // namespace quantoscope
