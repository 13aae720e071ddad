#include "core/io/hdf5/hdf5_filters.h"

#include <H5Cpp.h>
#include <algorithm>
#include <array>
#include <cstddef>

#include "core/io/container/inflate.h"

namespace quantoscope {

namespace {

/// A filter of the HDF Group's registry, and where its decoder comes from.
struct KnownFilter {
  H5Z_filter_t id;
  const char* name;
  const char* remedy;
};

constexpr const char* kPlugin = "install its HDF5 filter plugin";
constexpr const char* kOtherBuild = "use an HDF5 library that was built with it";

constexpr std::array<KnownFilter, 14> kKnownFilters = {{
    {1, "gzip", kOtherBuild},
    {2, "shuffle", kOtherBuild},
    {3, "fletcher32", kOtherBuild},
    {4, "szip", kOtherBuild},
    {5, "nbit", kOtherBuild},
    {6, "scaleoffset", kOtherBuild},
    {307, "bzip2", "install the package hdf5-filter-plugin"},
    {32000, "LZF", kOtherBuild},
    {32001, "Blosc", "install the package hdf5-filter-plugin-blosc-serial"},
    {32004, "LZ4", "install the package hdf5-filter-plugin"},
    {32008, "bitshuffle", "install the package hdf5-filter-plugin"},
    {32013, "ZFP", "install the package hdf5-filter-plugin-zfp-serial"},
    {32015, "Zstandard", kPlugin},
    {32026, "Blosc2", kPlugin},
}};

/// By our name, else by the one in the file.
std::string nameOf(H5Z_filter_t id, const char* nameInFile) {
  const auto known = std::find_if(kKnownFilters.begin(), kKnownFilters.end(),
                                  [id](const KnownFilter& filter) { return filter.id == id; });
  if (known != kKnownFilters.end()) return known->name;
  return *nameInFile ? nameInFile : "unknown";
}

std::string describeMissing(H5Z_filter_t id, const char* nameInFile) {
  const auto known = std::find_if(kKnownFilters.begin(), kKnownFilters.end(),
                                  [id](const KnownFilter& filter) { return filter.id == id; });
  const bool isKnown = known != kKnownFilters.end();
  return "compressed with the filter " + nameOf(id, nameInFile) + " (" + std::to_string(id) +
         "), which is missing here: " + (isKnown ? known->remedy : kPlugin);
}

/// The decoded size stands in the third value of h5py's filter; other writers leave it out.
constexpr std::size_t kLargestLzfChunk = std::size_t{1} << 32;

/// H5Z_func_t: 0 says that it failed.
std::size_t decodeLzf(unsigned flags, std::size_t valueCount, const unsigned values[],
                      std::size_t bytes, std::size_t* bufferBytes, void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;
  std::size_t room = valueCount >= 3 && values[2] != 0 ? values[2] : *bufferBytes;
  for (; room <= kLargestLzfChunk; room *= 2) {
    void* decoded = H5allocate_memory(room, false);
    if (!decoded) return 0;
    const auto size = inflateLzf({static_cast<const std::byte*>(*buffer), bytes},
                                 {static_cast<std::byte*>(decoded), room});
    if (size && *size > 0) {
      H5free_memory(*buffer);
      *buffer = decoded;
      *bufferBytes = room;
      return *size;
    }
    H5free_memory(decoded);
    if (valueCount >= 3 && values[2] != 0) return 0;
  }
  return 0;
}

}  // namespace

void registerOwnFilters() {
  static const bool registered = [] {
    const H5Z_class2_t lzf = {H5Z_CLASS_T_VERS, 32000, 0, 1, "lzf", nullptr, nullptr, decodeLzf};
    return H5Zregister(&lzf) >= 0;
  }();
  static_cast<void>(registered);
}

std::vector<std::string> filterNames(const H5::DSetCreatPropList& properties) {
  std::vector<std::string> names;
  const int count = properties.getNfilters();
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    std::size_t values = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t id =
        properties.getFilter(i, flags, values, nullptr, name.size() - 1, name.data(), config);
    names.push_back(nameOf(id, name.data()));
  }
  return names;
}

std::string missingFilter(const H5::DSetCreatPropList& properties) {
  if (properties.getLayout() != H5D_CHUNKED) return {};
  const int count = properties.getNfilters();
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    std::size_t values = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t id =
        properties.getFilter(i, flags, values, nullptr, name.size() - 1, name.data(), config);
    if (H5Zfilter_avail(id) <= 0) return describeMissing(id, name.data());
  }
  return {};
}

}  // namespace quantoscope
