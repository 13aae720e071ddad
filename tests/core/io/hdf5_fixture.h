// Writes small HDF5 files for tests, with the C library alone: nothing of what is tested.
#pragma once

#include <functional>
#include <hdf5.h>
#include <string>
#include <vector>

namespace quantoscope::test {

/// How one array is stored.
struct Storage {
  hid_t fileType = H5T_IEEE_F32LE;
  hid_t memoryType = H5T_NATIVE_FLOAT;
  std::vector<hsize_t> chunk = {};       ///< empty: in one piece
  std::function<void(hid_t)> more = {};  ///< further creation properties
  bool write = true;                     ///< whether elements are written at all
};

/// A file that is written and closed again. A failing call of the library ends the test.
class Hdf5Fixture {
 public:
  /// `keepsOrder`: the root remembers in which order its members were created.
  explicit Hdf5Fixture(const std::string& path, hsize_t userBlock = 0, bool keepsOrder = false);
  ~Hdf5Fixture() { close(); }
  Hdf5Fixture(const Hdf5Fixture&) = delete;
  Hdf5Fixture& operator=(const Hdf5Fixture&) = delete;

  hid_t id() const { return file_; }
  void close();

  void group(const std::string& path);
  /// Groups on the way are made. `data` may be null where nothing is written.
  void array(const std::string& path, const std::vector<hsize_t>& shape, const void* data,
             const Storage& storage = {});
  /// An array of float32 that counts 0, 1, 2, ... in eighths.
  void counting(const std::string& path, const std::vector<hsize_t>& shape,
                const Storage& storage = {});
  /// A chunked array of one chunk whose stored bytes are these, whatever the filters make of them.
  void rawChunk(const std::string& path, const std::vector<hsize_t>& shape, const Storage& storage,
                const std::vector<char>& bytes);

  void text(const std::string& object, const std::string& name, const std::string& value,
            bool variable = false);
  void texts(const std::string& object, const std::string& name,
             const std::vector<std::string>& values, bool variable = false);
  /// How h5py writes an empty list: float64 of shape (0,).
  void emptyList(const std::string& object, const std::string& name);

  void number(const std::string& object, const std::string& name, int value);

  void softLink(const std::string& target, const std::string& path);
  void hardLink(const std::string& target, const std::string& path);
  void externalLink(const std::string& file, const std::string& target, const std::string& path);

 private:
  hid_t create(const std::string& path, const std::vector<hsize_t>& shape, const Storage& storage);

  hid_t file_ = -1;
};

/// 0, 1/8, 2/8, ...
std::vector<float> countingValues(std::size_t count);

/// A 2-byte float type with the layout of bfloat16; close it with H5Tclose.
hid_t makeBfloat16Type();
/// A 2-byte float type with the layout of float16, in this byte order.
hid_t makeFloat16Type(H5T_order_t order);

}  // namespace quantoscope::test
