#include "ui/session/export_jobs.h"

#include <utility>

#include "core/base/file_output.h"
#include "core/exporting/plan_file.h"

namespace quantoscope::ui {

namespace {

ExportResult resultOf(const Status& status) {
  if (!status) return status.error();
  return std::vector<std::string>{};
}

}  // namespace

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

ExportJob modelExport(std::string path, const ExportFormat& format, ModelJob job,
                      QuantizeOptions options, Executor executor) {
  return [path = std::move(path), &format, job = std::move(job), options,
          executor = std::move(executor)](const TaskControl& control) -> ExportResult {
    const ModelControl watched{control.cancel,
                               [&control](const TensorInfo&, std::size_t index, std::size_t count) {
                                 if (control.progress) control.progress(index, count + 1);
                                 return ProgressSink();
                               }};
    const auto report = exportModel(job, format, path, options, executor, watched);
    if (!report) return report.error();
    std::vector<std::string> notes;
    for (const Finding& finding : report->findings) notes.push_back(finding.line());
    return notes;
  };
}

}  // namespace quantoscope::ui
