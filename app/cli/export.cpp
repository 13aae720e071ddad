// export: a model in a form that other programs load; targets: which forms can carry it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/cli/chosen_plan.h"
#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/exporting/registry.h"
#include "core/model/export_model.h"

namespace quantoscope::cli {

namespace {

struct ExportWords {
  std::string file;
  std::string plan;
  std::string format;
  std::string out;
  std::string report;
  bool fix = false;
  bool dryRun = false;
  bool json = false;
  SpecOptions spec;
};

/// The whole of a model, as it is to be exported.
Result<ModelJob> jobOf(const ExportWords& words, const Context& context) {
  if (words.plan.empty()) {  // wrong options are reported before anything is read
    if (auto spec = words.spec.spec(); !spec) return spec.error();
  }
  const auto orientation = words.spec.orientation();
  if (!orientation) return orientation.error();
  auto source = context.open(words.file);
  if (!source) return source.error();
  auto plan = planOf(words.plan, words.spec, **source);
  if (!plan) return plan.error();
  auto chosen = chooseTensors(**source);
  if (!chosen) return withHint(chosen.error(), ErrorCode::DoesNotFit, "list --all shows why");
  ModelJob job = ModelJob::of(*source, plan->defaultSpec, *orientation);
  job.tensors.clear();
  for (TensorInfo& info : *chosen) job.tensors.push_back(oriented(std::move(info), *orientation));
  job.plan = *std::move(plan);
  job.gaps = context.gaps();
  job.extent = Extent::WholeModel;
  job.load = loaderOf(context, *source, *orientation);
  job.importance = [&words, &context](const WeightTensor& tensor) {
    return loadImportance(context, words.spec.importance(), tensor);
  };
  return job;
}

/// "+0.6 dB, +12.3 MB".
std::string costText(const RemedyCost& cost) {
  std::vector<std::string> parts;
  if (std::isfinite(cost.decibels)) {
    parts.push_back((cost.decibels < 0 ? "" : "+") + formatRounded(cost.decibels, 3) + " dB");
  }
  if (cost.bytes) {
    parts.push_back((*cost.bytes < 0 ? "-" : "+") +
                    formatBytes(std::fabs(static_cast<double>(*cost.bytes))));
  }
  return join(parts, ", ");
}

const char* severityText(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::Note:
      return "note";
    case Finding::Severity::Usual:
    case Finding::Severity::Refusal:
      break;
  }
  return "refused";
}

std::string ruleText(const Finding& finding) {
  return finding.rule.empty() ? "" : " [" + finding.rule + "]";
}

/// A finding with its remedies and what each costs.
Result<std::string> findingText(const Finding& finding, const ModelJob& job,
                                const ExportFormat& format, const ExportPlan& plan,
                                const Context& context) {
  std::string text = std::string(severityText(finding.severity)) + ": " + finding.line() +
                     ruleText(finding) + "\n";
  for (const Remedy& remedy : finding.remedies) {
    const auto cost = costOf(remedy, finding, job, format, plan.header, context.executor(),
                             context.control(finding.subject));
    if (!cost && cost.error().code == ErrorCode::Cancelled) return cost.error();
    const std::string told = cost ? costText(*cost) : "";
    text += "  " + remedy.text() + (told.empty() ? "" : " (" + told + ")") + "\n";
  }
  return text;
}

std::string takenText(const TakenRemedy& taken) {
  return taken.finding.line() + ruleText(taken.finding) + ": " + taken.remedy.text() + "\n";
}

std::string sizeText(const ExportPlan& plan) {
  if (!plan.bytes) return "size: not known beforehand\n";
  return "size: " + std::to_string(*plan.bytes) + " bytes (" +
         formatBytes(static_cast<double>(*plan.bytes)) + ")\n";
}

/// What --dry-run prints.
Result<int> tellPlan(const ModelJob& job, const ExportFormat& format, const ExportPlan& plan,
                     const Context& context) {
  for (const TakenRemedy& taken : plan.taken) context.out() << takenText(taken);
  for (const Finding& finding : plan.findings) {
    const auto text = findingText(finding, job, format, plan, context);
    if (!text) return text.error();
    context.out() << *text;
  }
  context.out() << plan.header.tensors.size() << " tensors quantized, " << plan.header.passed.size()
                << " arrays as they are\n";
  context.out() << sizeText(plan);
  if (plan.isRefused()) return kDoesNotFit;
  if (format.content == ExportContent::Tensors) {
    const auto seconds = estimateSeconds(job, format, plan.header, context.executor(),
                                         context.control("estimating"));
    context.clearProgress();
    if (!seconds) return seconds.error();
    context.out() << "time: about " << formatRounded(*seconds, 2) << " s\n";
  }
  return kDone;
}

/// Where the report of an export goes that is one file.
Status writeReport(const ExportReport& report, const ExportFormat& format, const ExportWords& words,
                   const Context& context) {
  const std::string json = report.json(format).text() + "\n";
  if (!words.report.empty()) return writeFile(context.output(words.report), json);
  if (format.isFolder()) return ok();  // it is in there
  if (auto status = writeFile(words.out + ".report.json", json); !status) return status;
  return writeFile(words.out + ".report.txt", report.text(format));
}

Result<int> exportIt(const ExportWords& words, const Context& context) {
  const auto format = findExportFormat(words.format);
  if (!format) return format.error();
  if (words.out.empty() && !words.dryRun) {
    return wrongUsage("--out is needed, unless --dry-run is given");
  }
  const std::vector<std::string> inputs = {words.file, words.plan, words.spec.importance(),
                                           words.spec.codebookFile()};
  for (const std::string& output : {words.out, words.report}) {
    if (output.empty() || words.dryRun) continue;
    if (auto status = context.checkOutput(output, inputs); !status) return status.error();
  }
  auto job = jobOf(words, context);
  if (!job) return job.error();
  context.noteQuantized(*job->source);
  const Fix fix = words.fix ? Fix::All : Fix::Usual;
  if (words.dryRun) {
    const auto plan = planExport(*job, **format, fix);
    if (!plan) return plan.error();
    return tellPlan(*job, **format, *plan, context);
  }
  const auto report = exportModel(*job, **format, context.output(words.out), {false, fix},
                                  context.executor(), context.modelControl());
  context.clearProgress();
  if (!report) {
    return withHint(report.error(), ErrorCode::DoesNotFit,
                    "--dry-run shows all findings, --fix takes the remedies");
  }
  if (auto status = writeReport(*report, **format, words, context); !status) {
    return status.error();
  }
  context.out() << text(*report);
  for (const TakenRemedy& taken : report->taken) {
    context.note("note: " + taken.finding.line() + ": " + taken.remedy.text());
  }
  for (const Finding& finding : report->findings) context.note("note: " + finding.line());
  context.note("wrote " + words.out);
  return kDone;
}

/// One target's answer.
struct TargetAnswer {
  const ExportFormat* format;
  ExportPlan asItIs;
  ExportPlan fixed;
};

std::string verdictOf(const TargetAnswer& answer) {
  if (!answer.asItIs.isRefused()) return "yes";
  if (answer.fixed.isRefused()) return "no";
  const std::size_t more = answer.fixed.taken.size() - answer.asItIs.taken.size();
  return "with " + std::to_string(more) + (more == 1 ? " remedy" : " remedies");
}

const Finding* firstRefusal(const ExportPlan& plan) {
  const auto found = std::find_if(
      plan.findings.begin(), plan.findings.end(),
      [](const Finding& finding) { return finding.severity != Finding::Severity::Note; });
  return found == plan.findings.end() ? nullptr : &*found;
}

const ExportPlan& planThatFits(const TargetAnswer& answer) {
  return answer.asItIs.isRefused() ? answer.fixed : answer.asItIs;
}

Json answerJson(const TargetAnswer& answer) {
  const ExportPlan& fits = planThatFits(answer);
  const Finding* refusal = firstRefusal(answer.asItIs);
  Json::Array remedies;
  for (const TakenRemedy& taken : fits.taken) {
    remedies.push_back(Json::object({{"tensor", taken.finding.subject},
                                     {"text", taken.finding.text},
                                     {"rule", taken.finding.rule},
                                     {"taken", taken.remedy.text()}}));
  }
  return Json::object({{"target", answer.format->id},
                       {"title", answer.format->title},
                       {"as_it_is", !answer.asItIs.isRefused()},
                       {"with_remedies", !answer.fixed.isRefused()},
                       {"bytes", fits.bytes ? Json(*fits.bytes) : Json()},
                       {"first_finding", refusal ? Json(refusal->line()) : Json()},
                       {"remedies", Json(std::move(remedies))}});
}

Result<int> tellTargets(const ExportWords& words, const Context& context) {
  auto job = jobOf(words, context);
  if (!job) return job.error();
  context.noteQuantized(*job->source);
  Json::Array rows;
  std::vector<std::vector<std::string>> lines;
  for (const ExportFormat& format : exportFormats()) {
    auto asItIs = planExport(*job, format, Fix::Usual);
    if (!asItIs) return asItIs.error();
    auto fixed = planExport(*job, format, Fix::All);
    if (!fixed) return fixed.error();
    const TargetAnswer answer{&format, *std::move(asItIs), *std::move(fixed)};
    const ExportPlan& fits = planThatFits(answer);
    const Finding* refusal = firstRefusal(answer.asItIs);
    rows.push_back(answerJson(answer));
    lines.push_back({format.id, verdictOf(answer),
                     fits.bytes ? formatBytes(static_cast<double>(*fits.bytes)) : "-",
                     refusal ? refusal->line() : ""});
  }
  if (words.json) {
    context.print(Json::object({{"file", words.file}, {"targets", Json(std::move(rows))}}));
  } else {
    context.out() << tableText({"target", "carries it", "size", "first finding"}, lines);
  }
  return kDone;
}

/// What both verbs read.
void addSource(CLI::App& verb, ExportWords& words) {
  verb.add_option("FILE", words.file, "a weight file, or a folder that holds a model")->required();
  verb.add_option("--plan", words.plan, "a plan in place of a specification");
  words.spec.addTo(verb);
  words.spec.addImportanceTo(verb);
}

/// The ids of all formats, each with what reads it.
std::string formatsText() {
  std::string text;
  for (const ExportFormat& format : exportFormats()) {
    text += std::string(text.empty() ? "" : "; ") + format.id + ": " + format.tip;
  }
  return text;
}

}  // namespace

Verb addExport(CLI::App& verb) {
  auto words = std::make_shared<ExportWords>();
  addSource(verb, *words);
  verb.add_option("--format", words->format, formatsText())->required();
  verb.add_option("--out", words->out, "the file or folder to write");
  verb.add_option("--report", words->report,
                  "where the report goes; else beside the file, or into the folder");
  verb.add_flag("--fix", words->fix, "take the first remedy of whatever the target refuses");
  verb.add_flag("--dry-run", words->dryRun,
                "write nothing; print findings, remedies with their cost, size and time");
  return [words](const Context& context) { return exportIt(*words, context); };
}

Verb addTargets(CLI::App& verb) {
  auto words = std::make_shared<ExportWords>();
  addSource(verb, *words);
  verb.add_flag("--json", words->json, "print JSON");
  return [words](const Context& context) { return tellTargets(*words, context); };
}

}  // namespace quantoscope::cli
