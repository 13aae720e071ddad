// Arrays that upstream software packed, beside what it packed: tests/golden/packed_ct_bnb_mlx.h5.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include <QtTest>

#include "core/base/half.h"
#include "core/exporting/state_dict.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

namespace quantoscope::test::upstream {

/// One case; codes and parameters count as upstream's.
class PackedCase {
 public:
  explicit PackedCase(std::string name) : name_(std::move(name)), valueType_(text("value_type")) {}

  /// Those whose name begins so.
  static std::vector<PackedCase> all(const std::string& begin) {
    std::vector<PackedCase> cases;
    std::istringstream names(readAttribute(file(), "/", "cases").value_or(""));
    for (std::string name; std::getline(names, name);) {
      if (name.rfind(begin, 0) == 0) cases.emplace_back(name);
    }
    return cases;
  }

  const std::string& name() const { return name_; }
  std::string text(const char* key) const {
    return readAttribute(file(), "/" + name_, key).value_or("");
  }
  int number(const char* key) const {
    const std::string found = text(key);
    return found.empty() ? 0 : std::stoi(found);
  }
  std::size_t out() const { return static_cast<std::size_t>(number("out")); }
  std::size_t in() const { return static_cast<std::size_t>(number("in")); }

  std::vector<double> values(const std::string& array) const {
    const auto found = readArray(file(), "/" + name_ + "/" + array);
    return found ? found->values : std::vector<double>{};
  }
  std::vector<float> floats(const std::string& array) const {
    const std::vector<double> found = values(array);
    return {found.begin(), found.end()};
  }

  /// The arrays as they are stored, in no order.
  std::vector<PlannedArray> arrays() const {
    std::vector<PlannedArray> found;
    std::istringstream lines(text("arrays"));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      PlannedArray array;
      words >> array.name >> array.type;
      for (std::uint64_t side = 0; words >> side;) array.shape.push_back(side);
      found.push_back(std::move(array));
    }
    return found;
  }
  std::vector<std::byte> bytes(const std::string& array) const {
    std::vector<std::byte> stored;
    for (const double value : values("packed/" + array)) {
      stored.push_back(static_cast<std::byte>(value));
    }
    return stored;
  }

  /// The first weights as upstream decodes them.
  std::vector<float> decoded() const {
    std::vector<float> result;
    for (const double value : values("dequantized")) {
      result.push_back(valueType_ == "float32" ? static_cast<float>(value) : halfOf(value));
    }
    return result;
  }
  /// `value` as a number of the type that upstream decodes to.
  float rounded(float value) const {
    if (valueType_ == "float16") return floatFromHalf(halfFromFloat(value));
    if (valueType_ == "bfloat16") return floatFromBfloat16(bfloat16FromFloat(value));
    return value;
  }

  TensorInfo info() const { return infoOf(out(), in(), text("dtype")); }
  static TensorInfo infoOf(std::size_t out, std::size_t in, const std::string& dtype,
                           const std::string& name = "m.weight") {
    TensorInfo info;
    info.name = name;
    info.shape = {out, in};
    info.dtype = dtype;
    setAxes(info, AxisMap::rows(2));
    info.quantizable = true;
    return info;
  }

 private:
  static std::string file() { return sourcePath("tests/golden/packed_ct_bnb_mlx.h5"); }
  float halfOf(double bits) const {
    const auto stored = static_cast<std::uint16_t>(bits);
    return valueType_ == "float16" ? floatFromHalf(stored) : floatFromBfloat16(stored);
  }

  std::string name_;
  std::string valueType_;
};

/// What a format makes of a tensor, against upstream's arrays: names without "m.", types, shapes
/// and bytes. Those named in `except` are compared by name and type alone. `asOurs` turns stored
/// bytes of theirs into what stands for the same in ours.
inline void compareArrays(const PackedCase& golden, const StateDictFormat& format,
                          const ExportTensor& tensor, const std::vector<std::string>& except = {},
                          void (*asOurs)(const std::string& array, std::vector<std::byte>&) = {}) {
  const auto plan = format.plan(tensor.info, tensor.quantized.spec);
  const PackedArrays packed = format.pack(tensor, plan, Executor(2));
  const std::vector<PlannedArray> wanted = golden.arrays();
  QCOMPARE(plan.size(), wanted.size());
  QCOMPARE(packed.size(), plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::string context = golden.name() + " " + plan[i].name;
    QCOMPARE(packed[i].size(), static_cast<std::size_t>(plan[i].bytes()));
    const auto same = std::find_if(wanted.begin(), wanted.end(), [&](const PlannedArray& array) {
      return "m." + array.name == plan[i].name;
    });
    QVERIFY2(same != wanted.end(), context.c_str());
    QCOMPARE(plan[i].type, same->type);
    if (std::find(except.begin(), except.end(), same->name) != except.end()) continue;
    QVERIFY2(plan[i].shape == same->shape, context.c_str());
    std::vector<std::byte> stored = golden.bytes(same->name);
    if (asOurs != nullptr) asOurs(same->name, stored);
    QVERIFY2(packed[i] == stored, context.c_str());
  }
}

/// The findings, a line each: "refused SUBJECT: TEXT [RULE] -> FIRST REMEDY".
inline std::string told(const Findings& findings) {
  std::string lines;
  for (const Finding& finding : findings) {
    const char* severity[] = {"note", "usual", "refused"};
    lines += std::string(severity[static_cast<int>(finding.severity)]) + " " + finding.line();
    if (!finding.rule.empty()) lines += " [" + finding.rule + "]";
    if (!finding.remedies.empty()) lines += " -> " + finding.remedies.front().text();
    lines += "\n";
  }
  return lines;
}

/// JSON as text, for messages.
inline void compareJson(const Json& found, const std::string& wanted) {
  const auto parsed = parseJson(wanted, "wanted");
  QVERIFY2(parsed, parsed ? "" : parsed.error().message.c_str());
  QVERIFY2(found == *parsed, found.text(-1).c_str());
}

/// A header of matrices of float16, all with one spec where `plan` has no other.
struct NamedShape {
  const char* name;
  std::size_t out;
  std::size_t in;
};
inline ModelHeader headerOf(const std::vector<NamedShape>& tensors, const QuantSpec& spec,
                            const std::vector<NamedShape>& passed = {},
                            const std::string& dtype = "float16") {
  ModelHeader header;
  header.sourceFile = "model.safetensors";
  header.plan.defaultSpec = spec;
  for (const auto& [name, out, in] : tensors) {
    header.tensors.push_back(PackedCase::infoOf(out, in, dtype, name));
  }
  for (const auto& [name, out, in] : passed) {
    header.passed.push_back(PackedCase::infoOf(out, in, dtype, name));
  }
  return header;
}

/// Compares what a format finds of one matrix, called m.weight, with lines as told() writes them.
struct CheckedSpec {
  QuantSpec spec;
  std::size_t out;
  std::size_t in;
  std::string wanted;
};
inline void compareFindings(const ExportFormat& format, const std::vector<CheckedSpec>& rows) {
  for (const CheckedSpec& row : rows) {
    const std::string found =
        told(format.check(headerOf({{"m.weight", row.out, row.in}}, row.spec)));
    if (found == row.wanted) continue;
    QFAIL((describe(row.spec) + " of " + std::to_string(row.out) + " x " + std::to_string(row.in) +
           "\n" + found + "instead of\n" + row.wanted)
              .c_str());
  }
}

inline QuantSpec tableSpec(Dtype dtype, long long groupSize) {
  QuantSpec spec = QuantSpec{}.withDtype(dtype);
  spec.groupSize = groupSize;
  return spec;
}

inline QuantSpec doubled(QuantSpec spec, const DoubleQuant& second = {}) {
  spec.doubleQuant = second;
  return spec;
}

inline QuantSpec intSpec(int bits, long long groupSize, Scheme scheme) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.scheme = scheme;
  return spec;
}

}  // namespace quantoscope::test::upstream
