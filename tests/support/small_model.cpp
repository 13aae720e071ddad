#include "tests/support/small_model.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "core/base/half.h"
#include "core/base/json.h"

namespace quantoscope::test {

namespace {

constexpr std::uint64_t kWidth = 128;
constexpr std::uint64_t kInner = 256;
constexpr std::uint64_t kWords = 64;

struct Array {
  std::string name;
  std::vector<std::uint64_t> shape;
};

std::vector<Array> arrays() {
  std::vector<Array> all = {{"model.embed_tokens.weight", {kWords, kWidth}}};
  for (int i = 0; i < 2; ++i) {
    const std::string block = "model.layers." + std::to_string(i) + ".";
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      all.push_back({block + "self_attn." + name + ".weight", {kWidth, kWidth}});
    }
    all.push_back({block + "self_attn.q_proj.bias", {kWidth}});
    all.push_back({block + "mlp.gate_proj.weight", {kInner, kWidth}});
    all.push_back({block + "mlp.up_proj.weight", {kInner, kWidth}});
    all.push_back({block + "mlp.down_proj.weight", {kWidth, kInner}});
    all.push_back({block + "input_layernorm.weight", {kWidth}});
  }
  all.push_back({"lm_head.weight", {kWords, kWidth}});
  return all;
}

std::string elementOf(float value, const std::string& type) {
  std::string bytes;
  if (type == "F32") {
    bytes.resize(sizeof(value));
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
  }
  const std::uint16_t half = type == "F16" ? halfFromFloat(value) : bfloat16FromFloat(value);
  bytes.resize(sizeof(half));
  std::memcpy(bytes.data(), &half, sizeof(half));
  return bytes;
}

}  // namespace

void writeSmallModel(const std::string& folder, const std::string& type) {
  std::filesystem::create_directories(folder);
  std::mt19937 engine(7);
  std::normal_distribution<float> normal(0, 0.05F);
  Json header = Json::object();
  std::string data;
  for (const Array& array : arrays()) {
    const std::uint64_t begin = data.size();
    std::uint64_t count = 1;
    for (const std::uint64_t side : array.shape) count *= side;
    for (std::uint64_t i = 0; i < count; ++i) {
      const float value = normal(engine);
      data += elementOf(i % 997 == 0 ? 6 * value : value, type);
    }
    const std::vector<std::uint64_t> offsets = {begin, data.size()};
    header.set(array.name, Json::object({{"dtype", type},
                                         {"shape", Json::arrayOf(array.shape)},
                                         {"data_offsets", Json::arrayOf(offsets)}}));
  }
  const std::string text = header.text(-1);
  const std::uint64_t length = text.size();
  std::ofstream file(folder + "/model.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file << text << data;
  std::ofstream(folder + "/config.json")
      << "{\"model_type\": \"llama\", \"hidden_size\": 128, \"torch_dtype\": \"bfloat16\"}\n";
  std::ofstream(folder + "/tokenizer.json") << "{\"words\": []}\n";
}

}  // namespace quantoscope::test
