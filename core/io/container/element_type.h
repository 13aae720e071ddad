// The element types of formats that store arrays as plain bytes, and how they become what is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/io/container/container.h"

namespace quantoscope {

/// A type as it is stored.
enum class ElementType {
  Float64,
  Float32,
  Float16,
  BFloat16,
  Float8E4M3,  ///< e4m3fn: no infinities, NaN is 0x7f and 0xff
  Float8E5M2,
  Float8E8M0,  ///< e8m0fnu: 2^(e - 127), without a sign; NaN is 0xff
  Int64,
  Int32,
  Int16,
  Int8,
  UInt64,
  UInt32,
  UInt16,
  UInt8,
  Bool,
};

/// What a reader gets. The 8-bit floats are read as float16, which holds each of their values:
/// "float8_e4m3fn" and "float8_e5m2" have `bytes` 2 and `floatType` Float16. So has
/// "float8_e8m0fnu" with BFloat16.
StoredElement elementOfType(ElementType type);

/// The bytes of one element in the file.
std::size_t storedBytesOf(ElementType type);
std::size_t storedBytesOf(StoredType type);

/// The bytes of one element of a StoredArray::dtype; nothing for types of other sizes or none.
std::optional<std::uint64_t> listedBytesOf(std::string_view dtype);

/// Whether elements like these are what an array was listed with.
bool isElementOf(const StoredElement& element, const StoredArray& array);

/// Turns `count` elements from what is stored into what is read, where these differ in more than
/// the order of bytes. What is stored stands in the last `count * storedBytesOf(type)` of the
/// `count * elementOfType(type).bytes` bytes.
void widen(ElementType type, void* bytes, std::size_t count);

/// How elements that widen() would turn into float16 become float32 without it.
struct NarrowFloat {
  std::size_t bytes = 0;  ///< of one as it is stored
  void (*decode)(const void* from, std::size_t count, float* to) = nullptr;
};

/// That of a type by the name that elementOfType() gives it; nothing for the others.
std::optional<NarrowFloat> narrowFloatNamed(std::string_view name);

/// Reverses the bytes of each of `count` elements of `elementBytes` bytes.
void swapBytes(void* bytes, std::size_t elementBytes, std::size_t count);

/// `count` integers or truth values, in the byte order of this machine, rounded to float32.
void floatsFromIntegers(ElementType type, const void* from, std::size_t count, float* to);

}  // namespace quantoscope
