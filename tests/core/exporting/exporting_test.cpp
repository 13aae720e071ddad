#include <filesystem>
#include <set>

#include <QtTest>

#include "core/base/file_output.h"
#include "core/base/text.h"
#include "core/exporting/csv.h"
#include "core/exporting/formats/native_file.h"
#include "core/exporting/formats/neural_compressor_config.h"
#include "core/exporting/plan_file.h"
#include "core/io/tensor_source.h"
#include "core/model/export_model.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

TensorInfo infoOf(const std::string& name) {
  TensorInfo info;
  info.name = name;
  info.shape = {8, 8};
  setAxes(info, AxisMap::rows(2));
  info.quantizable = true;
  return info;
}

ExportTensor made(const WeightTensor& tensor, const QuantSpec& spec) {
  return *quantizeTensor(tensor, spec, {.withDequantized = true}, Executor(1));
}

std::string bytesOfFile(const std::string& path) {
  QFile file(QString::fromStdString(path));
  if (!file.open(QIODevice::ReadOnly)) return {};
  return file.readAll().toStdString();
}

/// Writes a native file of these tensors.
void writeNative(const std::string& path, const std::vector<ExportTensor>& tensors) {
  ModelHeader header{"model.h5", "abc", {}, {}};
  for (const ExportTensor& tensor : tensors) header.tensors.push_back(tensor.info);
  const auto add = [&](TensorSink& sink) {
    for (const ExportTensor& tensor : tensors) {
      if (auto status = sink.add(tensor); !status) return status;
    }
    return ok();
  };
  const Status status = writeExport(nativeFormat(), header, path, add, Executor(1));
  QVERIFY2(status, status ? "" : status.error().message.c_str());
}

/// An array that is passed as it is, and its elements.
struct PassedArray {
  TensorInfo info;
  std::string bytes;
};

PassedArray passedArray(const std::string& name, const std::string& dtype, std::size_t elementBytes,
                        const std::vector<std::size_t>& shape) {
  PassedArray array;
  array.info.name = name;
  array.info.dtype = dtype;
  array.info.shape = shape;
  std::size_t bytes = elementBytes;
  for (const std::size_t side : shape) bytes *= side;
  array.bytes.resize(bytes);
  for (std::size_t i = 0; i < array.bytes.size(); ++i) {
    array.bytes[i] = static_cast<char>(dtype == "bool" ? i % 2 : i * 7 + 1);
  }
  return array;
}

/// Hands an array over in pieces of 1, 2, 3, ... bytes.
Status readInPieces(const std::string& bytes, const TakeBytes& take) {
  std::size_t begin = 0;
  for (std::size_t count = 1; begin < bytes.size(); begin += count++) {
    count = std::min(count, bytes.size() - begin);
    const auto* piece = reinterpret_cast<const std::byte*>(bytes.data() + begin);
    if (auto status = take(piece, count); !status) return status;
  }
  return ok();
}

std::vector<PassedArray> arraysOfEveryType() {
  return {passedArray("a/weight", "float32", 4, {3, 5, 7}),
          passedArray("a/half", "float16", 2, {2, 3}),
          passedArray("a/double", "float64", 8, {4, 1, 2, 3}),
          passedArray("brain", "bfloat16", 2, {5, 3}),
          passedArray("eight", "float8_e4m3fn", 1, {6, 3}),
          passedArray("wide", "float8_e5m2", 1, {2}),
          passedArray("exponents", "float8_e8m0fnu", 1, {7}),
          passedArray("mask", "bool", 1, {3, 3}),
          passedArray("scalar", "int64", 8, {}),
          passedArray("none", "float32", 4, {0, 4}),
          passedArray("..//a", "int8", 1, {9}),
          passedArray("word", "uint16", 2, {9}),
          passedArray("a/half/of", "int32", 4, {3})};
}

std::vector<QuantSpec> specsOfEveryKind() {
  std::vector<QuantSpec> specs;
  for (const Dtype dtype : allDtypes()) specs.push_back(QuantSpec{}.withDtype(dtype));
  specs.push_back(
      QuantSpec{}.withDtype(Dtype::Codebook, *makeNamedCodebook("own", {-1, 0, 0.5, 1, 2})));
  QuantSpec spec;
  for (spec.bits = 1; spec.bits <= 8; ++spec.bits) specs.push_back(spec);
  spec.bits = 3;
  for (const auto kind : {ClipPolicy::Kind::SearchTensor, ClipPolicy::Kind::SearchRows,
                          ClipPolicy::Kind::SearchGroups, ClipPolicy::Kind::Optimal}) {
    spec.clip.kind = kind;
    specs.push_back(spec);
  }
  spec.doubleQuant = DoubleQuant{};
  spec.scheme = Scheme::Sym;
  specs.push_back(spec);
  return specs;
}

ModelHeader headerOf(const std::vector<ExportTensor>& tensors,
                     const std::vector<PassedArray>& passed) {
  ModelHeader header{"model.h5", {}, {}, {}};
  for (const ExportTensor& tensor : tensors) {
    header.tensors.push_back(tensor.info);
    header.plan.tensors[tensor.info.name].spec = tensor.quantized.spec;
  }
  for (const PassedArray& array : passed) header.passed.push_back(array.info);
  return header;
}

/// Writes a whole model.
Status writeWhole(const std::string& path, const std::vector<ExportTensor>& tensors,
                  const std::vector<PassedArray>& passed) {
  ModelHeader header = headerOf(tensors, passed);
  header.sourceSha256.assign(64, 'a');
  const auto fill = [&](TensorSink& sink) {
    for (const ExportTensor& tensor : tensors) {
      if (auto status = sink.add(tensor); !status) return status;
    }
    for (const PassedArray& array : passed) {
      const auto read = [&](const TakeBytes& take) { return readInPieces(array.bytes, take); };
      if (auto status = sink.pass(array.info, read); !status) return status;
    }
    return ok();
  };
  return writeExport(nativeFormat(), header, path, fill, Executor(1));
}

}  // namespace

class ExportingTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  std::string path(const char* name) const { return folder_.filePath(name).toStdString(); }
  int filesInFolder() const {
    return static_cast<int>(QDir(folder_.path()).entryList(QDir::Files | QDir::Hidden).size());
  }

 private slots:
  void init() {
    for (const QString& name : QDir(folder_.path()).entryList(QDir::Files)) {
      QFile::remove(folder_.filePath(name));
    }
  }

  void csvQuotesWhatNeedsIt() {
    QCOMPARE(csvText({"a", "b"}, {{"1,5", "say \"x\""}, {"two\nlines", ""}}),
             std::string("a,b\n\"1,5\",\"say \"\"x\"\"\"\n\"two\nlines\",\n"));
  }

  void csvHoldsNothingThatASpreadsheetWouldRun() {
    QCOMPARE(csvText({"tensor", "value"}, {{"=HYPERLINK(\"x\")", "-1.5e-7"},
                                           {"+cmd|' /C calc'!A0", "+inf"},
                                           {"@SUM(1)", "-inf"},
                                           {"-2+3", "nan"},
                                           {"\t=1", "-0"},
                                           {"\r=1", "1"},
                                           {"a=b", "-"}}),
             std::string("tensor,value\n\"'=HYPERLINK(\"\"x\"\")\",-1.5e-7\n"
                         "'+cmd|' /C calc'!A0,+inf\n'@SUM(1),-inf\n'-2+3,nan\n"
                         "'\t=1,-0\n\"'\r=1\",1\na=b,'-\n"));
  }

  void tensorsOfOneModuleCannotDiffer() {
    TuningPlan plan;
    plan.tensors["a.b"].spec.bits = 8;
    const ModelHeader header{"", "", {infoOf("a/b.weight"), infoOf("a.b")}, plan};
    const Findings findings = neuralCompressorFindings(header);
    QCOMPARE(findings.size(), std::size_t{1});
    QCOMPARE(findings[0].severity, Finding::Severity::Refusal);
    QCOMPARE(findings[0].subject, std::string("a.b"));
    QVERIFY(findings[0].text.find("a/b.weight") != std::string::npos);
    plan.tensors.clear();
    QVERIFY(neuralCompressorFindings({"", "", header.tensors, plan}).empty());
  }

  void filesAppearWholeOrNotAtAll() {
    QVERIFY(writeFile(path("a.txt"), "hello"));
    QFile file(folder_.filePath("a.txt"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("hello"));
    QCOMPARE(filesInFolder(), 1);

    const Status missing = writeFile(path("no/such/folder.txt"), "x");
    QCOMPARE(missing.error().code, ErrorCode::OutputFailed);
    QVERIFY(missing.error().message.find("no/such/folder.txt") != std::string::npos);
    {
      PendingFile pending(path("b.txt"));
      QVERIFY(pending.create());
      QCOMPARE(filesInFolder(), 2);
    }
    QCOMPARE(filesInFolder(), 1);
  }

  void devicesAndFoldersAreNeverReplaced() {
    QVERIFY(!writeFile(folder_.path().toStdString(), "x"));
    QVERIFY(!writeFile("/dev/null", "x"));
    QVERIFY(!std::filesystem::is_regular_file("/dev/null"));
  }

  void aLinkIsFollowedNotReplaced() {
    QVERIFY(writeFile(path("real.txt"), "old"));
    std::filesystem::create_symlink(path("real.txt"), path("link.txt"));
    QVERIFY(writeFile(path("link.txt"), "new"));
    QVERIFY(std::filesystem::is_symlink(path("link.txt")));
    QFile file(folder_.filePath("real.txt"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("new"));
  }

  void plansReadWhatTheyWrite() {
    TuningPlan plan;
    plan.sourceFile = "model.h5";
    plan.sourceSha256 = "ab";
    plan.defaultSpec.groupSize = 128;
    plan.defaultSpec.clip.kind = ClipPolicy::Kind::SearchTensor;
    TensorPlan tensor;
    tensor.spec = plan.defaultSpec;
    tensor.clipRatio = 0.93;
    tensor.pinned = true;
    tensor.metrics = ErrorMetrics::unknown();
    tensor.metrics->mse = 1e-6;
    tensor.metrics->sqnrDb = std::numeric_limits<double>::infinity();
    plan.tensors["a/b"] = tensor;
    QVERIFY(writePlan(plan, path("plan.json")));
    const auto read = readPlan(path("plan.json"));
    QVERIFY2(read, read ? "" : read.error().message.c_str());
    QCOMPARE(planToJson(*read).text(), planToJson(plan).text());
    // The resolved ratio is what quantize uses; another tensor gets the default.
    QCOMPARE(read->specFor("a/b").clip, ClipPolicy::fixed(0.93));
    QCOMPARE(read->specFor("other"), plan.defaultSpec);
  }

  void wrongPlansAreRefusedByFileAndKey() {
    const std::pair<const char*, const char*> cases[] = {
        {"{}", "format"},
        {R"({"format":"quantoscope-plan","version":2})", "version 2"},
        {R"({"format":"quantoscope-plan","version":1,"default":{"bits":77}})", "bits 77"},
        {R"({"format":"quantoscope-plan","version":1,"tensors":{"w":{}}})", "w: "},
        {R"({"format":"quantoscope-plan","version":1,"tensors":[]})", "tensors"},
        {R"({"format":"quantoscope-plan","version":1,"source":7})", "source must be a JSON object"},
        {R"({"format":"quantoscope-plan","version":1,"source":{"file":[]}})",
         "file must be a text"},
        {R"({"format":"quantoscope-plan","version":1,"tensors":{"w":{"spec":{},"metrics":[]}}})",
         "metrics must be a JSON object"},
        {R"({"format":"quantoscope-plan","version":1,"tensors":{"w":{"spec":{},"metrics":{"bits_per_weight":{}}}}})",
         "bits_per_weight must be a number"},
        {R"({"format":"quantoscope-plan","version":1,"tensors":{"w":{"spec":{"clip":"search","clip_ratio":7}}}})",
         "clip_ratio"},
        {"[", "JSON"}};
    for (const auto& [text, mentioned] : cases) {
      QVERIFY(writeFile(path("p.json"), text));
      const auto plan = readPlan(path("p.json"));
      QVERIFY2(!plan, text);
      QVERIFY2(plan.error().message.find("p.json") != std::string::npos, text);
      QVERIFY2(plan.error().message.find(mentioned) != std::string::npos,
               plan.error().message.c_str());
    }
    QCOMPARE(readPlan(path("absent.json")).error().code, ErrorCode::UnreadableFile);
  }

  void neuralCompressorGetsAnchoredModulesAndNotes() {
    TuningPlan plan;
    plan.defaultSpec.groupSize = 128;
    TensorPlan own;
    own.spec.bits = 8;
    own.spec.scheme = Scheme::Sym;
    own.spec.clip = ClipPolicy::fixed(0.9);
    plan.tensors["model.layers.3.mlp.down_proj.weight"] = own;
    TensorPlan same;
    same.spec = plan.defaultSpec;
    plan.tensors["model/layers/4/mlp/up_proj/weight"] = same;
    const ModelHeader header{
        "",
        "",
        {infoOf("model.layers.3.mlp.down_proj.weight"), infoOf("model/layers/4/mlp/up_proj/weight"),
         infoOf("lm_head.weight")},
        plan};
    const Json config = neuralCompressorConfig(header);
    const Json* rtn = config.find("rtn");
    QCOMPARE(rtn->find("global")->find("group_size")->asNumber(0), 128.0);
    QVERIFY(*rtn->find("global")->find("quant_lm_head")->asBool());
    const Json::Object& local = *rtn->find("local")->asObject();
    QCOMPARE(local.size(), std::size_t{1});
    QCOMPARE(local[0].first, std::string("^model\\.layers\\.3\\.mlp\\.down_proj$"));
    QCOMPARE(local[0].second.find("bits")->asNumber(0), 8.0);
    QVERIFY(*local[0].second.find("use_sym")->asBool());
    const Findings findings = neuralCompressorFindings(header);
    QCOMPARE(findings.size(), std::size_t{1});
    QCOMPARE(findings[0].subject, std::string("model.layers.3.mlp.down_proj.weight"));
    QVERIFY(findings[0].text.find("0.9") != std::string::npos);
  }

  void nativeFilesHoldWhatTheContractSays() {
    const WeightTensor tensor = tensorOf(6, 70, normalValues(420, 51), "block/dense");
    QuantSpec spec;
    spec.bits = 3;
    spec.clip.kind = ClipPolicy::Kind::SearchGroups;
    spec.doubleQuant = DoubleQuant{};
    const ExportTensor native = made(tensor, spec);
    writeNative(path("x.h5"), {native});
    QCOMPARE(filesInFolder(), 1);

    const std::string file = path("x.h5");
    const std::string group = "/tensors/block/dense";
    const auto codes = readArray(file, group + "/codes");
    const auto scale = readArray(file, group + "/scale");
    const auto zero = readArray(file, group + "/zero_point");
    const auto ratio = readArray(file, group + "/clip_ratio");
    const auto grid = readArray(file, group + "/clip_ratio_grid");
    const auto values = readArray(file, group + "/dequantized");
    QCOMPARE(codes->type, std::string("uint8"));
    QCOMPARE(zero->type, std::string("uint8"));
    QCOMPARE(ratio->type, std::string("uint16"));
    QCOMPARE(grid->type, std::string("float64"));
    QCOMPARE(scale->type, std::string("float32"));
    QCOMPARE(codes->shape, (std::vector<std::size_t>{6, 27}));  // ceil(70 * 3 / 8)
    QCOMPARE(scale->shape, (std::vector<std::size_t>{6, 3}));
    QCOMPARE(zero->shape, (std::vector<std::size_t>{6, 2}));  // ceil(3 * 3 / 8)
    QCOMPARE(ratio->shape, (std::vector<std::size_t>{6, 3}));
    QCOMPARE(grid->values, spec.grid.ratios());
    for (std::size_t r = 0; r < 6; ++r) {
      for (std::size_t c = 0; c < 70; ++c) {
        const auto decoded =
            static_cast<float>(unpacked(*codes, r, c, 3) - unpacked(*zero, r, c / 32, 3)) *
            static_cast<float>(scale->values[r * 3 + c / 32]);
        QVERIFY(static_cast<float>(values->values[r * 70 + c]) == decoded);
      }
      for (std::size_t g = 0; g < 3; ++g) {
        const auto index = static_cast<std::size_t>(ratio->values[r * 3 + g]);
        QVERIFY(grid->values[index] == native.quantized.ratios.at(r, g, 3));
      }
      QCOMPARE(static_cast<int>(codes->values[r * 27 + 26]) >> 2, 0);  // 6 bits are left over
    }
    QCOMPARE(*readAttribute(file, "/", "format"), std::string("quantoscope"));
    QCOMPARE(*readAttribute(file, "/", "format_version"), std::string("2"));
    QCOMPARE(*readAttribute(file, "/", "source_sha256"), std::string("abc"));
    QCOMPARE(*readAttribute(file, group, "packing"), std::string("dense"));
    QCOMPARE(*readAttribute(file, group, "cols"), std::string("70"));
    QCOMPARE(*readAttribute(file, group, "code_bits"), std::string("3"));
    QCOMPARE(*readAttribute(file, group, "code_offset"), std::string("0"));
    QCOMPARE(*readAttribute(file, group, "source_name"), std::string("block/dense"));
    QCOMPARE(*readAttribute(file, group, "clip"), std::string("search-groups"));
    QCOMPARE(*readAttribute(file, group, "double_quant"), std::string("true"));
    QCOMPARE(*readAttribute(file, group, "double_quant_group_size"), std::string("256"));
    QCOMPARE(*readAttribute(file, group, "full_range"), std::string("false"));
    QCOMPARE(*readAttribute(file, group, "mse"), formatNumber(native.metrics->mse));
    QCOMPARE(*readAttribute(file, group, "bits_per_weight"),
             formatNumber(native.storage->bitsPerWeight()));
  }

  void signedCodesAreStoredFromTheLowestOn() {
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    std::vector<ExportTensor> tensors;
    for (spec.bits = 1; spec.bits <= 8; ++spec.bits) {
      tensors.push_back(
          made(tensorOf(3, 21, normalValues(63, 70), std::to_string(spec.bits)), spec));
    }
    writeNative(path("s.h5"), tensors);
    for (int bits = 1; bits <= 8; ++bits) {
      const std::string group = "/tensors/" + std::to_string(bits);
      const int offset = bits == 1 ? 0 : -(1 << (bits - 1));
      QCOMPARE(*readAttribute(path("s.h5"), group, "code_offset"), std::to_string(offset));
      QVERIFY(!readArray(path("s.h5"), group + "/zero_point"));
      const auto codes = readArray(path("s.h5"), group + "/codes");
      const auto& made = tensors[static_cast<std::size_t>(bits - 1)].quantized.codes;
      for (std::size_t i = 0; i < 63; ++i) {
        QCOMPARE(unpacked(*codes, i / 21, i % 21, bits) + offset,
                 static_cast<int>(std::get<std::vector<std::int8_t>>(made)[i]));
      }
    }
  }

  void ratiosTakeAsMuchRoomAsTheyNeed() {
    const WeightTensor tensor = tensorOf(4, 64, normalValues(256, 71), "w");
    QuantSpec spec;
    const auto ratioOf = [&](ClipPolicy::Kind kind) {
      spec.clip.kind = kind;
      writeNative(path("r.h5"), {made(tensor, spec)});
      return readArray(path("r.h5"), "/tensors/w/clip_ratio");
    };
    QCOMPARE(ratioOf(ClipPolicy::Kind::None)->shape, std::vector<std::size_t>{});
    QCOMPARE(ratioOf(ClipPolicy::Kind::SearchTensor)->type, std::string("float64"));
    const auto rows = ratioOf(ClipPolicy::Kind::SearchRows);
    QCOMPARE(rows->type, std::string("float64"));
    QCOMPARE(rows->shape, (std::vector<std::size_t>{4, 1}));
    QVERIFY(!readArray(path("r.h5"), "/tensors/w/clip_ratio_grid"));
    QCOMPARE(ratioOf(ClipPolicy::Kind::SearchGroups)->shape, (std::vector<std::size_t>{4, 2}));
    QVERIFY(!ratioOf(ClipPolicy::Kind::Optimal));
    QVERIFY(readArray(path("r.h5"), "/tensors/w/scale"));
  }

  void theScaleOfATensorIsTold() {
    const QuantSpec spec = QuantSpec{}.withDtype(Dtype::Nvfp4);
    const ExportTensor native = made(tensorOf(2, 32, normalValues(64, 72), "w"), spec);
    writeNative(path("v.h5"), {native, made(tensorOf(2, 32, normalValues(64, 72), "x"), {})});
    QCOMPARE(*readAttribute(path("v.h5"), "/tensors/w", "tensor_scale"),
             formatNumber(native.quantized.parameters.tensorScale));
    QVERIFY(!readAttribute(path("v.h5"), "/tensors/x", "tensor_scale"));
  }

  void codesThatAreNotClampedStayIntegers() {
    ExportTensor tensor = made(tensorOf(2, 3, normalValues(6, 73), "w"), {});
    const std::vector<std::int32_t> codes = {1, -70000, 3, 4, 5, 2000000000};
    tensor.quantized.codes = codes;
    tensor.quantized.parameters.zeroPoint = {300, -2};
    writeNative(path("i.h5"), {tensor});
    const auto stored = readArray(path("i.h5"), "/tensors/w/codes");
    QCOMPARE(stored->type, std::string("int32"));
    QCOMPARE(stored->values, std::vector<double>(codes.begin(), codes.end()));
    QCOMPARE(readArray(path("i.h5"), "/tensors/w/zero_point")->values,
             (std::vector<double>{300, -2}));
    QCOMPARE(*readAttribute(path("i.h5"), "/tensors/w", "packing"), std::string("none"));
    QVERIFY(!readAttribute(path("i.h5"), "/tensors/w", "code_bits"));
  }

  void equalTensorsGiveEqualBytes() {
    const std::vector<ExportTensor> tensors = {made(normalTensor(5, 40, 74), {}),
                                               made(tensorOf(2, 3, normalValues(6, 75), "w"), {})};
    writeNative(path("one.h5"), tensors);
    writeNative(path("two.h5"), tensors);
    QVERIFY(bytesOfFile(path("one.h5")) == bytesOfFile(path("two.h5")));
  }

  void aTensorMayHaveTheNameOfAnothersArray() {
    std::vector<ExportTensor> tensors;
    const std::vector<std::string> names = {"w/scale",      "w",       "w/codes/x",
                                            "w/zero_point", "v/scale", "w/scale/dequantized"};
    for (const std::string& name : names) {
      tensors.push_back(made(tensorOf(2, 32, normalValues(64, 60 + tensors.size()), name), {}));
    }
    writeNative(path("same.h5"), tensors);
    const std::pair<const char*, const char*> places[] = {
        {"w/scale", "/tensors/w/%73cale"},
        {"w", "/tensors/w"},
        {"w/codes/x", "/tensors/w/%63odes/x"},
        {"w/zero_point", "/tensors/w/%7Aero_point"},
        {"v/scale", "/tensors/v/scale"},  // there is no tensor v
        {"w/scale/dequantized", "/tensors/w/%73cale/%64equantized"}};
    for (const auto& [name, place] : places) {
      QCOMPARE(*readAttribute(path("same.h5"), place, "source_name"), std::string(name));
      const auto codes = readArray(path("same.h5"), std::string(place) + "/codes");
      QVERIFY2(codes && codes->shape == (std::vector<std::size_t>{2, 16}), place);
    }
    const auto source = openTensorSource(path("same.h5"));
    QVERIFY(source);
    std::set<std::string> read;
    for (const TensorInfo& info : (*source)->tensors()) {
      if (info.quantizable) read.insert(info.sourceName);
    }
    QCOMPARE(read, std::set<std::string>(names.begin(), names.end()));
  }

  void codebooksComeWithTheirTables() {
    QuantSpec spec;
    spec.dtype = Dtype::Nf4;
    writeNative(path("n.h5"), {made(tensorOf(2, 32, normalValues(64, 52), "w"), spec)});
    const auto codes = readArray(path("n.h5"), "/tensors/w/codes");
    const auto levels = readArray(path("n.h5"), "/tensors/w/codebook");
    const auto names = readArray(path("n.h5"), "/tensors/w/codebook_codes");
    const auto scale = readArray(path("n.h5"), "/tensors/w/scale");
    const auto values = readArray(path("n.h5"), "/tensors/w/dequantized");
    QCOMPARE(codes->type, std::string("uint8"));
    QCOMPARE(codes->shape, (std::vector<std::size_t>{2, 16}));
    const std::vector<int>& known = codebookOf(Dtype::Nf4).codes;
    QCOMPARE(names->values, std::vector<double>(known.begin(), known.end()));
    QVERIFY(!readArray(path("n.h5"), "/tensors/w/zero_point"));
    for (std::size_t i = 0; i < 64; ++i) {
      const auto level = static_cast<std::size_t>(unpacked(*codes, i / 32, i % 32, 4));
      QVERIFY(static_cast<float>(values->values[i]) ==
              static_cast<float>(levels->values[level]) *
                  static_cast<float>(scale->values[i / 32]));
    }
  }

  void aCodebookTakesTheBitsOfItsLevels() {
    QuantSpec spec;
    spec = spec.withDtype(Dtype::Codebook, *makeNamedCodebook("own", {-1, -0.5, 0, 0.5, 1}));
    writeNative(path("c.h5"), {made(tensorOf(2, 9, normalValues(18, 76), "w"), spec)});
    QCOMPARE(*readAttribute(path("c.h5"), "/tensors/w", "code_bits"), std::string("3"));
    QCOMPARE(readArray(path("c.h5"), "/tensors/w/codes")->shape,
             (std::vector<std::size_t>{2, 4}));  // ceil(9 * 3 / 8)
  }

  void dequantizedWeightsKeepTheSourcesAxes() {
    TensorInfo info;
    info.name = "conv/kernel:0";
    info.shape = {2, 3, 4};  // [k, in, out]
    setAxes(info, AxisMap{{2, 1, 0}, 1, std::nullopt});
    std::vector<float> oriented(24);
    for (std::size_t out = 0; out < 4; ++out) {
      for (std::size_t in = 0; in < 3; ++in) {
        for (std::size_t k = 0; k < 2; ++k) {
          oriented[out * 6 + in * 2 + k] = static_cast<float>(100 * k + 10 * in + out);
        }
      }
    }
    ExportTensor native = made(WeightTensor(info, oriented), QuantSpec{});
    native.dequantized = Matrix(4, 6, oriented);
    writeNative(path("t.h5"), {native});
    const auto stored = readArray(path("t.h5"), "/tensors/conv/kernel:0/dequantized");
    QCOMPARE(stored->shape, (std::vector<std::size_t>{2, 3, 4}));
    QCOMPARE(stored->values[1 * 12 + 2 * 4 + 3], 123.0);
    QCOMPARE(*readAttribute(path("t.h5"), "/tensors/conv/kernel:0", "orientation"),
             std::string("columns"));
  }

  void arraysThatArePassedKeepShapeAndType() {
    const std::vector<PassedArray> passed = arraysOfEveryType();
    const Status status =
        writeWhole(path("p.h5"), {made(tensorOf(2, 3, normalValues(6, 77), "w"), {})}, passed);
    QVERIFY2(status, status ? "" : status.error().message.c_str());
    const std::pair<const char*, const char*> places[] = {
        {"a/weight", "float32"},  {"a/half", "float16"},   {"a/double", "float64"},
        {"brain", "opaque2"},     {"eight", "opaque1"},    {"wide", "opaque1"},
        {"exponents", "opaque1"}, {"mask", "enumeration"}, {"scalar", "int64"},
        {"none", "float32"},      {"%2E%2E/%/a", "int8"},  {"word", "uint16"},
        {"a/half%2Fof", "int32"}};
    for (std::size_t i = 0; i < passed.size(); ++i) {
      const std::string place = std::string("/passed/") + places[i].first;
      const auto array = readArray(path("p.h5"), place);
      QVERIFY2(array, place.c_str());
      QCOMPARE(array->shape, passed[i].info.shape);
      QCOMPARE(array->type, std::string(places[i].second));
      QVERIFY2(*readBytes(path("p.h5"), place) == passed[i].bytes, place.c_str());
      QCOMPARE(*readAttribute(path("p.h5"), place, "source_name"), passed[i].info.name);
      const auto dtype = readAttribute(path("p.h5"), place, "dtype");
      QCOMPARE(dtype.has_value(), array->type.starts_with("opaque"));
      if (dtype) QCOMPARE(*dtype, passed[i].info.dtype);
    }
  }

  void whatIsPassedMustBeWhole() {
    std::vector<PassedArray> passed = {passedArray("a", "float32", 4, {2, 3})};
    for (const char* bytes : {"short", "twenty-five bytes, one more"}) {
      passed[0].bytes = bytes;
      const Status status = writeWhole(path("p.h5"), {}, passed);
      QCOMPARE(status.error().code, ErrorCode::OutputFailed);
      QVERIFY(status.error().message.find("a: there is ") != std::string::npos);
    }
    passed[0].info.dtype = "string";
    const Status status = writeWhole(path("p.h5"), {}, passed);
    QCOMPARE(status.error().code, ErrorCode::DoesNotFit);
    QVERIFY(status.error().message.find("a: its elements are string; allowed are float32") !=
            std::string::npos);
    QCOMPARE(filesInFolder(), 0);
  }

  void sizesAreThoseOfTheFiles() {
    std::vector<std::vector<ExportTensor>> models = {{}};
    std::vector<ExportTensor> all;
    for (const QuantSpec& spec : specsOfEveryKind()) {
      const std::string name = "block/" + std::to_string(all.size()) + "/weight";
      const WeightTensor tensor = tensorOf(5, 70, normalValues(350, 78), name);
      all.push_back(*quantizeTensor(tensor, spec, {}, Executor(1)));
      models.push_back({all.back()});
    }
    models.push_back(all);
    // More groups than a node of HDF5's trees holds, with names of all lengths.
    std::vector<ExportTensor> many;
    for (std::size_t i = 0; i < 300; ++i) {
      many.push_back(all[i % all.size()]);
      many.back().info.name = std::string(i % 90, 'n') + "/" + std::to_string(i);
    }
    models.push_back(many);
    for (const auto& tensors : models) {
      for (const auto& passed : {std::vector<PassedArray>{}, arraysOfEveryType()}) {
        if (tensors.size() == 1 && !passed.empty()) continue;
        const Status status = writeWhole(path("z.h5"), tensors, passed);
        QVERIFY2(status, status ? "" : status.error().message.c_str());
        const auto size = nativeFormat().sizeOf(headerOf(tensors, passed));
        QVERIFY2(size, size ? "" : size.error().message.c_str());
        QCOMPARE(*size, std::filesystem::file_size(path("z.h5")));
      }
    }
  }

  void namesThatHdf5CannotHoldAreEscaped() {
    writeNative(path("e.h5"), {made(tensorOf(1, 4, {1, 2, 3, 4}, "a//../b"), QuantSpec{})});
    QCOMPARE(*readAttribute(path("e.h5"), "/tensors/a/%/%2E%2E/b", "source_name"),
             std::string("a//../b"));
  }

  void withoutACommitNothingIsLeft() {
    {
      auto sink = nativeFormat().create(path("gone.h5"), {}, Executor(1));
      QVERIFY((*sink)->add(made(normalTensor(4, 32, 53), QuantSpec{})));
      QCOMPARE(filesInFolder(), 1);
    }
    QCOMPARE(filesInFolder(), 0);
    const auto refused = nativeFormat().create(path("no/folder.h5"), {}, Executor(1));
    QCOMPARE(refused.error().code, ErrorCode::OutputFailed);
  }
};

QTEST_GUILESS_MAIN(ExportingTest)
#include "exporting_test.moc"
