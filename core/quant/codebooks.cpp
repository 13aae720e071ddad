#include "core/quant/codebooks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/base/text.h"

namespace quantoscope {

namespace {

float justBelow(float x) {
  return std::nextafter(x, -std::numeric_limits<float>::infinity());
}

/// The value of a positive pattern.
double valueOf(const SmallFloat& format, int pattern) {
  const int bias = (1 << (format.exponentBits - 1)) - 1;
  const int exponent = pattern >> format.mantissaBits;
  const int mantissa = pattern & ((1 << format.mantissaBits) - 1);
  const double fraction = std::ldexp(mantissa, -format.mantissaBits);
  return exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
}

Error badCodebook(const std::string& name, const std::string& what, const std::string& allowed) {
  return {ErrorCode::InvalidArgument, name + ": " + what + ": allowed are " + allowed};
}

Status checkLevels(const std::string& name, const std::vector<double>& levels) {
  if (levels.size() < NamedCodebook::kMinLevels || levels.size() > NamedCodebook::kMaxLevels) {
    return badCodebook(name, std::to_string(levels.size()) + " levels", "2 to 256");
  }
  bool allZero = true;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto level = static_cast<float>(levels[i]);
    const std::string shown = "level " + std::to_string(i) + " is " + formatNumber(levels[i]);
    if (!std::isfinite(level)) return badCodebook(name, shown, "finite float32 numbers");
    if (i > 0 && !(static_cast<float>(levels[i - 1]) < level)) {
      return badCodebook(name, shown, "levels that ascend strictly as float32 numbers");
    }
    allZero = allZero && level == 0;
  }
  return allZero ? Status(badCodebook(name, "all levels are 0", "at least one level other than 0"))
                 : ok();
}

Status checkCodes(const std::string& name, std::size_t levels, const std::vector<int>& codes) {
  if (codes.size() != levels) {
    return badCodebook(name, std::to_string(codes.size()) + " codes",
                       "one code per level, " + std::to_string(levels));
  }
  const bool small = levels <= 16;
  const int lowest = small ? -128 : 0;
  const int highest = small ? 127 : 255;
  std::set<int> seen;
  for (const int code : codes) {
    if (code < lowest || code > highest) {
      return badCodebook(name, "code " + std::to_string(code),
                         std::to_string(lowest) + " to " + std::to_string(highest));
    }
    if (!seen.insert(code).second) {
      return badCodebook(name, "code " + std::to_string(code) + " twice", "different codes");
    }
  }
  return ok();
}

Result<std::vector<double>> numbersOf(const Json& json, const std::string& key,
                                      const std::string& name) {
  std::vector<double> numbers;
  const Json::Array* array = json.asArray();
  if (array == nullptr) return badCodebook(name, key + " is not an array", "an array of numbers");
  for (const Json& value : *array) {
    if (!value.isNumber()) return badCodebook(name, key, "an array of numbers");
    numbers.push_back(value.asNumber(0));
  }
  return numbers;
}

Result<std::vector<int>> integersOf(const Json& json, const std::string& name) {
  auto numbers = numbersOf(json, "codes", name);
  if (!numbers) return numbers.error();
  std::vector<int> integers;
  for (const double number : *numbers) {
    if (number != std::floor(number) || std::fabs(number) > 255) {
      return badCodebook(name, "code " + formatNumber(number), "integers from -128 to 255");
    }
    integers.push_back(static_cast<int>(number));
  }
  return integers;
}

}  // namespace

Codebook makeCodebook(const std::vector<double>& levels, std::vector<int> codes, Ties ties) {
  Codebook book;
  for (const double level : levels) book.levels.push_back(static_cast<float>(level));
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const auto middle = static_cast<float>((levels[i] + levels[i + 1]) / 2);
    book.thresholds.push_back(ties == Ties::Up ? justBelow(middle) : middle);
  }
  book.codes = std::move(codes);
  return book;
}

Codebook smallFloatCodebook(const SmallFloat& format) {
  // Magnitudes ascend with their patterns, so the negative numbers are those of the descending
  // ones. A tie goes to the even one of its two patterns.
  const int signBit = 1 << (format.exponentBits + format.mantissaBits);
  std::vector<double> levels;
  std::vector<int> codes;
  for (int pattern = format.largestPattern; pattern > 0; --pattern) {
    levels.push_back(-valueOf(format, pattern));
    codes.push_back(pattern | signBit);
  }
  for (int pattern = 0; pattern <= format.largestPattern; ++pattern) {
    levels.push_back(valueOf(format, pattern));
    codes.push_back(pattern);
  }
  Codebook book = makeCodebook(levels, std::move(codes));
  for (std::size_t i = 0; i < book.thresholds.size(); ++i) {
    const bool upperIsEven = book.codes[i + 1] % 2 == 0;
    if (upperIsEven) book.thresholds[i] = justBelow(book.thresholds[i]);
  }
  return book;
}

int NamedCodebook::bits() const {
  return book == nullptr ? 0 : static_cast<int>(std::bit_width(book->levels.size() - 1));
}

bool NamedCodebook::operator==(const NamedCodebook& other) const {
  if (name != other.name) return false;
  if (book == other.book) return true;
  return book != nullptr && other.book != nullptr && *book == *other.book;
}

Result<NamedCodebook> makeNamedCodebook(const std::string& name, const std::vector<double>& levels,
                                        std::vector<int> codes) {
  if (auto status = checkLevels(name, levels); !status) return status.error();
  if (codes.empty()) {
    codes.resize(levels.size());
    std::iota(codes.begin(), codes.end(), 0);
  }
  if (auto status = checkCodes(name, levels.size(), codes); !status) return status.error();
  // The midpoints of the levels as they are stored, so that writing and reading changes no bit.
  std::vector<double> stored = levels;
  for (double& level : stored) level = static_cast<float>(level);
  return NamedCodebook{
      name, std::make_shared<const Codebook>(makeCodebook(stored, std::move(codes))), {}};
}

Result<NamedCodebook> codebookFromJson(const Json& json, const std::string& name) {
  const Json::Object* object = json.asObject();
  if (object == nullptr) return badCodebook(name, "a codebook", "JSON objects");
  const std::string keys = "name, levels, codes";
  std::string ownName;
  std::vector<double> levels;
  std::vector<int> codes;
  for (const auto& [key, value] : *object) {
    if (key == "name") {
      if (!value.isString()) return badCodebook(name, "name", "strings");
      ownName = *value.asString();
    } else if (key == "levels") {
      auto numbers = numbersOf(value, key, name);
      if (!numbers) return numbers.error();
      levels = std::move(*numbers);
    } else if (key == "codes") {
      auto integers = integersOf(value, name);
      if (!integers) return integers.error();
      if (integers->empty()) return badCodebook(name, "0 codes", "one code per level, or no codes");
      codes = std::move(*integers);
    } else {
      return badCodebook(name, "unknown key '" + key + "' in a codebook", keys);
    }
  }
  auto codebook = makeNamedCodebook(name, levels, std::move(codes));
  if (!codebook) return codebook.error();
  if (ownName.empty()) return badCodebook(name, "no name", "codebooks with a name");
  codebook->name = ownName;
  return codebook;
}

Result<NamedCodebook> codebookFromText(std::string_view text, const std::string& name) {
  auto json = parseJson(text, name);
  if (!json) return json.error();
  return codebookFromJson(*json, name);
}

Json toJson(const NamedCodebook& codebook) {
  const std::vector<double> levels(codebook.book->levels.begin(), codebook.book->levels.end());
  return Json::object({{"name", codebook.name},
                       {"levels", Json::arrayOf(levels)},
                       {"codes", Json::arrayOf(codebook.book->codes)}});
}

}  // namespace quantoscope
