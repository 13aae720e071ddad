// HDF5 files that are made in memory, of which only what is written takes room.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace H5 {
class FileAccPropList;
class FileCreatPropList;
class H5File;
}  // namespace H5

namespace quantoscope {

/// What was written to such a file, by pages; whatever is in none is 0.
class Hdf5Pages {
 public:
  void write(std::uint64_t at, const char* from, std::size_t count);
  void read(std::uint64_t at, char* to, std::size_t count) const;

  std::uint64_t bytes = 0;  ///< of the file; told when it is closed

 private:
  static constexpr std::uint64_t kPage = 4096;

  std::map<std::uint64_t, std::string> pages_;  ///< by their number
};

/// Creates a file in `pages`, which outlives it. Needs the Hdf5Lock; throws Hdf5Failure.
H5::H5File createHdf5InPages(Hdf5Pages& pages, const H5::FileCreatPropList& creation,
                             const H5::FileAccPropList& access);

}  // namespace quantoscope
