// Writes the inputs that fuzzing begins with: FOLDER/TARGET/NAME.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "core/io/reader/protocol.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;
using test::little;
using test::npy;
using test::safetensorsBytes;
using test::ZipWriter;

namespace {

class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void add(const char* target, const std::string& bytes) {
    std::filesystem::create_directories(folder_ / target);
    std::ofstream file(folder_ / target / ("seed" + std::to_string(++count_)), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
  bool failed_ = false;
};

const std::string kNpyHeader = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

void addSafetensors(Corpus& corpus) {
  const std::string data(32, '\1');
  corpus.add("safetensors",
             safetensorsBytes(R"({"a.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                              R"("b":{"dtype":"BF16","shape":[8],"data_offsets":[16,32]},)"
                              R"("__metadata__":{"format":"pt"}})",
                              data));
  corpus.add("safetensors",
             safetensorsBytes(R"({"m.experts.w":{"dtype":"F8_E4M3","shape":[2,4,2],)"
                              R"("data_offsets":[0,16]},"n":{"dtype":"I64","shape":[],)"
                              R"("data_offsets":[16,24]},"o":{"dtype":"F4","shape":[16],)"
                              R"("data_offsets":[24,32]}})",
                              data));
}

/// A configuration behind its length, then a safetensors file of these arrays.
struct SeedArray {
  const char* name;
  const char* dtype;
  std::size_t bytes;  ///< of an element
  std::vector<std::size_t> shape;
  std::string content = {};  ///< empty: all bytes alike
};

void addPacked(Corpus& corpus, const std::string& config, const std::vector<SeedArray>& arrays) {
  std::string header;
  std::string data;
  for (const SeedArray& array : arrays) {
    std::size_t bytes = array.bytes;
    std::string shape;
    for (const std::size_t side : array.shape) {
      bytes *= side;
      shape += (shape.empty() ? "" : ",") + std::to_string(side);
    }
    header += (header.empty() ? "{\"" : ",\"") + std::string(array.name) + "\":{\"dtype\":\"" +
              array.dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(data.size()) + "," + std::to_string(data.size() + bytes) + "]}";
    data += array.content.empty() ? std::string(bytes, '\x11') : array.content;
  }
  corpus.add("packed", little(config.size(), 2) + config + safetensorsBytes(header + "}", data));
}

/// What a description of bitsandbytes says of 8 x 16 weights, with its own array.
SeedArray seedState(const char* name, const std::string& nested) {
  const std::string text =
      R"({"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[8,16])" + nested + "}";
  return {name, "U8", 1, {text.size()}, text};
}

void addPackedBytes(Corpus& corpus) {
  for (const char* config :
       {"", R"({"config_groups":{"g":{"weights":{"num_bits":3,"group_size":32}}}})"}) {
    const std::string shape = little(64, 8) + little(64, 8);
    addPacked(corpus, config,
              {{"q.weight_packed", "I32", 4, {64, 6}},
               {"q.weight_scale", "F16", 2, {64, 2}},
               {"q.weight_zero_point", "I32", 4, {6, 2}},
               {"q.weight_shape", "I64", 8, {2}, shape},
               {"q.weight_g_idx", "I32", 4, {64}, std::string(256, '\0')}});
    addPacked(corpus, config,
              {{"q.weight_packed", "I32", 4, {64, 16}},
               {"q.weight_scale", "BF16", 2, {1}},
               {"q.weight_shape", "I64", 8, {2}, shape}});
  }
  addPacked(corpus, "",
            {{"q.weight", "I8", 1, {4, 8}},
             {"q.weight_scale", "F32", 4, {4, 2}},
             {"q.weight_zero_point", "I8", 1, {4, 2}}});
  addPacked(corpus, "",
            {{"q.weight_packed", "U8", 1, {4, 16}},
             {"q.weight_scale", "F8_E4M3", 1, {4, 2}},
             {"q.weight_global_scale", "F32", 4, {1}},
             {"k.weight_packed", "U8", 1, {4, 16}},
             {"k.weight_scale", "U8", 1, {4, 1}},
             {"v.weight", "U8", 1, {4, 16}},
             {"v.weight_scale", "F8_E4M3", 1, {4, 2}},
             {"v.weight_scale_2", "F32", 4, {}},
             {"e.w_blocks", "U8", 1, {2, 4, 2, 16}},
             {"e.w_scales", "U8", 1, {2, 4, 2}}});
  addPacked(corpus, "",
            {{"q.weight", "U8", 1, {64, 1}},
             {"q.weight.absmax", "F32", 4, {2}},
             {"q.weight.quant_map", "F32", 4, {16}},
             seedState("q.weight.quant_state.bitsandbytes__nf4", ""),
             {"k.weight", "F16", 2, {32, 1}},
             {"k.weight.absmax", "U8", 1, {2}},
             {"k.weight.quant_map", "F32", 4, {16}},
             {"k.weight.nested_absmax", "F32", 4, {1}},
             {"k.weight.nested_quant_map", "F32", 4, {256}},
             seedState("k.weight.quant_state.bitsandbytes__nf4",
                       R"(,"nested_blocksize":256,"nested_offset":0.2)"),
             {"v.weight", "I8", 1, {4, 8}},
             {"v.SCB", "F32", 4, {4}},
             {"v.weight_format", "U8", 1, {}, std::string(1, '\0')}});
  addPacked(corpus, R"({"bits":4,"group_size":64,"q":{"bits":8,"group_size":32}})",
            {{"q.weight", "U32", 4, {2, 2, 16}},
             {"q.scales", "F16", 2, {2, 2, 2}},
             {"q.biases", "F16", 2, {2, 2, 2}},
             {"k.weight", "U32", 4, {4, 20}},
             {"k.scales", "F32", 4, {4, 2}},
             {"k.biases", "F32", 4, {4, 2}},
             {"v.weight", "U32", 4, {4, 16}},
             {"v.scales", "U8", 1, {4, 8}},
             {"o.weight", "U32", 4, {4, 16}},
             {"o.scales", "U8", 1, {4, 2}}});
}

void addPackedFormats(Corpus& corpus) {
  for (
      const char* config :
      {"", R"({"bits":4,"group_size":32,"checkpoint_format":"gptq_v2"})",
       R"({"bits":4,"group_size":-1,"format":"gptq","in_features":64,"use_optimum_format":true})"}) {
    addPacked(corpus, config,
              {{"q.qweight", "I32", 4, {8, 8}},
               {"q.qzeros", "I32", 4, {2, 1}},
               {"q.scales", "F16", 2, {2, 8}},
               {"q.g_idx", "I32", 4, {64}}});
    addPacked(corpus, config,
              {{"q.qweight", "I32", 4, {12, 32}},
               {"q.qzeros", "I32", 4, {4, 3}},
               {"q.scales", "BF16", 2, {4, 32}}});
  }
  addPacked(corpus, R"({"bits":3,"checkpoint_format":"gptq_p"})",
            {{"q.qweight", "I32", 4, {3, 32}},
             {"q.qzeros", "I32", 4, {1, 3}},
             {"q.scales", "F16", 2, {1, 32}}});
  addPacked(corpus, R"({"quant_method":"awq","version":"gemm"})",
            {{"q.qweight", "I32", 4, {16, 2}},
             {"q.qzeros", "I32", 4, {2, 2}},
             {"q.scales", "F16", 2, {2, 16}}});
  addPacked(corpus, R"({"dtype":"nf4","bits":4,"group_size":32,"in_features":20})",
            {{"q.qweight", "I32", 4, {8, 3}}, {"q.scales", "F32", 4, {8, 1}}});
  addPacked(corpus, R"({"dtype":"int","bits":4,"group_size":8})",
            {{"q.qweight", "I32", 4, {2, 16}},
             {"q.qzeros", "I32", 4, {2, 2}},
             {"q.scales", "F32", 4, {16, 2}}});
}

void addIndexes(Corpus& corpus) {
  corpus.add("index", R"({"metadata":{},"weight_map":{"a":"a","/b/":["a","c"],"d":"../a"}})");
  corpus.add("index", R"({"weight_map":{"a":7}})");
}

void addArchives(Corpus& corpus) {
  const std::string array = npy(kNpyHeader, std::string(24, '\2'));
  for (const bool zip64 : {false, true}) {
    ZipWriter zip;
    zip.zip64 = zip64;
    zip.add("a.npy", array);
    zip.add("folder/b.npy", array, true);
    corpus.add("zip", zip.finish("comment"));
  }
  corpus.add("npy", array);
  corpus.add("npy", npy("{'descr': '>f8', 'fortran_order': True, 'shape': (2, 2), }",
                        std::string(32, '\3'), 2));
  corpus.add("npy", npy("{'descr': [('x', '<i8', (2,))], 'fortran_order': False, 'shape': (1L,)}",
                        std::string(8, '\4'), 3));
}

void addNpyHeaders(Corpus& corpus) {
  for (const char version : {'\0', '\1', '\2'}) {
    corpus.add("npy_header", version + kNpyHeader);
    corpus.add("npy_header", version + std::string("{'shape': (4, 2), 'fortran_order': True, "
                                                   "'descr': '|V2', }"));
    corpus.add("npy_header", version + std::string("{'descr': [('x', '<i8', (2,))], "
                                                   "'fortran_order': False, 'shape': ()}"));
  }
}

void addDocuments(Corpus& corpus) {
  corpus.add("json", R"({"a":[1,-2.5e-3,"x\u202e",null,true,18446744073709551615],"b":{"c":{}}})");
  corpus.add("json", R"(["inf","nan",1e308,0.1,-0.0,[[[[]]]],"\ud83d\ude00"])");
  const std::string spec =
      R"({"dtype":"int","bits":4,"group_size":32,"scheme":"asym","clip":"search","clip_ratio":0.9})";
  const std::string plan =
      R"({"format":"quantoscope-plan","version":1,"source":{"file":"/m.h5","sha256":"ab"},"default":)" +
      spec + R"(,"tensors":{"w":{"spec":)" + spec +
      R"(,"pinned":true,"metrics":{"mse":1e-5,"sqnr_db":"inf","bits_per_weight":4.25}}}})";
  corpus.add("plan", plan);
  corpus.add("plan", R"({"name":"own","levels":[-1,0,0.5,1],"codes":[0,1,2,3]})");
  corpus.add("session",
             R"({"format":"quantoscope-session","version":1,"current":0,"files":[{"path":"/m.h5",)"
             R"("relative_path":"m.h5","tensor":"w","bfloat16":true,"orientations":{"w":"rows"},)"
             R"("fingerprint":{"size":3,"modified_ms":5,"ends_sha256":"ab"},"plan":)" +
                 plan + R"(}],"pins":{"baseline":0,"list":[{"name":"p","color":1,"shown":true,)" +
                 R"("file":"/m.h5","tensor":"w","spec":)" + spec +
                 R"(,"measure":{"mse":1,"bits_per_weight":4,"bytes":9,"errors":{"from":-1,"to":1,)"
                 R"("counts":[1,2]},"curve":{"ratios":[1,0.9],"mse":[2,1],"best":1,)"
                 R"("unclipped_mse":2}}}]}})");
}

void addChunks(Corpus& corpus) {
  const std::string plain(64, '\5');
  const std::uint32_t sum = libdeflate_adler32(1, plain.data(), plain.size());
  const std::string bigEndian = {static_cast<char>(sum >> 24), static_cast<char>(sum >> 16),
                                 static_cast<char>(sum >> 8), static_cast<char>(sum)};
  const std::string zlib = "\x78\x9c" + test::deflated(plain) + bigEndian;
  corpus.add("chunk", little(1, 1) + little(0, 2) + little(0, 1) + little(4, 2) + zlib);
  corpus.add("chunk", little(2, 1) + little(1, 1) + little(3, 1) + little(0, 2) + little(0, 1) +
                          little(4, 2) + zlib);
  // Fletcher's sum, which is skipped; then a literal and a run of LZF.
  corpus.add("chunk", little(2, 1) + little(2, 2) + little(3, 2) + little(1, 1) + little(4, 2) +
                          std::string("\x00\x05\xe0\x36\x00", 5));
}

StoredFile storedFile() {
  StoredFile file;
  file.arrays = {{"model_weights/d/kernel:0", {4, 2}, "float32", 4, {}, {}},
                 {"layers/lstm/cell/vars/0", {3, 8}, "bfloat16", 2, {}, {}},
                 {"b", {2}, "int64", 8, "cut off", "another name of a"}};
  StoredArray decoded;
  decoded.path = "q.weight";
  decoded.shape = {4, 8};
  decoded.dtype = "float32";
  decoded.elementBytes = 4;
  decoded.quantizedAs = "GPTQ, 4 bits";
  decoded.inputsFirst = true;
  file.arrays.push_back(decoded);
  file.quantization = "quantized by GPTQ";
  file.quantizationConfig = R"({"bits":4})";
  file.quantizationProblem = "quantize_config.json: cut off";
  file.groups["model_weights"].layerNames = {"d"};
  file.groups["model_weights"].kerasVersion = "2.4.0";
  file.groups["model_weights/d"].weightNames = {"kernel:0"};
  file.groups["layers/lstm/vars"].name = "reader";
  file.members = {{"metadata.json", 43, 64, 64, 7, false, false}, {"a", 107, 2, 9, 8, true, true}};
  file.groups["tensors/a"].sourceName = "a";
  file.groups["tensors/a"].native = {"dense", "int", "float32", "float32", {2, 9}, 32, 9, 5, -16};
  file.modelConfig = R"({"config":{"layers":[{"class_name":"Dense","config":{"name":"d"}}]}})";
  return file;
}

void addMessages(Corpus& corpus) {
  using namespace protocol;
  const auto add = [&](int kind, const std::string& payload) {
    corpus.add("protocol", little(static_cast<std::uint64_t>(kind), 1) + payload);
  };
  add(0, encode(Open{"/file.h5", true, 1 << 20}));
  add(0, encode(Open{"/model.safetensors", false, 0, false, true}));
  add(1, encode(Describe{"a/b"}));
  add(10, encode(FileWanted{"model-00001.safetensors"}));
  add(2, encode(Read{"a/b", {{0, 1}, {2, 3}}, true}));
  add(3, encode(Progress{1, 2}));
  add(4, encode(Description{
             {"float32", 4, false, StoredType::Float32}, FileExtent{"shard", 8, 16}, {2, 2}}));
  add(5, encode(Error{ErrorCode::NotFound, "there is no such thing"}));
  for (const std::string& message : encodeNames({"a", "b/c"})) add(6, message);
  const Header header;
  add(7, std::string(reinterpret_cast<const char*>(&header), sizeof(header)));
  add(8, encode(storedFile()));
  add(9, encode(SandboxReport{}));
}

/// What a reader says: a row of messages, as lying_reader_fuzz.cpp reads them.
std::string said(const std::vector<std::pair<protocol::Type, std::string>>& messages) {
  std::string all;
  for (const auto& [type, payload] : messages) {
    all += little(static_cast<std::uint64_t>(type), 1) + little(payload.size(), 2) + payload;
  }
  return all;
}

void addConversations(Corpus& corpus) {
  using namespace protocol;
  StoredFile file;
  file.arrays = {{"a", {4, 4}, "float32", 4, {}, {}}};
  const Description mapped{
      {"float32", 4, false, StoredType::Float32}, FileExtent{"", 64, 64}, {1, 1}};
  const Description chunked{{"float32", 4, false, StoredType::Float32}, {}, {2, ~std::size_t{0}}};
  const std::string contents = encode(file);
  for (const Description& description : {mapped, chunked}) {
    corpus.add("lying_reader", said({{Type::Progress, encode(Progress{1, 2})},
                                     {Type::Names, encodeNames({"a"})[0]},
                                     {Type::ContentsPart, contents},
                                     {Type::Opened, {}},
                                     {Type::Description, encode(description)},
                                     {Type::Progress, encode(Progress{64, 64})},
                                     {Type::Done, {}}}));
  }
  corpus.add("lying_reader", said({{Type::ContentsPart, encode(storedFile())},
                                   {Type::Opened, {}},
                                   {Type::Failed, encode(Error{ErrorCode::NotFound, "none"})}}));
  corpus.add("lying_reader", said({{Type::FileWanted, encode(FileWanted{"config.json"})},
                                   {Type::FileWanted, encode(FileWanted{"quantize_config.json"})},
                                   {Type::ContentsPart, encode(storedFile())},
                                   {Type::Opened, {}}}));
  corpus.add("lying_reader", said({{Type::FileWanted, encode(FileWanted{"beside"})},
                                   {Type::ContentsPart, contents.substr(0, 20)},
                                   {Type::ContentsPart, contents.substr(20)}}));
  corpus.add("lying_reader", "\xffQSR1" + said({{Type::Opened, {}}}));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_seeds FOLDER\n", stderr);
    return 2;
  }
  Corpus corpus(argv[1]);
  addSafetensors(corpus);
  addPackedFormats(corpus);
  addPackedBytes(corpus);
  addIndexes(corpus);
  addArchives(corpus);
  addNpyHeaders(corpus);
  addDocuments(corpus);
  addChunks(corpus);
  addMessages(corpus);
  addConversations(corpus);
  return corpus.failed() ? 1 : 0;
}
