#include "core/model/export_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/exporting/rules.h"
#include "core/metrics/metrics_json.h"

namespace quantoscope {

namespace {

/// The least float16 number that is no subnormal one: below, a scale loses digits.
constexpr float kLeastNormalHalf = 6.103515625e-05F;

Result<SourceDigest> sourceDigest(const ModelJob& job, const CancelToken& cancel) {
  if (job.digest) return *job.digest;
  if (job.source) return job.source->digest(cancel);
  auto sha256 = sha256OfFile(job.file, [&cancel] { return cancel.cancelled(); });
  if (!sha256) return sha256.error();
  return SourceDigest{*std::move(sha256), {}};
}

std::string groupsText(std::size_t count) {
  return count == 1 ? "1 group" : std::to_string(count) + " groups";
}

/// That the scale of some groups is 0, and where the first of them is.
void noteGroupsWithoutScale(const ExportTensor& made, Findings& findings) {
  const std::vector<std::size_t>& groups = made.groupsWithoutScale;
  if (groups.empty()) return;
  const std::size_t perRow = made.quantized.parameters.layout.groupsPerRow();
  findings.push_back({Finding::Severity::Note, made.info.name,
                      "weights so small that the scale of " + groupsText(groups.size()) +
                          " is 0, the first in row " + std::to_string(groups[0] / perRow) +
                          ", group " + std::to_string(groups[0] % perRow) +
                          ": they have the first or the last code"});
}

/// That the file's type keeps only some digits of small scales.
void noteSubnormalScales(const ExportTensor& made, Findings& findings) {
  const GroupParameters& parameters = made.quantized.parameters;
  if (parameters.decodeScale.empty() || made.quantized.spec.doubleQuant) return;
  std::size_t count = 0;
  for (std::size_t g = 0; g < parameters.decodeScale.size(); ++g) {
    const float stored = std::fabs(parameters.decodeScale[g]);
    if (stored < kLeastNormalHalf && stored != std::fabs(parameters.scale[g])) ++count;
  }
  if (count == 0) return;
  findings.push_back({Finding::Severity::Note, made.info.name,
                      "the scales of " + groupsText(count) +
                          " are so small that the file keeps few of their digits"});
}

/// What goes through the hands of an export.
class Run {
 public:
  Run(const ModelJob& job, const ExportFormat& format, const ModelHeader& header,
      ExportReport& report, const Executor& executor, const ModelControl& control)
      : job_(job),
        format_(format),
        header_(header),
        report_(report),
        executor_(executor),
        control_(control) {}

  Status fill(TensorSink& sink, bool withDequantized) {
    if (format_.content == ExportContent::Plan) return ok();
    if (auto status = addTensors(sink, withDequantized); !status) return status;
    return passArrays(sink);
  }

  const std::vector<ExportClaim>& claims() const { return claims_; }

 private:
  Status addTensors(TensorSink& sink, bool withDequantized) {
    const TakeTensor take = [&](ExportTensor&& made) {
      report_.tensors.push_back({made.info.name, made.quantized.spec, *made.metrics, *made.storage,
                                 made.groupsWithoutScale.size()});
      noteGroupsWithoutScale(made, report_.findings);
      noteSubnormalScales(made, report_.findings);
      claims_.push_back({made.info.name, fingerprintOf(made, executor_)});
      return sink.add(made);
    };
    ModelJob job = job_;
    job.tensors = header_.tensors;
    job.plan = header_.plan;
    const auto scales = sharedTensorScales();
    if (!scales) return scales.error();
    return quantizeModel(job, {withDequantized, &format_, &*scales}, take, executor_, control_);
  }

  /// Of the tensors that have one scale together, by name.
  Result<std::map<std::string, float>> sharedTensorScales() const {
    std::map<std::string, float> scales;
    if (!format_.sharesTensorScale) return scales;
    for (const std::vector<std::string>& set : fusedSets(header_)) {
      float largest = 0;
      std::vector<std::string> sharing;
      for (const std::string& name : set) {
        const auto own = ownTensorScale(name);
        if (!own) return own.error();
        if (!*own) continue;
        largest = std::max(largest, **own);
        sharing.push_back(name);
      }
      for (const std::string& name : sharing) scales[name] = largest;
    }
    return scales;
  }

  /// Nothing where the number format of the tensor has no such scale.
  Result<std::optional<float>> ownTensorScale(const std::string& name) const {
    const QuantSpec spec = header_.plan.specFor(name);
    if (codecOf(spec).scaleFormat != ScaleFormat::E4m3) return std::optional<float>();
    const auto info = std::find_if(header_.tensors.begin(), header_.tensors.end(),
                                   [&](const TensorInfo& known) { return known.name == name; });
    const auto tensor = job_.load(*info, {control_.cancel, {}});
    if (!tensor) return tensor.error();
    const auto coding = codingOf(**tensor, spec, executor_, {control_.cancel, {}});
    if (!coding) return coding.error();
    return std::optional(coding->codec.tensorScale);
  }

  Status passArrays(TensorSink& sink) {
    for (const TensorInfo& info : header_.passed) {
      if (control_.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      const ArrayReader read = [&](const TakeBytes& take) {
        return job_.source->readStored(info, take, {control_.cancel, {}});
      };
      if (auto status = sink.pass(info, read); !status) return status;
      report_.passed.push_back(info.name);
    }
    return ok();
  }

  const ModelJob& job_;
  const ExportFormat& format_;
  const ModelHeader& header_;
  ExportReport& report_;
  const Executor& executor_;
  const ModelControl& control_;
  std::vector<ExportClaim> claims_;
};

using Fill = std::function<Status(TensorSink&)>;

/// Creates, fills, proves and names an export; `beforeNaming` is the last that can fail by us.
Status write(const ExportFormat& format, const ModelHeader& header, const OutputPath& path,
             const Fill& fill, const std::vector<ExportClaim>& claims, const Fill& beforeNaming,
             const Executor& executor, const CancelToken& cancel, const TensorSource* source) {
  auto sink = format.create(path, header, executor);
  if (!sink) return sink.error();
  if (auto status = fill(**sink); !status) return status;
  const auto finished = (*sink)->finish();
  if (!finished) return finished.error();
  if (auto status = proveExport(*finished, claims, path.path, cancel); !status) return status;
  if (source) {
    if (auto status = source->intact(); !status) return status;
  }
  if (auto status = beforeNaming(**sink); !status) return status;
  if (cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
  return (*sink)->commit();
}

Json findingJson(const Finding& finding) {
  Json::Array texts;
  for (const Remedy& remedy : finding.remedies) texts.emplace_back(remedy.text());
  return Json::object({{"tensor", finding.subject},
                       {"text", finding.text},
                       {"rule", finding.rule},
                       {"remedies", Json(std::move(texts))}});
}

}  // namespace

Json ExportReport::json(const ExportFormat& format) const {
  Json::Array made;
  for (const ExportedTensor& tensor : tensors) {
    Json row = Json::object({{"tensor", tensor.name}, {"spec", toJson(tensor.spec)}});
    row.set("metrics", toJson(tensor.metrics));
    row.set("bits_per_weight", tensor.storage.bitsPerWeight());
    made.push_back(std::move(row));
  }
  Json::Array notes;
  for (const Finding& finding : findings) notes.push_back(findingJson(finding));
  Json::Array remedies;
  for (const TakenRemedy& one : taken) {
    Json row = findingJson(one.finding);
    row.set("taken", one.remedy.text());
    remedies.push_back(std::move(row));
  }
  return Json::object({{"format", "quantoscope-export-report"},
                       {"version", 1},
                       {"target", format.id},
                       {"generator", "Quantoscope " QUANTOSCOPE_VERSION},
                       {"source", Json::object({{"file", sourceFile}, {"sha256", sourceSha256}})},
                       {"proven", isProven},
                       {"tensors", Json(std::move(made))},
                       {"passed", Json::arrayOf(passed)},
                       {"remedies", Json(std::move(remedies))},
                       {"notes", Json(std::move(notes))}});
}

std::string ExportReport::text(const ExportFormat& format) const {
  std::string lines = std::string(format.title) + " of " + sourceFile + "\n";
  if (!sourceSha256.empty()) lines += "SHA-256 " + sourceSha256 + "\n";
  lines += isProven ? "read back and decoded: every code, zero point and scale is as quantized\n"
                    : "nothing to read back\n";
  lines += "\n";
  for (const ExportedTensor& tensor : tensors) {
    lines += tensor.name + ": " + describe(tensor.spec) + ", SQNR " +
             formatRounded(tensor.metrics.sqnrDb, 4) + " dB, " +
             formatRounded(tensor.storage.bitsPerWeight(), 4) + " bits a weight\n";
  }
  if (!passed.empty()) {
    lines +=
        "\n" + std::to_string(passed.size()) + " arrays as they are: " + join(passed, ", ") + "\n";
  }
  for (const TakenRemedy& one : taken) {
    lines += "\n" + one.finding.line() + ": " + one.remedy.text();
  }
  for (const Finding& finding : findings) lines += "\nnote: " + finding.line();
  return lines + "\n";
}

Status writeExport(const ExportFormat& format, const ModelHeader& header, const OutputPath& path,
                   const std::function<Status(TensorSink&)>& fill, const Executor& executor,
                   const CancelToken& cancel, const TensorSource* source) {
  ExportPlan plan;
  plan.header = header;
  plan.findings = format.check(header);
  if (auto status = refusalOf(format, plan); !status) return status;
  const Fill nothing = [](TensorSink&) { return ok(); };
  return write(format, header, path, fill, {}, nothing, executor, cancel, source);
}

Result<ExportReport> exportModel(const ModelJob& job, const ExportFormat& format,
                                 const OutputPath& path, const ExportOptions& options,
                                 const Executor& executor, const ModelControl& control) {
  auto planned = planExport(job, format, options.fix);
  if (!planned) return planned.error();
  ExportReport report;
  if (auto status = refusalOf(format, *planned); !status) return status.error();
  if (job.source) {
    if (auto status = proveWhole(*job.source, job.gaps, {control.cancel, {}}); !status) {
      return status.error();
    }
  }
  ModelHeader& header = planned->header;
  if (format.content == ExportContent::Tensors) {
    auto digest = sourceDigest(job, control.cancel);
    if (!digest) return digest.error();
    header.sourceSha256 = std::move(digest->sha256);
    header.sourceFiles = std::move(digest->files);
  }
  report.findings = std::move(planned->findings);
  report.taken = std::move(planned->taken);
  report.sourceFile = header.sourceFile;
  report.sourceSha256 = header.sourceSha256;
  Run run(job, format, header, report, executor, control);
  const Fill fill = [&](TensorSink& sink) { return run.fill(sink, options.withDequantized); };
  const Fill addReport = [&](TensorSink& sink) -> Status {
    report.isProven = format.content == ExportContent::Tensors;
    if (!format.isFolder()) return ok();
    const std::string name = kFolderReport;
    if (auto status = sink.addFile(name + ".json", report.json(format).text() + "\n"); !status) {
      return status;
    }
    return sink.addFile(name + ".txt", report.text(format));
  };
  const Status status = write(format, header, path, fill, run.claims(), addReport, executor,
                              control.cancel, job.source.get());
  if (!status) return status.error();
  return report;
}

}  // namespace quantoscope
