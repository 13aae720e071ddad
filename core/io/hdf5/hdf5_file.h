// Opening HDF5 files and their objects without ever leaving, changing or locking the file.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/io/container/byte_source.h"

namespace H5 {
class DataSet;
class H5File;
class H5Object;
}  // namespace H5

namespace quantoscope {

/// Everything here needs the Hdf5Lock and throws: Hdf5Failure where there is something to say,
/// else H5::Exception.

/// Opens a file read-only and without a lock on it.
H5::H5File openHdf5ReadOnly(const std::string& path);

/// Opens bytes as such a file: of a file, of a part of one, or in memory. `name` is for messages.
H5::H5File openHdf5ReadOnly(const std::string& name, const SharedByteSource& bytes);

/// Opens the array at `path`. Fails where the path leads through an external link, unless
/// `allowOutside`; data in other files are then looked for from this file's folder.
H5::DataSet openHdf5Array(const H5::H5File& file, const std::string& path,
                          bool allowOutside = false);

/// What kind of object a path leads to and where that lies: equal addresses in one file are the
/// same object. Soft links are followed within the file.
struct Hdf5Target {
  enum class Kind { Group, Array, Other };
  Kind kind = Kind::Other;
  std::pair<unsigned long, unsigned long long> place;  ///< the file's number and the address in it
};

/// Nothing where the path does not lead to an object inside this file, or, if `allowOutside`, in
/// another one.
std::optional<Hdf5Target> findHdf5Target(const H5::H5File& file, const std::string& path,
                                         bool allowOutside = false);

/// The texts of an attribute of fixed or variable length strings, one or an array of them, without
/// their padding. Nothing if the object has no such attribute; empty if it has one of numbers,
/// which is how an empty list is written.
std::optional<std::vector<std::string>> stringsOf(const H5::H5Object& object,
                                                  const std::string& attribute);

/// The same list where Keras has split it, being too large for one attribute, into `layer_names0`,
/// `layer_names1`, ...
std::optional<std::vector<std::string>> splitStringsOf(const H5::H5Object& object,
                                                       const std::string& attribute);

/// The integers of an attribute, one or a list of up to 64; empty where it is none of that.
std::vector<std::uint64_t> numbersOf(const H5::H5Object& object, const std::string& attribute);

/// The integer of an attribute; 0 where it is none, or does not fit.
std::int64_t numberOf(const H5::H5Object& object, const std::string& attribute);

/// The first text of an attribute; empty if there is none.
std::string textOf(const H5::H5Object& object, const std::string& attribute);

}  // namespace quantoscope
