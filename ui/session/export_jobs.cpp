#include "ui/session/export_jobs.h"

#include <algorithm>
#include <utility>

#include "core/base/file_output.h"
#include "core/exporting/plan_file.h"
#include "ui/session/guarded.h"

namespace quantoscope::ui {

namespace {

ExportResult resultOf(const Status& status) {
  if (!status) return status.error();
  return std::vector<std::string>{};
}

ModelControl watchedBy(const std::shared_ptr<ExportRun>& run, const TaskControl& control) {
  return {control.cancel,
          [run, &control](const TensorInfo& info, std::size_t index,
                          std::size_t count) -> ProgressSink {
            if (control.progress) control.progress(index, count + 1);
            if (!run) return {};
            run->beginTensor(info, index, count);
            return [run](std::uint64_t done, std::uint64_t total) { run->advance(done, total); };
          }};
}

/// As the command line writes them.
Status writeReports(const ExportReport& report, const ExportFormat& format,
                    const std::string& path) {
  const std::vector<std::string> paths = reportPaths(format, path);
  if (paths.empty()) return ok();
  if (auto status = writeFile(paths[0], report.json(format).text() + "\n"); !status) return status;
  return writeFile(paths[1], report.text(format));
}

ExportOutcome outcomeOf(const Result<ExportReport>& report, const ExportFormat& format,
                        const std::string& path) {
  if (!report) return {report.error()};
  return {report, report->text(format),
          guarded(path, [&] { return writeReports(*report, format, path); })};
}

}  // namespace

std::vector<std::string> reportPaths(const ExportFormat& format, const std::string& path) {
  if (format.isFolder()) return {};
  return {path + ".report.json", path + ".report.txt"};
}

ExportRun::ExportRun(std::uint64_t allBytes) {
  progress_.allBytes = allBytes;
}

ExportRun::Progress ExportRun::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

std::shared_ptr<const ExportOutcome> ExportRun::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

void ExportRun::beginTensor(const TensorInfo& info, std::size_t index, std::size_t count) {
  const std::lock_guard lock(mutex_);
  before_ += current_;
  current_ = info.bytes;
  progress_.phase = Phase::Quantizing;
  progress_.tensor = info.name;
  progress_.index = index;
  progress_.count = count;
  raise(before_);
}

void ExportRun::advance(std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  if (total == 0) return;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  raise(before_ + static_cast<std::uint64_t>(share * static_cast<double>(current_)));
}

void ExportRun::pass(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  before_ += std::exchange(current_, 0) + bytes;
  progress_.phase = Phase::Passing;
  raise(before_);
}

void ExportRun::end(ExportOutcome outcome) {
  auto shared = std::make_shared<const ExportOutcome>(std::move(outcome));
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(shared);
}

void ExportRun::raise(std::uint64_t bytes) {
  progress_.bytes = std::max(progress_.bytes, std::min(bytes, progress_.allBytes));
  if (progress_.bytes == progress_.allBytes) progress_.phase = Phase::Proving;
}

ExportJob textExport(std::string path, std::string content) {
  return [path = std::move(path), content = std::move(content)](const TaskControl&) {
    return resultOf(writeFile(path, content));
  };
}

ExportJob planExport(std::string path, TuningPlan plan, SharedSource source) {
  return [path = std::move(path), plan = std::move(plan),
          source = std::move(source)](const TaskControl& control) {
    const Status whole = proveWhole(*source, Gaps::Refused, control);
    if (!whole) return ExportResult(whole.error());
    auto digest = source->digest(control.cancel);
    if (!digest) return ExportResult(digest.error());
    TuningPlan complete = plan;
    complete.sourceSha256 = std::move(digest->sha256);
    complete.sourceFiles = std::move(digest->files);
    return resultOf(writePlan(complete, path));
  };
}

ExportJob modelExport(OutputPath path, const ExportFormat& format, ModelJob job,
                      ExportOptions options, Executor executor, std::shared_ptr<ExportRun> run) {
  return [path = std::move(path), &format, job = std::move(job), options,
          executor = std::move(executor),
          run = std::move(run)](const TaskControl& control) -> ExportResult {
    auto report = guarded(path.path, [&] {
      return exportModel(job, format, path, options, executor, watchedBy(run, control));
    });
    if (run) run->end(outcomeOf(report, format, path.path));
    if (!report) return report.error();
    std::vector<std::string> notes;
    for (const Finding& finding : report->findings) notes.push_back(finding.line());
    return notes;
  };
}

}  // namespace quantoscope::ui
