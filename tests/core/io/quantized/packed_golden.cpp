#include "tests/core/io/quantized/packed_golden.h"

#include <cstring>
#include <hdf5.h>
#include <map>

#include <QtGlobal>

#include "core/base/half.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

namespace quantoscope::test {

namespace {

std::string goldenFile() {
  return sourcePath("tests/golden/packed_bytes.h5");
}

/// Closes an HDF5 object when it goes.
class Open {
 public:
  Open(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {
    if (id < 0) qFatal("%s lacks an object", goldenFile().c_str());
  }
  ~Open() { close_(id_); }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

std::vector<std::string> membersOf(hid_t file, const std::string& path) {
  const Open group(H5Gopen2(file, path.c_str(), H5P_DEFAULT), H5Gclose);
  std::vector<std::string> names;
  H5Literate(
      group, H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
        static_cast<std::vector<std::string>*>(to)->emplace_back(name);
        return 0;
      },
      &names);
  return names;
}

bool has(hid_t file, const std::string& path) {
  return H5Lexists(file, path.c_str(), H5P_DEFAULT) > 0;
}

/// The elements as they are, in the byte order of this machine.
PartBytes readPart(hid_t file, const std::string& path, const std::string& name) {
  const Open dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
  const Open space(H5Dget_space(dataset), H5Sclose);
  const Open stored(H5Dget_type(dataset), H5Tclose);
  const Open native(H5Tget_native_type(stored, H5T_DIR_ASCEND), H5Tclose);
  std::vector<hsize_t> sides(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
  if (!sides.empty()) H5Sget_simple_extent_dims(space, sides.data(), nullptr);
  PartBytes part{name, {}, {sides.begin(), sides.end()}, {}};
  part.bytes.resize(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) *
                    H5Tget_size(native));
  H5Dread(dataset, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, part.bytes.data());
  part.dtype = readAttribute(goldenFile(), path, "dtype").value_or("");
  return part;
}

std::vector<std::int16_t> readCodes(hid_t file, const std::string& path) {
  if (!has(file, path)) return {};
  const PartBytes part = readPart(file, path, {});
  std::vector<std::int16_t> codes(part.bytes.size() / sizeof(std::int16_t));
  std::memcpy(codes.data(), part.bytes.data(), part.bytes.size());
  return codes;
}

}  // namespace

PartBytes& PackedGolden::part(const std::string& name) {
  for (PartBytes& candidate : parts) {
    if (candidate.name == name) return candidate;
  }
  qFatal("no part %s", name.c_str());
}

std::vector<float> PackedGolden::values() const {
  std::vector<float> result(dequantized.bytes.size() / elementBytesOf(dequantized.dtype));
  for (std::size_t i = 0; i < result.size(); ++i) {
    std::uint16_t half = 0;
    if (dequantized.dtype == "F32") {
      std::memcpy(&result[i], dequantized.bytes.data() + i * sizeof(float), sizeof(float));
      continue;
    }
    std::memcpy(&half, dequantized.bytes.data() + i * sizeof half, sizeof half);
    result[i] = dequantized.dtype == "F16" ? floatFromHalf(half) : floatFromBfloat16(half);
  }
  return result;
}

std::vector<std::string> packedGoldenNames() {
  const Open file(H5Fopen(goldenFile().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  std::vector<std::string> names;
  for (const std::string& format : membersOf(file, "/")) {
    for (const std::string& name : membersOf(file, format)) names.push_back(format + "/" + name);
  }
  return names;
}

PackedGolden packedGolden(const std::string& name) {
  const Open file(H5Fopen(goldenFile().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  PackedGolden golden;
  for (const std::string& part : membersOf(file, name + "/parts")) {
    golden.parts.push_back(readPart(file, name + "/parts/" + part, part));
  }
  golden.dequantized = readPart(file, name + "/dequantized", "dequantized");
  golden.codes = readCodes(file, name + "/codes");
  golden.zeros = readCodes(file, name + "/zeros");
  golden.config = readAttribute(goldenFile(), name, "config").value_or("");
  golden.bits = std::stoi(readAttribute(goldenFile(), name, "bits").value_or("0"));
  golden.groupSize = std::stoi(readAttribute(goldenFile(), name, "group_size").value_or("0"));
  return golden;
}

std::string safetensorsOf(const std::vector<PartBytes>& parts, const std::string& prefix) {
  std::string header = "{";
  std::string data;
  for (const PartBytes& part : parts) {
    std::string shape;
    for (const std::uint64_t side : part.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(side);
    }
    header += (header.size() > 1 ? ",\"" : "\"") + prefix + part.name + "\":{\"dtype\":\"" +
              part.dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(data.size()) + "," + std::to_string(data.size() + part.bytes.size()) +
              "]}";
    data += part.bytes;
  }
  return safetensorsBytes(header + "}", data);
}

std::size_t elementBytesOf(const std::string& dtype) {
  static const std::map<std::string, std::size_t> kSizes = {
      {"F64", 8}, {"I64", 8}, {"F32", 4}, {"I32", 4},  {"U32", 4},     {"F16", 2},
      {"I16", 2}, {"U8", 1},  {"I8", 1},  {"BF16", 2}, {"F8_E4M3", 1}, {"F8_E8M0", 1}};
  return kSizes.at(dtype);
}

float roundedTo(const std::string& dtype, float value) {
  if (dtype == "F16") return floatFromHalf(halfFromFloat(value));
  return dtype == "BF16" ? floatFromBfloat16(bfloat16FromFloat(value)) : value;
}

}  // namespace quantoscope::test
