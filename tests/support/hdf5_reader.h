// Reads HDF5 files by the C library alone: an independent witness of what our writer wrote.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace quantoscope::test {

struct Hdf5Array {
  std::vector<std::size_t> shape;
  std::vector<double> values;
  std::string type;  ///< "int8", "uint8", "int32", "float32", ..., "opaque2", "enumeration" or ""
};

/// Nothing where the file or the array is absent.
std::optional<Hdf5Array> readArray(const std::string& file, const std::string& path);

/// Number `index` of a row of a packed array, of `bits` bits each, by the words of the native
/// file's contract.
int unpacked(const Hdf5Array& array, std::size_t row, std::size_t index, int bits);

/// The elements of an array as they are stored; nothing where the file or the array is absent.
std::optional<std::string> readBytes(const std::string& file, const std::string& path);

/// An attribute as text; numbers by their shortest form. Nothing where it is absent.
std::optional<std::string> readAttribute(const std::string& file, const std::string& object,
                                         const std::string& name);

}  // namespace quantoscope::test
