#include "tests/support/hdf5_reader.h"

#include <hdf5.h>

#include "core/base/text.h"

namespace quantoscope::test {

namespace {

/// Closes an HDF5 object when it goes.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  bool good() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

hid_t openFile(const std::string& file) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  return H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
}

std::string typeName(hid_t type) {
  const std::string bits = std::to_string(8 * H5Tget_size(type));
  if (H5Tget_class(type) == H5T_FLOAT) return "float" + bits;
  if (H5Tget_class(type) == H5T_OPAQUE) return "opaque" + std::to_string(H5Tget_size(type));
  if (H5Tget_class(type) == H5T_ENUM) return "enumeration";
  if (H5Tget_class(type) != H5T_INTEGER) return "";
  return (H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int") + bits;
}

}  // namespace

std::optional<Hdf5Array> readArray(const std::string& file, const std::string& path) {
  const Handle opened(openFile(file), H5Fclose);
  if (!opened.good()) return std::nullopt;
  const Handle dataset(H5Dopen2(opened, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.good()) return std::nullopt;
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle type(H5Dget_type(dataset), H5Tclose);
  Hdf5Array array;
  std::vector<hsize_t> extents(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
  if (!extents.empty()) H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  array.shape.assign(extents.begin(), extents.end());
  array.type = typeName(type);
  array.values.resize(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data());
  return array;
}

int unpacked(const Hdf5Array& array, std::size_t row, std::size_t index, int bits) {
  int number = 0;
  for (int bit = 0; bit < bits; ++bit) {
    const std::size_t at = index * static_cast<std::size_t>(bits) + static_cast<std::size_t>(bit);
    const int byte = static_cast<int>(array.values[row * array.shape[1] + at / 8]);
    number |= (byte >> (at % 8) & 1) << bit;
  }
  return number;
}

std::optional<std::string> readBytes(const std::string& file, const std::string& path) {
  const Handle opened(openFile(file), H5Fclose);
  if (!opened.good()) return std::nullopt;
  const Handle dataset(H5Dopen2(opened, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.good()) return std::nullopt;
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
  std::string bytes(count * H5Tget_size(type), '\0');
  H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
  return bytes;
}

std::optional<std::string> readAttribute(const std::string& file, const std::string& object,
                                         const std::string& name) {
  const Handle opened(openFile(file), H5Fclose);
  if (!opened.good()) return std::nullopt;
  const Handle attribute(
      H5Aopen_by_name(opened, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.good()) return std::nullopt;
  const Handle type(H5Aget_type(attribute), H5Tclose);
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    H5Aread(attribute, type, &text);
    std::string copy = text != nullptr ? text : "";
    H5free_memory(text);
    return copy;
  }
  if (H5Tget_class(type) == H5T_ENUM) {
    signed char flag = 0;
    H5Aread(attribute, type, &flag);
    return flag != 0 ? "true" : "false";
  }
  double number = 0;
  H5Aread(attribute, H5T_NATIVE_DOUBLE, &number);
  return formatNumber(number);
}

}  // namespace quantoscope::test
