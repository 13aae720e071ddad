#include "core/model/export_model.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/base/sha256.h"
#include "core/io/container/array_box.h"
#include "core/io/reader/remote_container.h"

namespace quantoscope {

namespace {

/// How much of an array is in memory at a time when it is read back.
constexpr std::size_t kBoxBytes = std::size_t{8} << 20;

Result<SourceDigest> sourceDigest(const ModelJob& job, const CancelToken& cancel) {
  if (job.digest) return *job.digest;
  if (job.source) return job.source->digest(cancel);
  auto sha256 = sha256OfFile(job.file, [&cancel] { return cancel.cancelled(); });
  if (!sha256) return sha256.error();
  return SourceDigest{*std::move(sha256), {}};
}

/// DoesNotFit with the first refusal, and how many more there are.
Status refusalOf(const ExportFormat& format, const Findings& findings) {
  const auto refuses = [](const Finding& finding) {
    return finding.severity == Finding::Severity::Refusal;
  };
  const auto first = std::find_if(findings.begin(), findings.end(), refuses);
  if (first == findings.end()) return ok();
  const auto all = std::count_if(findings.begin(), findings.end(), refuses);
  std::string message = first->line();
  if (all > 1) message += "; and " + std::to_string(all - 1) + " more";
  return Error{ErrorCode::DoesNotFit, message + " (" + format.title + ")"};
}

/// That the scale of some groups is 0, and where the first of them is.
void noteGroupsWithoutScale(const ExportTensor& made, Findings& findings) {
  const std::vector<std::size_t>& groups = made.groupsWithoutScale;
  if (groups.empty()) return;
  const std::size_t perRow = made.quantized.parameters.layout.groupsPerRow();
  const std::string count =
      groups.size() == 1 ? "1 group" : std::to_string(groups.size()) + " groups";
  findings.push_back({Finding::Severity::Note, made.info.name,
                      "weights so small that the scale of " + count + " is 0, the first in row " +
                          std::to_string(groups[0] / perRow) + ", group " +
                          std::to_string(groups[0] % perRow) +
                          ": they have the first or the last code"});
}

Status addTensors(const ModelJob& job, TensorSink& sink, const QuantizeOptions& options,
                  ExportReport& report, const Executor& executor, const ModelControl& control) {
  const TakeTensor take = [&](ExportTensor&& made) {
    report.tensors.push_back({made.info.name, made.quantized.spec, *made.metrics, *made.storage,
                              made.groupsWithoutScale.size()});
    noteGroupsWithoutScale(made, report.findings);
    return sink.add(made);
  };
  return quantizeModel(job, options, take, executor, control);
}

const StoredArray* findArray(const StoredFile& contents, const std::string& path) {
  for (const StoredArray& array : contents.arrays) {
    if (array.path == path) return &array;
  }
  return nullptr;
}

/// The digest of an array's elements as they are stored.
Result<std::string> digestOf(const Container& container, const StoredArray& array,
                             const CancelToken& cancel) {
  const auto element = container.elementOf(array.path);
  if (!element) return element.error();
  Box whole;
  whole.count.assign(array.shape.begin(), array.shape.end());
  whole.start.assign(whole.count.size(), 0);
  const std::size_t target = kBoxBytes / std::max<std::size_t>(1, element->bytes);
  Sha256 digest;
  std::vector<std::byte> bytes;
  // Whole trailing axes, so that the boxes follow each other as the elements do.
  std::vector<std::size_t> unit = whole.count;
  if (!unit.empty()) unit.front() = 1;
  for (const Box& box : cutIntoBoxes(whole, unit, target)) {
    bytes.resize(box.elements() * element->bytes);
    if (auto status = container.read(array.path, box, bytes.data(), {cancel, {}}); !status) {
      return status.error();
    }
    digest.add(bytes.data(), bytes.size());
  }
  return digest.text();
}

}  // namespace

Status verifyExport(const FinishedFile& file, const std::string& path, const CancelToken& cancel) {
  if (file.arrays.empty()) return ok();
  const auto failed = [&path](const std::string& what) {
    return Error{ErrorCode::OutputFailed, path + ": " + what};
  };
  OpenOptions options;
  options.control.cancel = cancel;
  const auto container = openRemoteContainer(file.path, options);
  if (!container) return failed("cannot be read back: " + container.error().message);
  for (const WrittenArray& written : file.arrays) {
    const StoredArray* array = findArray((*container)->contents(), written.path);
    if (array == nullptr) return failed(written.path + " is missing when it is read back");
    const auto digest = digestOf(**container, *array, cancel);
    if (cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    if (!digest) return failed("cannot be read back: " + digest.error().message);
    if (digest->empty() || *digest != written.sha256) {
      return failed(written.path + " read back differs from what was written");
    }
  }
  return ok();
}

Status writeExport(const ExportFormat& format, const ModelHeader& header, const OutputPath& path,
                   const std::function<Status(TensorSink&)>& fill, const CancelToken& cancel,
                   const TensorSource* source) {
  if (auto status = refusalOf(format, format.check(header)); !status) return status;
  auto sink = format.create(path, header);
  if (!sink) return sink.error();
  if (auto status = fill(**sink); !status) return status;
  const auto finished = (*sink)->finish();
  if (!finished) return finished.error();
  if (auto status = verifyExport(*finished, path.path, cancel); !status) return status;
  if (source) {
    if (auto status = source->intact(); !status) return status;
  }
  if (cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
  return (*sink)->commit();
}

Result<ExportReport> exportModel(const ModelJob& job, const ExportFormat& format,
                                 const OutputPath& path, const QuantizeOptions& options,
                                 const Executor& executor, const ModelControl& control) {
  ModelHeader header{job.file, {}, job.tensors, job.plan, {}};
  ExportReport report;
  report.findings = format.check(header);
  if (auto status = refusalOf(format, report.findings); !status) return status.error();
  if (job.source) {
    if (auto status = proveWhole(*job.source, job.gaps, {control.cancel, {}}); !status) {
      return status.error();
    }
  }
  if (format.content == ExportContent::Tensors) {
    auto digest = sourceDigest(job, control.cancel);
    if (!digest) return digest.error();
    header.sourceSha256 = std::move(digest->sha256);
    header.sourceFiles = std::move(digest->files);
  }

  const auto fill = [&](TensorSink& sink) {
    if (format.content == ExportContent::Plan) return ok();
    return addTensors(job, sink, options, report, executor, control);
  };
  const Status status = writeExport(format, header, path, fill, control.cancel, job.source.get());
  if (!status) return status.error();
  return report;
}

}  // namespace quantoscope
