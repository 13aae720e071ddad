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
  const Status status = writeExport(nativeFormat(), header, path, add);
  QVERIFY2(status, status ? "" : status.error().message.c_str());
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
    spec.clip.kind = ClipPolicy::Kind::SearchGroups;
    spec.doubleQuant = DoubleQuant{};
    const ExportTensor native = made(tensor, spec);
    writeNative(path("x.h5"), {native});
    QCOMPARE(filesInFolder(), 1);

    const std::string file = path("x.h5");
    const auto codes = readArray(file, "/tensors/block/dense/codes");
    const auto scale = readArray(file, "/tensors/block/dense/scale");
    const auto zero = readArray(file, "/tensors/block/dense/zero_point");
    const auto ratio = readArray(file, "/tensors/block/dense/clip_ratio");
    const auto values = readArray(file, "/tensors/block/dense/dequantized");
    QCOMPARE(codes->type, std::string("uint8"));
    QCOMPARE(zero->type, std::string("int32"));
    QCOMPARE(ratio->type, std::string("float64"));
    QCOMPARE(scale->type, std::string("float32"));
    QCOMPARE(codes->shape, (std::vector<std::size_t>{6, 70}));
    QCOMPARE(scale->shape, (std::vector<std::size_t>{6, 3}));
    QCOMPARE(ratio->shape, (std::vector<std::size_t>{6, 3}));
    for (std::size_t r = 0; r < 6; ++r) {
      for (std::size_t c = 0; c < 70; ++c) {
        const std::size_t g = r * 3 + c / 32;
        const auto decoded = static_cast<float>(codes->values[r * 70 + c] - zero->values[g]) *
                             static_cast<float>(scale->values[g]);
        QCOMPARE(static_cast<float>(values->values[r * 70 + c]), decoded);
      }
    }
    QCOMPARE(*readAttribute(file, "/", "format"), std::string("quantoscope"));
    QCOMPARE(*readAttribute(file, "/", "source_sha256"), std::string("abc"));
    const std::string group = "/tensors/block/dense";
    QCOMPARE(*readAttribute(file, group, "source_name"), std::string("block/dense"));
    QCOMPARE(*readAttribute(file, group, "clip"), std::string("search-groups"));
    QCOMPARE(*readAttribute(file, group, "double_quant"), std::string("true"));
    QCOMPARE(*readAttribute(file, group, "double_quant_group_size"), std::string("256"));
    QCOMPARE(*readAttribute(file, group, "full_range"), std::string("false"));
    QCOMPARE(*readAttribute(file, group, "mse"), formatNumber(native.metrics->mse));
    QCOMPARE(*readAttribute(file, group, "bits_per_weight"),
             formatNumber(native.storage->bitsPerWeight()));
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
      QVERIFY2(codes && codes->shape == (std::vector<std::size_t>{2, 32}), place);
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
    QCOMPARE(codes->type, std::string("int8"));
    QVERIFY(!readArray(path("n.h5"), "/tensors/w/zero_point"));
    for (std::size_t i = 0; i < 64; ++i) {
      const auto entry = std::find(names->values.begin(), names->values.end(), codes->values[i]);
      const auto level = levels->values[static_cast<std::size_t>(entry - names->values.begin())];
      QCOMPARE(static_cast<float>(values->values[i]),
               static_cast<float>(level) * static_cast<float>(scale->values[i / 32]));
    }
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

  void namesThatHdf5CannotHoldAreEscaped() {
    writeNative(path("e.h5"), {made(tensorOf(1, 4, {1, 2, 3, 4}, "a//../b"), QuantSpec{})});
    QCOMPARE(*readAttribute(path("e.h5"), "/tensors/a/%/%2E%2E/b", "source_name"),
             std::string("a//../b"));
  }

  void withoutACommitNothingIsLeft() {
    {
      auto sink = nativeFormat().create(path("gone.h5"), {});
      QVERIFY((*sink)->add(made(normalTensor(4, 32, 53), QuantSpec{})));
      QCOMPARE(filesInFolder(), 1);
    }
    QCOMPARE(filesInFolder(), 0);
    const auto refused = nativeFormat().create(path("no/folder.h5"), {});
    QCOMPARE(refused.error().code, ErrorCode::OutputFailed);
  }
};

QTEST_GUILESS_MAIN(ExportingTest)
#include "exporting_test.moc"
