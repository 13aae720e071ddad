#include "core/base/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/base/printable.h"
#include "core/base/text.h"

namespace quantoscope {

namespace {

using Library = nlohmann::ordered_json;

/// JSON holds UTF-8 only, but a tensor's name may be any bytes: those are escaped, not refused.
std::string utf8(const std::string& text) {
  return isUtf8(text) ? text : printable(text);
}

Library toLibrary(const Json& value) {
  if (const bool* flag = value.asBool()) return *flag;
  if (const std::int64_t* integer = value.asInteger()) return *integer;
  if (const std::string* text = value.asString()) return utf8(*text);
  if (value.isNumber()) {
    const double number = value.asNumber(0);
    return std::isfinite(number) ? Library(number) : Library(formatNumber(number));
  }
  if (const Json::Array* array = value.asArray()) {
    Library out = Library::array();
    for (const Json& item : *array) out.push_back(toLibrary(item));
    return out;
  }
  if (const Json::Object* object = value.asObject()) {
    Library out = Library::object();
    for (const auto& [key, item] : *object) out[utf8(key)] = toLibrary(item);
    return out;
  }
  return nullptr;
}

/// Python's words for numbers that are not finite, and numbers of the same length that stand for
/// them while the library parses, which knows no such words. They have the only capital E.
struct NotFinite {
  std::string_view word;
  std::string_view stand;
  double value;
};
constexpr NotFinite kNotFinite[] = {
    {"NaN", "0E0", std::numeric_limits<double>::quiet_NaN()},
    {"-Infinity", "-1E000000", -std::numeric_limits<double>::infinity()},
    {"Infinity", "1E000000", std::numeric_limits<double>::infinity()},
};

/// The text with these words replaced where they are no part of a string, and other exponents
/// written with a small e; nothing where there are no such words.
std::optional<std::string> withNotFinite(std::string_view text) {
  if (text.find("NaN") == std::string_view::npos && text.find("Infinity") == std::string_view::npos)
    return std::nullopt;
  std::string result(text);
  bool inString = false;
  for (std::size_t at = 0; at < result.size(); ++at) {
    const char c = result[at];
    if (c == '"') inString = !inString;
    if (inString) {
      if (c == '\\') ++at;  // what is escaped ends no string
      continue;
    }
    if (c == 'E') result[at] = 'e';
    for (const NotFinite& row : kNotFinite) {
      if (text.substr(at, row.word.size()) != row.word) continue;
      result.replace(at, row.word.size(), row.stand);
      at += row.word.size() - 1;
      break;
    }
  }
  return result;
}

/// Builds a Json from the parser's events, so that depth and duplicate keys are checked on the way.
class Builder : public nlohmann::json_sax<Library> {
 public:
  /// `marked`: the text has been through withNotFinite().
  Builder(const std::function<void(std::uint64_t)>& onKeys, std::uint64_t mostValues, bool marked)
      : onKeys_(onKeys), mostValues_(mostValues), marked_(marked) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return add(static_cast<double>(value));
    }
    return add(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& written) override {
    if (!marked_ || written.find('E') == std::string::npos) return add(value);
    for (const NotFinite& row : kNotFinite) {
      if (written == row.stand) return add(row.value);
    }
    return fail("a number that is none: " + written);
  }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return fail("binary data"); }
  bool start_object(std::size_t) override { return open(Json::Object{}); }
  bool start_array(std::size_t) override { return open(Json::Array{}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    if (++keys_ % kKeysBetween == 0 && onKeys_) onKeys_(keys_);
    if (!stack_.back().keys.insert(name).second)
      return fail("the key '" + shortened(name, kShownBytes) + "' twice");
    stack_.back().key = name;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    return fail("no valid JSON at byte " + std::to_string(position));
  }

  Json root;
  std::string problem;

 private:
  struct Level {
    Json value;
    std::string key;
    std::unordered_set<std::string> keys;  ///< of the value; headers of models have very many
  };

  bool fail(std::string what) {
    problem = std::move(what);
    return false;
  }

  bool open(Json value) {
    if (stack_.size() >= kMostJsonDepth) {
      return fail("nesting deeper than " + std::to_string(kMostJsonDepth) + " levels");
    }
    stack_.push_back({std::move(value), {}, {}});
    return true;
  }

  bool close() {
    Json value = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(value));
  }

  bool add(Json value) {
    // Two bytes of text become a value of many: a small file may ask for much memory.
    if (++values_ > mostValues_) {
      return fail("too many values; allowed are at most " + std::to_string(mostValues_));
    }
    if (stack_.empty()) {
      root = std::move(value);
    } else if (Level& level = stack_.back(); level.value.isArray()) {
      const_cast<Json::Array*>(level.value.asArray())->push_back(std::move(value));
    } else {
      const_cast<Json::Object*>(level.value.asObject())
          ->emplace_back(std::move(level.key), std::move(value));
    }
    return true;
  }

  static constexpr std::uint64_t kKeysBetween = 1024;
  static constexpr std::size_t kShownBytes = 200;

  const std::function<void(std::uint64_t)>& onKeys_;
  std::uint64_t mostValues_;
  bool marked_;
  std::uint64_t keys_ = 0;
  std::uint64_t values_ = 0;
  std::vector<Level> stack_;
};

}  // namespace

/// Not the variant's own: where memory runs out in it, that of libstdc++ 12 destroys an alternative
/// that it has not made yet.
Json::Json(const Json& other) {
  std::visit([this](const auto& value) { value_ = std::decay_t<decltype(value)>(value); },
             other.value_);
}

bool Json::isNumber() const {
  return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<double>(value_);
}

double Json::asNumber(double otherwise) const {
  if (const auto* integer = std::get_if<std::int64_t>(&value_))
    return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value_)) return *real;
  return otherwise;
}

std::optional<double> Json::asReal() const {
  if (isNumber()) return asNumber(0);
  const std::string* text = asString();
  if (text == nullptr) return std::nullopt;
  if (*text == "inf") return std::numeric_limits<double>::infinity();
  if (*text == "-inf") return -std::numeric_limits<double>::infinity();
  if (*text == "nan") return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* object = asObject();
  if (object == nullptr) return nullptr;
  for (const auto& [name, value] : *object) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Json::set(std::string key, Json value) {
  if (isNull()) value_ = Object{};
  auto* object = std::get_if<Object>(&value_);
  if (object == nullptr) return;
  for (auto& [name, old] : *object) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  object->emplace_back(std::move(key), std::move(value));
}

std::string Json::text(int indent) const {
  return toLibrary(*this).dump(indent);
}

Result<Json> parseJson(std::string_view text, const std::string& name,
                       const std::function<void(std::uint64_t)>& onKeys, std::uint64_t mostValues) {
  const std::optional<std::string> marked = withNotFinite(text);
  if (marked) text = *marked;
  Builder builder(onKeys, mostValues, marked.has_value());
  if (!Library::sax_parse(text.begin(), text.end(), &builder)) {
    return Error{ErrorCode::UnreadableFile, name + ": " + builder.problem};
  }
  return std::move(builder.root);
}

}  // namespace quantoscope
