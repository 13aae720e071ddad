// What tests of the formats that are state dicts share: headers, findings as text, and the golden
// cases of packed_gptq.h5.
#pragma once

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/half.h"
#include "core/exporting/state_dict.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

namespace quantoscope::test {

inline QuantSpec intSpec(int bits, long long groupSize, Scheme scheme) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.scheme = scheme;
  return spec;
}

inline TensorInfo weightInfo(const std::string& name, std::size_t rows, std::size_t cols) {
  TensorInfo info;
  info.name = name;
  info.shape = {rows, cols};
  info.dtype = "float32";
  info.bytes = rows * cols * sizeof(float);
  info.quantizable = true;
  setAxes(info, AxisMap::rows(2));
  return info;
}

/// A tensor of a header with the spec that it is to have.
struct Chosen {
  TensorInfo info;
  QuantSpec spec;
};

/// The whole of a model: these tensors, and others that stay in float.
inline ModelHeader headerOf(const std::vector<Chosen>& chosen,
                            const std::vector<TensorInfo>& passed = {}) {
  ModelHeader header;
  header.sourceFile = "model.safetensors";
  if (!chosen.empty()) header.plan.defaultSpec = chosen.front().spec;
  for (const Chosen& one : chosen) {
    header.tensors.push_back(one.info);
    header.plan.tensors[one.info.name].spec = one.spec;
  }
  header.passed = passed;
  return header;
}

/// A line for each: "refusal: SUBJECT: TEXT [RULE] -> FIRST REMEDY".
inline std::string told(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    switch (finding.severity) {
      case Finding::Severity::Note:
        text += "note: ";
        break;
      case Finding::Severity::Usual:
        text += "usual: ";
        break;
      case Finding::Severity::Refusal:
        text += "refusal: ";
        break;
    }
    text += finding.line();
    if (!finding.rule.empty()) text += " [" + finding.rule + "]";
    if (!finding.remedies.empty()) text += " -> " + finding.remedies.front().text();
    text += "\n";
  }
  return text;
}

inline std::string packedGoldenPath() {
  return sourcePath("tests/golden/packed_gptq.h5");
}

/// The names of the golden cases of a format, "gptq_v1/...".
inline std::vector<std::string> goldenCases(const std::string& format) {
  std::vector<std::string> cases;
  const std::string all = readAttribute(packedGoldenPath(), "/", "cases").value_or("");
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    if (all.compare(begin, format.size() + 1, format + "/") == 0) {
      cases.push_back(all.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return cases;
}

inline int goldenNumber(const std::string& name, const std::string& attribute) {
  return std::stoi(readAttribute(packedGoldenPath(), name, attribute).value_or("0"));
}

/// The codes, zero points and scales that went into a packer, as a quantized tensor of ours:
/// symmetric ones, and those of codebooks, with signed codes and without zero points.
inline ExportTensor goldenTensor(const std::string& name) {
  const auto array = [&](const char* part) {
    return readArray(packedGoldenPath(), name + "/input/" + part);
  };
  const Hdf5Array codes = *array("codes");
  const auto zeros = array("zeros");
  ExportTensor tensor;
  tensor.info = weightInfo("block.layer.weight", codes.shape[0], codes.shape[1]);
  QuantSpec& spec = tensor.quantized.spec;
  spec = spec.withDtype(*parseDtype(*readAttribute(packedGoldenPath(), name, "dtype")));
  spec.bits = goldenNumber(name, "bits");
  spec.groupSize = goldenNumber(name, "group_size");
  const bool isSym = !spec.isFloat() && goldenNumber(name, "sym") != 0;
  if (!spec.isFloat()) spec.scheme = isSym ? Scheme::Sym : Scheme::Asym;
  const int less = isSym && zeros ? 1 << (spec.bits - 1) : 0;
  GroupParameters& parameters = tensor.quantized.parameters;
  parameters.layout = layoutOf(spec, codes.shape[0], codes.shape[1]);
  const Hdf5Array scales = *array("scales");
  for (const double scale : scales.values) parameters.scale.push_back(static_cast<float>(scale));
  if (isSym || spec.isFloat()) {
    std::vector<std::int8_t> own;
    for (const double code : codes.values) own.push_back(static_cast<std::int8_t>(code - less));
    tensor.quantized.codes = std::move(own);
    return tensor;
  }
  parameters.zeroPoint.assign(zeros->values.begin(), zeros->values.end());
  std::vector<std::uint8_t> own;
  for (const double code : codes.values) own.push_back(static_cast<std::uint8_t>(code));
  tensor.quantized.codes = std::move(own);
  return tensor;
}

/// The bytes of a golden array as they lie in a file of safetensors.
inline std::vector<std::byte> goldenBytes(const Hdf5Array& array) {
  std::vector<std::byte> bytes;
  const auto append = [&](auto value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), begin, begin + sizeof(value));
  };
  for (const double value : array.values) {
    if (array.type == "int32") {
      append(static_cast<std::int32_t>(value));
    } else if (array.type == "uint16") {
      append(static_cast<std::uint16_t>(value));
    } else {
      append(static_cast<float>(value));
    }
  }
  return bytes;
}

/// What a format makes of a case, against what the real packer made; "" where all is the same.
inline std::string differenceOf(const ExportFormat& row, const StateDictFormat& format,
                                const std::string& name, int threads) {
  ExportTensor tensor = goldenTensor(name);
  row.storeScales(tensor.info, tensor.quantized.spec, tensor.quantized.parameters);
  const auto plan = format.plan(tensor.info, tensor.quantized.spec);
  const PackedArrays arrays = format.pack(tensor, plan, Executor(threads));
  if (arrays.size() != plan.size()) return name + ": arrays";
  const std::map<std::string, std::string> types = {
      {"I32", "int32"}, {"F16", "uint16"}, {"F32", "float32"}};
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::string part = plan[i].name.substr(plan[i].name.rfind('.') + 1);
    const auto golden = readArray(packedGoldenPath(), name + "/packed/" + part);
    if (plan[i].name != "block.layer." + part) return name + ": " + plan[i].name;
    if (!golden) return name + ": there is no " + part;
    const std::vector<std::uint64_t> shape(golden->shape.begin(), golden->shape.end());
    if (plan[i].shape != shape) return name + ": shape of " + part;
    if (types.at(plan[i].type) != golden->type) return name + ": type of " + part;
    if (arrays[i] != goldenBytes(*golden)) return name + ": bytes of " + part;
  }
  return "";
}

}  // namespace quantoscope::test
