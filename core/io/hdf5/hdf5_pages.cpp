#include "core/io/hdf5/hdf5_pages.h"

#include <H5Cpp.h>
#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>
#include <limits>
#include <new>

#include "core/io/hdf5/hdf5_border.h"

namespace quantoscope {

namespace {

/// What HDF5 knows of an open file: its own part first, as it demands.
struct File {
  H5FD_t library = {};
  Hdf5Pages* pages = nullptr;
  haddr_t endOfAddresses = 0;
};

File& fileOf(H5FD_t* file) {
  return *reinterpret_cast<File*>(file);
}
const File& fileOf(const H5FD_t* file) {
  return *reinterpret_cast<const File*>(file);
}

/// Where the next file goes that is created. Under the library's lock.
Hdf5Pages* handed = nullptr;

/// Nothing may be thrown through the library.
H5FD_t* openFile(const char*, unsigned, hid_t, haddr_t) {
  if (handed == nullptr) return nullptr;
  auto* file = new (std::nothrow) File();
  if (file == nullptr) return nullptr;
  file->pages = handed;
  return &file->library;
}

herr_t closeFile(H5FD_t* file) {
  fileOf(file).pages->bytes = fileOf(file).endOfAddresses;
  delete &fileOf(file);
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
  const std::less<> before;
  if (before(fileOf(a).pages, fileOf(b).pages)) return -1;
  return before(fileOf(b).pages, fileOf(a).pages) ? 1 : 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t endOfAddresses(const H5FD_t* file, H5FD_mem_t) {
  return fileOf(file).endOfAddresses;
}

herr_t setEndOfAddresses(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  fileOf(file).endOfAddresses = end;
  return 0;
}

/// As if all addresses had been written.
haddr_t endOfFile(const H5FD_t* file, H5FD_mem_t) {
  return fileOf(file).endOfAddresses;
}

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t count, void* to) {
  fileOf(file).pages->read(at, static_cast<char*>(to), count);
  return 0;
}

herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, std::size_t count, const void* from) {
  try {
    fileOf(file).pages->write(at, static_cast<const char*>(from), count);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

/// Never unregistered: files may outlive whatever would do it.
hid_t driver() {
  static const hid_t id = [] {
    static H5FD_class_t functions = {};
    functions.name = "quantoscope_pages";
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
    // As the library's own driver of files has it, so that a file is laid out alike.
    constexpr H5FD_mem_t kPlaces[] = H5FD_FLMAP_DICHOTOMY;
    std::copy(std::begin(kPlaces), std::end(kPlaces), std::begin(functions.fl_map));
    return H5FDregister(&functions);
  }();
  return id;
}

}  // namespace

void Hdf5Pages::write(std::uint64_t at, const char* from, std::size_t count) {
  while (count > 0) {
    const std::uint64_t inside = at % kPage;
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, kPage - inside));
    std::string& page = pages_[at / kPage];
    page.resize(kPage, '\0');
    std::memcpy(page.data() + inside, from, part);
    at += part;
    from += part;
    count -= part;
  }
}

void Hdf5Pages::read(std::uint64_t at, char* to, std::size_t count) const {
  while (count > 0) {
    const std::uint64_t inside = at % kPage;
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, kPage - inside));
    const auto page = pages_.find(at / kPage);
    if (page == pages_.end()) {
      std::memset(to, 0, part);
    } else {
      std::memcpy(to, page->second.data() + inside, part);
    }
    at += part;
    to += part;
    count -= part;
  }
}

H5::H5File createHdf5InPages(Hdf5Pages& pages, const H5::FileCreatPropList& creation,
                             const H5::FileAccPropList& access) {
  if (H5Pset_driver(access.getId(), driver(), nullptr) < 0) {
    throw Hdf5Failure("the library takes no driver (" + hdf5Complaint() + ")");
  }
  handed = &pages;
  struct Scope {
    ~Scope() { handed = nullptr; }
  } const scope;
  try {
    return {"in memory", H5F_ACC_TRUNC, creation, access};
  } catch (const H5::Exception&) {
    throw Hdf5Failure("its layout cannot be made (" + hdf5Complaint() + ")");
  }
}

}  // namespace quantoscope
