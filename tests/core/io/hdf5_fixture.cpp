#include "tests/core/io/hdf5_fixture.h"

#include <algorithm>

#include <QtGlobal>

namespace quantoscope::test {

namespace {

hid_t checked(hid_t id) {
  if (id < 0) qFatal("HDF5 failed while a test file was written");
  return id;
}

/// Link creation properties that make the groups on the way.
hid_t makeParents() {
  const hid_t properties = checked(H5Pcreate(H5P_LINK_CREATE));
  checked(H5Pset_create_intermediate_group(properties, 1));
  return properties;
}

hid_t spaceOf(const std::vector<hsize_t>& shape) {
  if (shape.empty()) return checked(H5Screate(H5S_SCALAR));
  return checked(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
}

}  // namespace

Hdf5Fixture::Hdf5Fixture(const std::string& path, hsize_t userBlock, bool keepsOrder) {
  const hid_t properties = checked(H5Pcreate(H5P_FILE_CREATE));
  if (userBlock > 0) checked(H5Pset_userblock(properties, userBlock));
  if (keepsOrder) checked(H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED));
  file_ = checked(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, properties, H5P_DEFAULT));
  H5Pclose(properties);
}

void Hdf5Fixture::close() {
  if (file_ >= 0) checked(H5Fclose(file_));
  file_ = -1;
}

void Hdf5Fixture::group(const std::string& path) {
  const hid_t links = makeParents();
  H5Gclose(checked(H5Gcreate2(file_, path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT)));
  H5Pclose(links);
}

hid_t Hdf5Fixture::create(const std::string& path, const std::vector<hsize_t>& shape,
                          const Storage& storage) {
  const hid_t links = makeParents();
  const hid_t properties = checked(H5Pcreate(H5P_DATASET_CREATE));
  const hid_t space = spaceOf(shape);
  if (!storage.chunk.empty()) {
    checked(H5Pset_chunk(properties, static_cast<int>(storage.chunk.size()), storage.chunk.data()));
  }
  if (storage.more) storage.more(properties);
  const hid_t array = checked(
      H5Dcreate2(file_, path.c_str(), storage.fileType, space, links, properties, H5P_DEFAULT));
  H5Sclose(space);
  H5Pclose(properties);
  H5Pclose(links);
  return array;
}

void Hdf5Fixture::array(const std::string& path, const std::vector<hsize_t>& shape,
                        const void* data, const Storage& storage) {
  const hid_t array = create(path, shape, storage);
  if (storage.write) {
    checked(H5Dwrite(array, storage.memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
  }
  H5Dclose(array);
}

void Hdf5Fixture::counting(const std::string& path, const std::vector<hsize_t>& shape,
                           const Storage& storage) {
  std::size_t count = 1;
  for (const hsize_t side : shape) count *= side;
  array(path, shape, countingValues(count).data(), storage);
}

void Hdf5Fixture::rawChunk(const std::string& path, const std::vector<hsize_t>& shape,
                           const Storage& storage, const std::vector<char>& bytes) {
  const hid_t array = create(path, shape, storage);
  const std::vector<hsize_t> origin(shape.size(), 0);
  checked(H5Dwrite_chunk(array, H5P_DEFAULT, 0, origin.data(), bytes.size(), bytes.data()));
  H5Dclose(array);
}

void Hdf5Fixture::text(const std::string& object, const std::string& name, const std::string& value,
                       bool variable) {
  const hid_t type = checked(H5Tcopy(H5T_C_S1));
  checked(H5Tset_size(type, variable ? H5T_VARIABLE : std::max<std::size_t>(1, value.size())));
  const hid_t space = checked(H5Screate(H5S_SCALAR));
  const hid_t attribute = checked(H5Acreate_by_name(file_, object.c_str(), name.c_str(), type,
                                                    space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  const char* pointer = value.c_str();
  checked(H5Awrite(attribute, type, variable ? static_cast<const void*>(&pointer) : pointer));
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

void Hdf5Fixture::texts(const std::string& object, const std::string& name,
                        const std::vector<std::string>& values, bool variable) {
  std::size_t longest = 1;
  for (const std::string& value : values) longest = std::max(longest, value.size());
  std::string fixed;
  std::vector<const char*> pointers;
  for (const std::string& value : values) {
    fixed += value + std::string(longest - value.size(), '\0');
    pointers.push_back(value.c_str());
  }
  const hid_t type = checked(H5Tcopy(H5T_C_S1));
  checked(H5Tset_size(type, variable ? H5T_VARIABLE : longest));
  const hid_t space = spaceOf({values.size()});
  const hid_t attribute = checked(H5Acreate_by_name(file_, object.c_str(), name.c_str(), type,
                                                    space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  checked(H5Awrite(attribute, type,
                   variable ? static_cast<const void*>(pointers.data()) : fixed.data()));
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

void Hdf5Fixture::emptyList(const std::string& object, const std::string& name) {
  const hid_t space = spaceOf({0});
  H5Aclose(checked(H5Acreate_by_name(file_, object.c_str(), name.c_str(), H5T_IEEE_F64LE, space,
                                     H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
  H5Sclose(space);
}

void Hdf5Fixture::number(const std::string& object, const std::string& name, int value) {
  const hid_t space = spaceOf({});
  const hid_t attribute =
      checked(H5Acreate_by_name(file_, object.c_str(), name.c_str(), H5T_NATIVE_INT, space,
                                H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  checked(H5Awrite(attribute, H5T_NATIVE_INT, &value));
  H5Aclose(attribute);
  H5Sclose(space);
}

void Hdf5Fixture::softLink(const std::string& target, const std::string& path) {
  checked(H5Lcreate_soft(target.c_str(), file_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT));
}

void Hdf5Fixture::hardLink(const std::string& target, const std::string& path) {
  checked(H5Lcreate_hard(file_, target.c_str(), file_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT));
}

void Hdf5Fixture::externalLink(const std::string& file, const std::string& target,
                               const std::string& path) {
  checked(H5Lcreate_external(file.c_str(), target.c_str(), file_, path.c_str(), H5P_DEFAULT,
                             H5P_DEFAULT));
}

std::vector<float> countingValues(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) / 8.0f;
  return values;
}

hid_t makeBfloat16Type() {
  const hid_t type = checked(H5Tcopy(H5T_IEEE_F32LE));
  checked(H5Tset_fields(type, 15, 7, 8, 0, 7));
  checked(H5Tset_precision(type, 16));
  checked(H5Tset_size(type, 2));
  checked(H5Tset_ebias(type, 127));
  return type;
}

hid_t makeFloat16Type(H5T_order_t order) {
  const hid_t type = checked(H5Tcopy(H5T_IEEE_F32LE));
  checked(H5Tset_fields(type, 15, 10, 5, 0, 10));
  checked(H5Tset_precision(type, 16));
  checked(H5Tset_size(type, 2));
  checked(H5Tset_ebias(type, 15));
  checked(H5Tset_order(type, order));
  return type;
}

}  // namespace quantoscope::test
