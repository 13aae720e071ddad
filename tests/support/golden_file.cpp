#include "tests/support/golden_file.h"

#include <hdf5.h>

#include "tests/support/test_data.h"

namespace quantoscope::test {

namespace {

std::vector<hsize_t> extentsOf(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> extents(static_cast<std::size_t>(std::max(rank, 0)));
  if (!extents.empty()) H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  return extents;
}

Matrix readMatrix(hid_t dataset) {
  const hid_t space = H5Dget_space(dataset);
  const auto extents = extentsOf(space);
  H5Sclose(space);
  Matrix matrix(extents[0], extents.size() > 1 ? extents[1] : 1);
  H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, matrix.values.data());
  return matrix;
}

std::vector<double> readDoubles(hid_t dataset) {
  const hid_t space = H5Dget_space(dataset);
  std::vector<double> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  H5Sclose(space);
  H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  return values;
}

std::string readText(hid_t attribute, hid_t type) {
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    H5Aread(attribute, type, &text);
    std::string copy = text != nullptr ? text : "";
    H5free_memory(text);
    return copy;
  }
  std::string text(H5Tget_size(type), '\0');
  H5Aread(attribute, type, text.data());
  return text.substr(0, text.find('\0'));
}

herr_t addAttribute(hid_t object, const char* name, const H5A_info_t*, void* data) {
  auto& golden = *static_cast<GoldenCase*>(data);
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute);
  if (H5Tget_class(type) == H5T_STRING) {
    golden.text[name] = readText(attribute, type);
  } else if (H5Tget_class(type) == H5T_ENUM) {  // how h5py stores a bool
    signed char flag = 0;
    H5Aread(attribute, type, &flag);
    golden.numbers[name] = flag;
  } else {
    H5Aread(attribute, H5T_NATIVE_DOUBLE, &golden.numbers[name]);
  }
  H5Tclose(type);
  H5Aclose(attribute);
  return 0;
}

std::vector<std::string> namesIn(hid_t group) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  hsize_t index = 0;
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &index, collect, &names);
  return names;
}

GoldenCase readCase(hid_t cases, const std::string& name) {
  GoldenCase golden;
  golden.name = name;
  const hid_t group = H5Gopen2(cases, name.c_str(), H5P_DEFAULT);
  hsize_t index = 0;
  H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, &index, addAttribute, &golden);
  for (const std::string& member : namesIn(group)) {
    const hid_t dataset = H5Dopen2(group, member.c_str(), H5P_DEFAULT);
    if (member == "loss") {
      golden.loss = readDoubles(dataset);
    } else {
      golden.matrices[member] = readMatrix(dataset);
    }
    H5Dclose(dataset);
  }
  H5Gclose(group);
  return golden;
}

}  // namespace

double GoldenCase::number(const std::string& key, double otherwise) const {
  const auto found = numbers.find(key);
  return found == numbers.end() ? otherwise : found->second;
}

std::string GoldenCase::textOr(const std::string& key, const std::string& otherwise) const {
  const auto found = text.find(key);
  return found == text.end() ? otherwise : found->second;
}

GoldenFile GoldenFile::read() {
  return read(sourcePath("tests/golden/weight_only_golden.h5"));
}

GoldenFile GoldenFile::read(const std::string& path) {
  GoldenFile golden;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return golden;
  const hid_t inputs = H5Gopen2(file, "inputs", H5P_DEFAULT);
  for (const std::string& name : namesIn(inputs)) {
    const hid_t dataset = H5Dopen2(inputs, name.c_str(), H5P_DEFAULT);
    golden.inputs[name] = readMatrix(dataset);
    H5Dclose(dataset);
  }
  H5Gclose(inputs);
  const hid_t cases = H5Gopen2(file, "cases", H5P_DEFAULT);
  for (const std::string& name : namesIn(cases)) golden.cases.push_back(readCase(cases, name));
  H5Gclose(cases);
  H5Fclose(file);
  return golden;
}

}  // namespace quantoscope::test
