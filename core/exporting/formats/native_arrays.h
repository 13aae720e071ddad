// What a tensor is in a native file of version 2: its arrays, their shapes and their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/exporting/export_format.h"

namespace quantoscope {

enum class NativeType { UInt8, UInt16, Int32, Float32, Float64 };

std::size_t bytesOf(NativeType type);

/// One array in the group of a tensor.
struct NativeArray {
  const char* name = "";
  NativeType type = NativeType::UInt8;
  std::vector<std::uint64_t> shape;  ///< empty for a scalar
  /// Its elements, little-endian and row-major: as many bytes as bytes() says.
  std::vector<std::byte> (*fill)(const ExportTensor& tensor, const Executor& executor) = nullptr;

  std::uint64_t bytes() const;
};

/// How codes are stored: code = stored + offset, `bits` each, or as 32-bit integers.
struct NativePacking {
  bool dense = true;
  int bits = 0;    ///< dense only
  int offset = 0;  ///< dense only; codebooks store the index of a level
};

/// A tensor as far as shapes depend on it.
struct NativeOutline {
  const TensorInfo& info;
  const QuantSpec& spec;
  GroupLayout layout;
  NativePacking packing;
  bool withValues = false;  ///< `dequantized` is there
};

/// That of a tensor which is there.
NativeOutline outlineOf(const ExportTensor& tensor);
/// That of a tensor of the header, which will be quantized as `spec` says.
NativeOutline outlineOf(const TensorInfo& info, const QuantSpec& spec);

/// Its arrays in the order in which they are written. They follow from the outline alone.
std::vector<NativeArray> nativeArraysOf(const NativeOutline& outline);

}  // namespace quantoscope
