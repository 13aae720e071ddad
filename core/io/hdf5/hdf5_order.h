// The order that an HDF5 file itself gives its arrays.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/io/container/stored_file.h"

namespace H5 {
class H5File;
}  // namespace H5

namespace quantoscope {

/// The order in which the members of groups were created, where a file keeps it (h5py's
/// track_order).
class CreationOrder {
 public:
  /// The members of a group with the number that the file gives each.
  void note(const std::string& group, std::map<std::string, std::int64_t> numbers);

  /// The paths as one meets them going down into each group when its turn comes; groups that keep
  /// no order are gone through in natural order. Empty where no group keeps one.
  std::vector<std::string> sorted(std::vector<std::string> paths) const;

 private:
  bool isBefore(const std::string& a, const std::string& b) const;

  std::map<std::string, std::map<std::string, std::int64_t>, std::less<>> groups_;
};

/// The paths that a list of texts at the root names, in its order: some state dicts come with an
/// array `keys` or `names`, whose texts have dots where the file may have groups. Empty where no
/// such list names most of what it holds. Needs the Hdf5Lock; what cannot be read is no list.
std::vector<std::string> orderByListOfNames(const H5::H5File& file,
                                            const std::vector<StoredArray>& arrays);

}  // namespace quantoscope
