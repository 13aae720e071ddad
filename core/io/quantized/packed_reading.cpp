#include "core/io/quantized/packed_reading.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/half.h"
#include "core/base/text.h"

namespace quantoscope {

namespace {

/// E8M0.
float powerOf(float exponent) {
  if (exponent == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0f, static_cast<int>(exponent) - 127);
}

void convert(StoredType type, const std::byte* bytes, std::vector<float>& values) {
  const auto* halfs = reinterpret_cast<const std::uint16_t*>(bytes);
  switch (type) {
    case StoredType::Float16:
      floatsFromHalfs(halfs, values.size(), values.data());
      break;
    case StoredType::BFloat16:
      floatsFromBfloat16s(halfs, values.size(), values.data());
      break;
    case StoredType::Float32:
      std::memcpy(values.data(), bytes, values.size() * sizeof(float));
      break;
    case StoredType::Float64:
      for (std::size_t i = 0; i < values.size(); ++i) {
        double value = 0;
        std::memcpy(&value, bytes + i * sizeof value, sizeof value);
        values[i] = static_cast<float>(value);
      }
  }
}

}  // namespace

std::string shapeText(const StoredArray& array) {
  std::vector<std::string> sides;
  for (const std::uint64_t side : array.shape) sides.push_back(std::to_string(side));
  return "[" + join(sides, ", ") + "]";
}

Result<std::vector<float>> readNumbers(const Container& container, const StoredArray& array,
                                       Bytes meaning, const TaskControl& control) {
  const auto element = container.elementOf(array.path);
  if (!element) return element.error();
  const Box box = wholeOf(array);
  std::vector<float> values(box.elements());
  if (values.empty()) return values;
  if (element->integer) {
    const Status status = container.readAsFloat(array.path, box, values.data());
    if (!status) return status.error();
    if (meaning == Bytes::Exponents && element->bytes == 1) {
      std::transform(values.begin(), values.end(), values.begin(), powerOf);
    }
    return values;
  }
  if (!element->floatType) {
    return Error{ErrorCode::UnreadableFile,
                 array.path + ": holds " + element->name + ", which are no numbers"};
  }
  std::vector<std::byte> bytes(values.size() * element->bytes);
  // Progress counts codes, which are many more.
  const Status status = container.read(array.path, box, bytes.data(), {control.cancel, {}});
  if (!status) return status.error();
  convert(*element->floatType, bytes.data(), values);
  return values;
}

}  // namespace quantoscope
