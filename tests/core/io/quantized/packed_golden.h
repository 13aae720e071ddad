// Quantized tensors that other people's software wrote, and files that hold them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quantoscope::test {

/// An array of a safetensors file.
struct PartBytes {
  std::string name;
  std::string dtype;  ///< as safetensors has it: "F16"
  std::vector<std::uint64_t> shape;
  std::string bytes;
};

/// A case of tests/golden/packed_bytes.h5; see the script beside it.
struct PackedGolden {
  std::vector<PartBytes> parts;  ///< without the name of a module
  PartBytes dequantized;
  std::vector<std::int16_t> codes;  ///< empty: not told
  std::vector<std::int16_t> zeros;
  std::string config;
  int bits = 0;
  int groupSize = 0;

  /// The part of that name; ends the test where there is none.
  PartBytes& part(const std::string& name);
  /// dequantized as float32.
  std::vector<float> values() const;
};

/// "FORMAT/CASE" of all cases.
std::vector<std::string> packedGoldenNames();
/// Ends the test where there is none.
PackedGolden packedGolden(const std::string& name);

/// The bytes of a safetensors file of these arrays, each name behind `prefix`.
std::string safetensorsOf(const std::vector<PartBytes>& parts, const std::string& prefix);

/// The bytes of an element of a safetensors type.
std::size_t elementBytesOf(const std::string& dtype);

/// The nearest value of "F16" or "BF16"; itself for "F32".
float roundedTo(const std::string& dtype, float value);

}  // namespace quantoscope::test
