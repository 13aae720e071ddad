// What quantizing and exporting a model promises: whole files that hold what was measured, or none.
#include "core/model/export_model.h"

#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/file_output.h"
#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/exporting/registry.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/fake_source.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

QuantSpec searching() {
  QuantSpec spec;
  spec.clip.kind = ClipPolicy::Kind::SearchGroups;
  return spec;
}

Findings nothing(const ModelHeader&) {
  return {};
}

Findings refusals(const ModelHeader& header) {
  Findings findings = {{Finding::Severity::Note, "default", "a note"}};
  for (const TensorInfo& info : header.tensors) {
    findings.push_back({Finding::Severity::Refusal, info.name, "no"});
  }
  return findings;
}

/// Writes two bytes, and tells of an array that is not there.
class LyingSink : public TensorSink {
 public:
  explicit LyingSink(const OutputPath& path) : pending_(path) {}
  Status create() { return pending_.create(); }
  Status add(const ExportTensor&) override { return ok(); }
  Result<FinishedFile> finish() override {
    if (auto status = pending_.write("{}"); !status) return status.error();
    return FinishedFile{pending_.temporaryPath(), {{"w", "0"}}};
  }
  Status commit() override { return pending_.commit(); }

 private:
  PendingFile pending_;
};

Result<std::unique_ptr<TensorSink>> lie(const OutputPath& path, const ModelHeader&,
                                        const Executor&) {
  auto sink = std::make_unique<LyingSink>(path);
  if (auto status = sink->create(); !status) return status.error();
  return std::unique_ptr<TensorSink>(std::move(sink));
}

ExportFormat formatWith(Findings (*check)(const ModelHeader&)) {
  return {"test", "Test", ".bin", "", ExportContent::Tensors, check, lie};
}

}  // namespace

class ExportModelTest : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<QTemporaryDir> folder_;
  std::shared_ptr<FakeSource> source_;

  std::string path(const char* name) const { return folder_->filePath(name).toStdString(); }
  QStringList files() const { return QDir(folder_->path()).entryList(QDir::Files | QDir::Hidden); }
  void write(const char* name, const QByteArray& bytes) const {
    QFile file(folder_->filePath(name));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
  }
  QByteArray read(const char* name) const {
    QFile file(folder_->filePath(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }
  ModelJob job(const QuantSpec& spec) const {
    ModelJob made = ModelJob::of(source_, spec);
    made.file = path("source.bin");
    return made;
  }

 private slots:
  void init() {
    folder_ = std::make_unique<QTemporaryDir>();
    write("source.bin", "weights");
    source_ = std::make_shared<FakeSource>(path("source.bin"));
    source_->add("block/b", 16, 70);
    source_->add("a", 8, 32);
  }

  void aTensorIsQuantizedAsTheEngineDoesIt() {
    const WeightTensor tensor = normalTensor(12, 70, 11);
    for (const Dtype dtype : {Dtype::Int, Dtype::Nf4, Dtype::Nvfp4}) {
      QuantSpec spec = QuantSpec{}.withDtype(dtype);
      spec.clip.kind = ClipPolicy::Kind::SearchTensor;
      const auto made = quantizeTensor(tensor, spec, {.withDequantized = true}, Executor(2));
      QVERIFY(made);
      const Coding coding = coded(tensor, spec);
      const auto choice = chooseClip(tensor, coding, Executor(1));
      const auto expected = quantizedAt(tensor, spec, choice->ratios, Executor(1));
      QVERIFY(made->quantized.codes == expected->codes);
      QCOMPARE(made->quantized.parameters.scale, expected->parameters.scale);
      QCOMPARE(made->quantized.ratios.values, choice->ratios.values);
      const auto y = dequantized(tensor, coding, expected->parameters, Executor(1));
      QCOMPARE(made->dequantized->values, y->values);
      QCOMPARE(made->metrics->mse, choice->curve.bestMse());
      QCOMPARE(made->info.name, tensor.info().name);
      QVERIFY(!quantizeTensor(tensor, spec, {}, Executor(1))->dequantized);
    }
  }

  void whatIsNotFiniteIsRefused() {
    std::vector<float> values(64, 1);
    values[5] = std::numeric_limits<float>::infinity();
    const auto made = quantizeTensor(tensorOf(2, 32, values, "w"), {}, {}, Executor(1));
    QCOMPARE(made.error().code, ErrorCode::NotFinite);
    QVERIFY(made.error().message.starts_with("w: "));
  }

  void groupsWhoseScaleVanishesAreNamedAndCounted() {
    auto values = fakeWeights(4 * 64, 3);
    for (std::size_t c = 0; c < 32; ++c) {
      values[64 + c] = values[128 + c] = std::numeric_limits<float>::denorm_min();
    }
    source_->add("tiny", 4, 64, values);
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    const auto report =
        exportModel(job(spec), **findExportFormat("native"), path("out.h5"), {}, Executor(1));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->findings.size(), std::size_t{1});
    QCOMPARE(report->findings[0].line(),
             std::string("tiny: weights so small that the scale of 2 groups is 0, the first in row "
                         "1, group 0: they have the first or the last code"));
    for (const ExportedTensor& tensor : report->tensors) {
      QCOMPARE(tensor.groupsWithoutScale, tensor.name == "tiny" ? std::size_t{2} : std::size_t{0});
    }
  }

  void aNativeFileHoldsWhatTheReportTells() {
    const auto format = findExportFormat("native");
    const auto report =
        exportModel(job(searching()), **format, path("out.h5"), {true}, Executor(1));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QVERIFY(report->findings.empty());
    QCOMPARE(report->tensors.size(), std::size_t{2});
    QCOMPARE(files(), (QStringList{"out.h5", "source.bin"}));
    for (const ExportedTensor& tensor : report->tensors) {
      const std::string group = "/tensors/" + tensor.name;
      QCOMPARE(*readAttribute(path("out.h5"), group, "mse"), formatNumber(tensor.metrics.mse));
      const auto stored = readArray(path("out.h5"), group + "/dequantized");
      const auto info = findTensor(*source_, tensor.name);
      const auto weights = source_->load(*info, Orientation::Auto, {});
      std::vector<float> scratch;
      const MatrixView w = weights->block(0, weights->rows(), scratch);
      double sum = 0;
      for (std::size_t i = 0; i < w.all().size(); ++i) {
        const double e = w.all()[i] - static_cast<float>(stored->values[i]);
        sum += e * e;
      }
      const double mse = sum / static_cast<double>(w.all().size());
      QVERIFY(std::abs(mse - tensor.metrics.mse) <= 1e-12 * mse);
    }
    QCOMPARE(*readAttribute(path("out.h5"), "/", "source_sha256"), sha256OfBytes("weights", 7));
  }

  void nothingIsWrittenOfASourceThatChangesMeanwhile_data() {
    QTest::addColumn<int>("after");
    QTest::newRow("between two tensors") << 1;
    QTest::newRow("behind the last") << 2;
  }

  void nothingIsWrittenOfASourceThatChangesMeanwhile() {
    QFETCH(int, after);
    write("out.h5", "old");
    const std::string header = R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                               R"("b":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]}})";
    const std::string aligned = header + std::string(8 - header.size() % 8, ' ');  // to be mapped
    const auto weights = [&](char fill) {
      return QByteArray::fromStdString(safetensorsBytes(aligned, std::string(32, fill)));
    };
    write("model.safetensors", weights('\1'));
    const auto source = openTensorSource(path("model.safetensors"));
    QVERIFY(source);
    QuantSpec spec;
    spec.groupSize = 2;
    ModelJob job = ModelJob::of(*source, spec);
    int loads = 0;
    job.load = [&, load = job.load](const TensorInfo& info, const TaskControl& control) {
      if (loads == 1 && after == 1) write("model.safetensors", weights('\2'));
      ++loads;
      return load(info, control);
    };
    job.importance = [&](const WeightTensor& tensor) -> Result<SharedImportance> {
      // It is mapped by now.
      if (loads == 2 && after == 2 && tensor.info().name == "b") {
        write("model.safetensors", weights('\2'));
      }
      return SharedImportance();
    };
    const auto format = findExportFormat("native");
    const auto report = exportModel(job, **format, path("out.h5"), {}, Executor(1));
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::UnreadableFile);
    QCOMPARE(report.error().message,
             path("model.safetensors") + ": b: was changed while it was in use; open it again");
    QCOMPARE(read("out.h5"), QByteArray("old"));
    QCOMPARE(files(), (QStringList{"model.safetensors", "out.h5", "source.bin"}));
  }

  void aSourceThatChangesBeforeTheEndIsNotExported() {
    write("model.safetensors", QByteArray::fromStdString(safetensorsBytes(
                                   R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})",
                                   std::string(16, '\1'))));
    const auto source = openTensorSource(path("model.safetensors"));
    QVERIFY(source);
    const ModelHeader header{"s", "0", (*source)->tensors(), {}};
    const auto fill = [&](TensorSink& sink) {
      const auto tensor = (*source)->load((*source)->tensors()[0], Orientation::Auto, {});
      QuantSpec spec;
      spec.groupSize = 2;
      const Status status = sink.add(*quantizeTensor(*tensor, spec, {}, Executor(1)));
      write("model.safetensors", "other");
      return status;
    };
    const auto format = findExportFormat("native");
    const Status status =
        writeExport(**format, header, path("out.h5"), fill, Executor(1), {}, source->get());
    QVERIFY(!status);
    QCOMPARE(status.error().message,
             path("model.safetensors") + ": was changed while it was in use; open it again");
    QCOMPARE(files(), (QStringList{"model.safetensors", "source.bin"}));
  }

  void aRefusalNamesTheFirstAndWritesNothing() {
    write("out.bin", "old");
    const auto report =
        exportModel(job({}), formatWith(refusals), path("out.bin"), {}, Executor(1));
    QCOMPARE(report.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(report.error().message, std::string("block/b: no; and 1 more (Test)"));
    QCOMPARE(source_->loads.load(), 0);
    QCOMPARE(read("out.bin"), QByteArray("old"));
  }

  void whatReadsBackOtherwiseDoesNotGetItsName() {
    write("out.bin", "old");
    const auto report = exportModel(job({}), formatWith(nothing), path("out.bin"), {}, Executor(1));
    QCOMPARE(report.error().code, ErrorCode::OutputFailed);
    QVERIFY(report.error().message.starts_with(path("out.bin")));
    QCOMPARE(read("out.bin"), QByteArray("old"));
    QCOMPARE(files(), (QStringList{"out.bin", "source.bin"}));
  }

  void everyArrayIsComparedBitForBit() {
    const auto format = findExportFormat("native");
    const ModelHeader header{"s", "0", source_->tensors(), {}};
    auto sink = (*format)->create(path("x.h5"), header, Executor(1));
    QVERIFY(sink);
    const auto tensor = source_->load(source_->tensors()[0], Orientation::Auto, {});
    QVERIFY((*sink)->add(*quantizeTensor(*tensor, searching(), {true}, Executor(1))));
    FinishedFile finished = *(*sink)->finish();
    QVERIFY(finished.arrays.size() >= 5);
    QVERIFY(proveExport(finished, {}, path("x.h5")));
    for (WrittenArray& array : finished.arrays) {
      const std::string right = std::exchange(array.sha256, std::string(64, '0'));
      const Status differs = proveExport(finished, {}, path("x.h5"));
      QCOMPARE(differs.error().code, ErrorCode::OutputFailed);
      QVERIFY(differs.error().message.find(array.path) != std::string::npos);
      array.sha256 = right;
    }
    finished.arrays.push_back({"tensors/absent", "0"});
    QVERIFY(proveExport(finished, {}, path("x.h5")).error().message.find("absent") !=
            std::string::npos);
  }

  void aBrokenTensorOrACancelledExportLeavesTheOldFile() {
    write("out.h5", "old");
    const ExportFormat& native = **findExportFormat("native");
    source_->breakTensor("a");
    const auto broken = exportModel(job({}), native, path("out.h5"), {}, Executor(1));
    QCOMPARE(broken.error().code, ErrorCode::UnreadableFile);
    QCOMPARE(read("out.h5"), QByteArray("old"));
    ModelControl control;
    control.progressOf = [&](const TensorInfo&, std::size_t index, std::size_t) {
      if (index == 1) control.cancel.cancel();
      return ProgressSink();
    };
    const auto cancelled = exportModel(job({}), native, path("out.h5"), {}, Executor(1), control);
    QCOMPARE(cancelled.error().code, ErrorCode::Cancelled);
    QCOMPARE(read("out.h5"), QByteArray("old"));
    QCOMPARE(files(), (QStringList{"out.h5", "source.bin"}));
  }

  void aPlanIsExportedWithoutQuantizing() {
    const ExportFormat& format = **findExportFormat("inc-config");
    QuantSpec clipped;
    clipped.clip = ClipPolicy::fixed(0.9);
    const auto report = exportModel(job(clipped), format, path("rtn.json"), {}, Executor(1));
    QVERIFY(report);
    QCOMPARE(source_->loads.load(), 0);
    QVERIFY(report->tensors.empty());
    QCOMPARE(report->findings.size(), std::size_t{1});
    QCOMPARE(report->findings[0].severity, Finding::Severity::Note);
    QVERIFY(report->findings[0].line().starts_with("default: the clip ratio 0.9"));
    QVERIFY(read("rtn.json").startsWith("{"));
  }

  void everyFormatHasARowOfItsOwn() {
    std::set<std::string> ids;
    for (const ExportFormat& format : exportFormats()) {
      QVERIFY(ids.insert(format.id).second);
      QCOMPARE(*findExportFormat(format.id), &format);
      QVERIFY(format.isFolder() ? format.wholeModel : *format.suffix == '.');
      QVERIFY(*format.title != '\0' && *format.tip != '\0');
      QVERIFY(format.check != nullptr && format.create != nullptr);
    }
    const auto unknown = findExportFormat("nosuch");
    QCOMPARE(unknown.error().code, ErrorCode::InvalidArgument);
    for (const std::string& id : ids) {
      QVERIFY(unknown.error().message.find(id) != std::string::npos);
    }
  }
};

QTEST_GUILESS_MAIN(ExportModelTest)
#include "export_model_test.moc"
