#include "core/io/container/element_type.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "core/base/half.h"

namespace quantoscope {

namespace {

/// e4m3fn as float16: the exponent moves from bias 7 to 15, and the mantissa grows by 7 bits.
std::uint16_t halfFromE4M3(unsigned bits) {
  const auto sign = static_cast<std::uint16_t>((bits & 0x80u) << 8);
  const unsigned magnitude = bits & 0x7fu;
  if (magnitude == 0x7fu) return sign | 0x7e00u;
  if (magnitude >= 8) return static_cast<std::uint16_t>(sign | ((magnitude << 7) + (8u << 10)));
  // Subnormal: units of 2^-9, which float16 holds as normal numbers.
  return sign | halfFromFloat(static_cast<float>(magnitude) * 0x1p-9f);
}

/// e8m0fnu as bfloat16, whose exponent has the same bias; the least is subnormal there.
std::uint16_t bfloat16FromE8M0(unsigned char bits) {
  if (bits == 0) return 0x0040u;
  if (bits == 0xff) return 0x7fc0u;
  return static_cast<std::uint16_t>(bits << 7);
}

using HalfTable = std::array<std::uint16_t, 256>;

HalfTable e4m3Table() {
  HalfTable table{};
  for (unsigned bits = 0; bits < 256; ++bits) table[bits] = halfFromE4M3(bits);
  return table;
}

/// Writes two bytes for each that it reads; from the front, it never overtakes what is unread.
template <typename Convert>
void widenBytes(void* bytes, std::size_t count, Convert convert) {
  auto* to = static_cast<unsigned char*>(bytes);
  const unsigned char* from = to + count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t half = convert(from[i]);
    std::memcpy(to + 2 * i, &half, sizeof half);
  }
}

template <typename T>
void toFloats(const void* from, std::size_t count, float* to) {
  const auto* bytes = static_cast<const unsigned char*>(from);
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    to[i] = static_cast<float>(value);
  }
}

/// The float32 of every byte, by way of the float16 that widen() makes.
template <ElementType type>
std::array<float, 256> floatTable() {
  std::array<std::uint16_t, 256> halfs{};
  auto* stored = reinterpret_cast<unsigned char*>(halfs.data()) + halfs.size();
  for (std::size_t bits = 0; bits < halfs.size(); ++bits) {
    stored[bits] = static_cast<unsigned char>(bits);
  }
  widen(type, halfs.data(), halfs.size());
  std::array<float, 256> table{};
  floatsFromHalfs(halfs.data(), halfs.size(), table.data());
  return table;
}

template <ElementType type>
void floatsFromBytes(const void* from, std::size_t count, float* to) {
  static const std::array<float, 256> kTable = floatTable<type>();
  const auto* bytes = static_cast<const unsigned char*>(from);
  for (std::size_t i = 0; i < count; ++i) to[i] = kTable[bytes[i]];
}

}  // namespace

StoredElement elementOfType(ElementType type) {
  switch (type) {
    case ElementType::Float64:
      return {"float64", 8, false, StoredType::Float64};
    case ElementType::Float32:
      return {"float32", 4, false, StoredType::Float32};
    case ElementType::Float16:
      return {"float16", 2, false, StoredType::Float16};
    case ElementType::BFloat16:
      return {"bfloat16", 2, false, StoredType::BFloat16};
    case ElementType::Float8E4M3:
      return {"float8_e4m3fn", 2, false, StoredType::Float16};
    case ElementType::Float8E5M2:
      return {"float8_e5m2", 2, false, StoredType::Float16};
    case ElementType::Float8E8M0:
      return {"float8_e8m0fnu", 2, false, StoredType::BFloat16};
    case ElementType::Int64:
      return {"int64", 8, true, {}};
    case ElementType::Int32:
      return {"int32", 4, true, {}};
    case ElementType::Int16:
      return {"int16", 2, true, {}};
    case ElementType::Int8:
      return {"int8", 1, true, {}};
    case ElementType::UInt64:
      return {"uint64", 8, true, {}};
    case ElementType::UInt32:
      return {"uint32", 4, true, {}};
    case ElementType::UInt16:
      return {"uint16", 2, true, {}};
    case ElementType::UInt8:
      return {"uint8", 1, true, {}};
    case ElementType::Bool:
      break;
  }
  return {"bool", 1, true, {}};
}

std::size_t storedBytesOf(ElementType type) {
  const bool eightBits = type == ElementType::Float8E4M3 || type == ElementType::Float8E5M2 ||
                         type == ElementType::Float8E8M0;
  return eightBits ? 1 : elementOfType(type).bytes;
}

std::size_t storedBytesOf(StoredType type) {
  switch (type) {
    case StoredType::Float64:
      return 8;
    case StoredType::Float32:
      return 4;
    case StoredType::Float16:
    case StoredType::BFloat16:
      break;
  }
  return 2;
}

std::optional<std::uint64_t> listedBytesOf(std::string_view dtype) {
  for (int i = 0; i <= static_cast<int>(ElementType::Bool); ++i) {
    const auto type = static_cast<ElementType>(i);
    if (elementOfType(type).name == dtype) return storedBytesOf(type);
  }
  return std::nullopt;
}

bool isElementOf(const StoredElement& element, const StoredArray& array) {
  if (element.name != array.dtype) return false;
  if (!element.floatType) return array.elementBytes == 0 || element.bytes == array.elementBytes;
  if (element.name.find(kTimesScales) != std::string::npos) {
    return element.floatType == StoredType::Float32;
  }
  for (int i = 0; i <= static_cast<int>(ElementType::Bool); ++i) {
    const StoredElement known = elementOfType(static_cast<ElementType>(i));
    if (known.name == element.name) return known.floatType == element.floatType;
  }
  return element.name == nameOf(*element.floatType);
}

void widen(ElementType type, void* bytes, std::size_t count) {
  if (type == ElementType::Float8E4M3) {
    static const HalfTable kHalfs = e4m3Table();
    widenBytes(bytes, count, [](unsigned char bits) { return kHalfs[bits]; });
  } else if (type == ElementType::Float8E5M2) {  // the upper half of a float16
    widenBytes(bytes, count,
               [](unsigned char bits) { return static_cast<std::uint16_t>(bits << 8); });
  } else if (type == ElementType::Float8E8M0) {
    widenBytes(bytes, count, bfloat16FromE8M0);
  }
}

std::optional<NarrowFloat> narrowFloatNamed(std::string_view name) {
  if (name == elementOfType(ElementType::Float8E4M3).name) {
    return NarrowFloat{1, floatsFromBytes<ElementType::Float8E4M3>};
  }
  if (name == elementOfType(ElementType::Float8E5M2).name) {
    return NarrowFloat{1, floatsFromBytes<ElementType::Float8E5M2>};
  }
  return std::nullopt;
}

void swapBytes(void* bytes, std::size_t elementBytes, std::size_t count) {
  auto* at = static_cast<unsigned char*>(bytes);
  for (std::size_t i = 0; i < count; ++i, at += elementBytes) std::reverse(at, at + elementBytes);
}

void floatsFromIntegers(ElementType type, const void* from, std::size_t count, float* to) {
  switch (type) {
    case ElementType::Int64:
      return toFloats<std::int64_t>(from, count, to);
    case ElementType::Int32:
      return toFloats<std::int32_t>(from, count, to);
    case ElementType::Int16:
      return toFloats<std::int16_t>(from, count, to);
    case ElementType::Int8:
      return toFloats<std::int8_t>(from, count, to);
    case ElementType::UInt64:
      return toFloats<std::uint64_t>(from, count, to);
    case ElementType::UInt32:
      return toFloats<std::uint32_t>(from, count, to);
    case ElementType::UInt16:
      return toFloats<std::uint16_t>(from, count, to);
    default:
      return toFloats<std::uint8_t>(from, count, to);
  }
}

}  // namespace quantoscope
