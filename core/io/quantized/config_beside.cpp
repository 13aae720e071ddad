#include "core/io/quantized/config_beside.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "core/base/json.h"
#include "core/io/container/byte_source.h"
#include "core/io/quantized/packed_finding.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kMostValues = 1'000'000;

/// Where a configuration may be: the members of an object, or all of it.
struct Place {
  const char* file;
  std::array<const char*, 2> members;
};
constexpr Place kPlaces[] = {{"config.json", {"quantization_config", "quantization"}},
                             {"quantize_config.json", {}},
                             {"quant_config.json", {}},
                             {"quantization_config.json", {}}};

/// How openFileBytes() ends the error for a file that is not there.
bool isAbsent(const Error& error) {
  return error.message.ends_with(": no such file");
}

Result<Json> readJson(const ByteSource& bytes, const std::string& name) {
  if (bytes.size() > kMostBytes) {
    return Error{ErrorCode::UnreadableFile, name + ": has " + std::to_string(bytes.size()) +
                                                " bytes; at most " + std::to_string(kMostBytes) +
                                                " are read"};
  }
  const auto text = readText(bytes, 0, static_cast<std::size_t>(bytes.size()));
  if (!text) return about(name, text.error());
  return parseJson(*text, name, {}, kMostValues);
}

const Json* configIn(const Json& json, const Place& place) {
  if (place.members[0] == nullptr) return json.isObject() ? &json : nullptr;
  for (const char* member : place.members) {
    const Json* config = json.find(member);
    if (config != nullptr && config->isObject()) return config;
  }
  return nullptr;
}

QuantizationConfig configBeside(const std::string& path) {
  QuantizationConfig found;
  for (const Place& place : kPlaces) {
    const auto bytes =
        openFileBytes(std::filesystem::path(path).replace_filename(place.file).string());
    if (!bytes && isAbsent(bytes.error())) continue;
    const auto json = bytes ? readJson(**bytes, place.file) : Result<Json>(bytes.error());
    if (!json) {
      if (found.problem.empty()) found.problem = json.error().message;
    } else if (const Json* config = configIn(*json, place)) {
      found.text = config->text(-1);
      return found;
    }
  }
  return found;
}

class ConfiguredContainer : public Container {
 public:
  ConfiguredContainer(SharedContainer container, QuantizationConfig found)
      : container_(std::move(container)), contents_(container_->contents()) {
    contents_.quantizationConfig = std::move(found.text);
    contents_.quantizationProblem = std::move(found.problem);
  }

  const StoredFile& contents() const override { return contents_; }
  Result<StoredElement> elementOf(const std::string& path) const override {
    return container_->elementOf(path);
  }
  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    return container_->extentOf(path);
  }
  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    return container_->read(path, box, bytes, control);
  }
  Result<SharedBytes> readShared(const std::string& path, const Box& box,
                                 const TaskControl& control) const override {
    return container_->readShared(path, box, control);
  }
  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    return container_->readAsFloat(path, box, values);
  }
  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    return container_->chunkOf(path);
  }

 private:
  SharedContainer container_;
  StoredFile contents_;
};

}  // namespace

SharedContainer withConfig(SharedContainer container, QuantizationConfig config) {
  return std::make_shared<ConfiguredContainer>(std::move(container), std::move(config));
}

SharedContainer withConfigBeside(SharedContainer container, const std::string& path) {
  const std::vector<FoundCodes> codes = findCodes(container->contents());
  const bool decodable = std::any_of(codes.begin(), codes.end(), [](const FoundCodes& found) {
    return found.format->open != nullptr;
  });
  if (!decodable) return container;
  QuantizationConfig found = configBeside(path);
  if (found.text.empty() && found.problem.empty()) return container;
  return withConfig(std::move(container), std::move(found));
}

}  // namespace quantoscope
