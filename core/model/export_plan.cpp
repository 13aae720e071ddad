#include "core/model/export_plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/input_file.h"
#include "core/exporting/state_dict.h"
#include "core/io/model/model_layout.h"
#include "core/io/quantized/quantized_container.h"
#include "core/model/measure_tensor.h"
#include "core/model/quantize_model.h"

namespace quantoscope {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostConfigBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kMostCompanionBytes = std::uint64_t{256} << 20;

/// Remedies can make others necessary, but each makes the model simpler: this ends it for certain.
constexpr int kMostRounds = 32;

/// Of files that hold weights, or say where they are.
constexpr std::array<std::string_view, 17> kWeightSuffixes = {
    ".safetensors", ".bin",        ".pt",    ".pth",    ".gguf", ".onnx",
    ".h5",          ".hdf5",       ".keras", ".npy",    ".npz",  ".msgpack",
    ".ot",          ".index.json", ".part",  ".tflite", ".pb"};

bool holdsWeights(const std::string& name) {
  return std::any_of(kWeightSuffixes.begin(), kWeightSuffixes.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

/// Whether `name` is a configuration of a quantization that the export replaces.
bool tellsQuantization(const std::string& name) {
  return name == "quantize_config.json" || name == "quant_config.json" ||
         name == "quantization_config.json";
}

/// The plain files beside the source that belong to a model; none where it has no config.json.
void findCompanions(const std::string& source, ModelHeader& header) {
  const fs::path folder = fs::path(source).parent_path();
  const std::string config = (folder / "config.json").string();
  const auto text = readWholeFile(config, kMostConfigBytes);
  if (!text) return;
  auto json = parseJson(*text, config);
  if (!json || !json->isObject()) return;
  header.config = *std::move(json);
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(folder.empty() ? fs::path(".") : folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name == "config.json" || name.starts_with('.') || holdsWeights(name)) continue;
    if (tellsQuantization(name) || !entry.is_regular_file(ignored)) continue;
    if (entry.file_size(ignored) > kMostCompanionBytes) continue;
    header.companions.push_back({name, entry.path().string()});
  }
  std::sort(header.companions.begin(), header.companions.end(),
            [](const CompanionFile& a, const CompanionFile& b) { return a.name < b.name; });
}

/// Whether an array is a part of a tensor that is quantized already, and decoded beside it.
bool isPartOfQuantized(const TensorInfo& info) {
  return info.reason.starts_with(kAlreadyQuantized) ||
         info.reason.find(", which is quantized") != std::string::npos ||
         info.reason.find(", which is float8") != std::string::npos;
}

/// All of a source that is not among `tensors`, each array once.
void findPassed(const ModelJob& job, ModelHeader& header, Findings& findings) {
  std::set<std::string> quantized;
  for (const TensorInfo& info : header.tensors) quantized.insert(info.name);
  std::set<std::string> seen;
  for (TensorInfo info : job.source->tensors()) {
    if (quantized.contains(info.name) || isPartOfQuantized(info)) continue;
    info.name = storedPath(info);
    info.axes.slice.reset();
    if (!seen.insert(info.name).second) continue;
    if (info.incomplete) continue;  // told where the model is proven whole
    if (safetensorsType(info.dtype).empty()) {
      findings.push_back({Finding::Severity::Note, info.name,
                          "is left out: " + (info.reason.empty() ? info.dtype : info.reason)});
      continue;
    }
    header.passed.push_back(std::move(info));
  }
}

ModelHeader headerOf(const ModelJob& job, const ExportFormat& format, Findings& findings) {
  ModelHeader header;
  header.sourceFile = job.file;
  header.tensors = job.tensors;
  header.plan = job.plan;
  if (!format.wholeModel || job.extent != Extent::WholeModel || !job.source) return header;
  header.sourceFormat = job.source->format();
  header.contents = job.source->contents();
  header.sourcePath = job.source->path();
  findPassed(job, header, findings);
  if (!format.isFolder()) return header;
  findCompanions(job.source->path(), header);
  if (!header.config) {
    findings.push_back({Finding::Severity::Note, "model",
                        "there is no config.json beside the source: loaders that want one need it "
                        "merged with the quantization's by hand"});
  }
  return header;
}

/// Puts a tensor where arrays that stay as they are, are.
void keepFloat(const ModelJob& job, const ExportFormat& format, ModelHeader& header,
               const std::string& name) {
  std::erase_if(header.tensors, [&](const TensorInfo& info) { return info.name == name; });
  header.plan.tensors.erase(name);
  if (!format.wholeModel || job.extent != Extent::WholeModel || !job.source) return;
  header.passed.clear();
  Findings ignored;  // the same as before
  findPassed(job, header, ignored);
}

/// Takes one remedy; false where the finding is about no tensor of the header.
bool take(const ModelJob& job, const ExportFormat& format, ModelHeader& header,
          const Finding& finding, const Remedy& remedy) {
  const auto known =
      std::find_if(header.tensors.begin(), header.tensors.end(),
                   [&](const TensorInfo& info) { return info.name == finding.subject; });
  if (known == header.tensors.end()) return false;
  if (remedy.kind == Remedy::Kind::KeepFloat) {
    keepFloat(job, format, header, finding.subject);
  } else {
    header.plan.tensors[finding.subject] = TensorPlan{remedy.spec, {}, false, {}, {}};
  }
  return true;
}

bool isTaken(const Finding& finding, const ModelJob& job, Fix fix) {
  if (finding.remedies.empty()) return false;
  if (fix == Fix::All) return finding.severity != Finding::Severity::Note;
  return finding.severity == Finding::Severity::Usual &&
         !job.plan.tensors.contains(finding.subject);
}

/// One round of checking and mending; whether anything was mended.
bool mendOnce(const ModelJob& job, const ExportFormat& format, Fix fix, ExportPlan& plan,
              Findings& found) {
  found = format.check(plan.header);
  bool mended = false;
  std::set<std::string> done;  // one remedy a tensor and round: it may settle the others
  for (const Finding& finding : found) {
    if (!isTaken(finding, job, fix) || !done.insert(finding.subject).second) continue;
    if (!take(job, format, plan.header, finding, finding.remedies.front())) continue;
    plan.taken.push_back({finding, finding.remedies.front()});
    mended = true;
  }
  return mended;
}

Result<double> decibelsOf(const WeightTensor& tensor, const QuantSpec& spec,
                          const Executor& executor, const TaskControl& control) {
  const auto measured = measureTensor(tensor, spec, executor, control);
  if (!measured) return measured.error();
  return measured->metrics.sqnrDb;
}

}  // namespace

bool ExportPlan::isRefused() const {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity != Finding::Severity::Note;
  });
}

Result<ExportPlan> planExport(const ModelJob& job, const ExportFormat& format, Fix fix) {
  ExportPlan plan;
  Findings notes;
  plan.header = headerOf(job, format, notes);
  Findings found;
  for (int round = 0; round < kMostRounds && mendOnce(job, format, fix, plan, found); ++round) {
  }
  plan.findings = std::move(notes);
  plan.findings.insert(plan.findings.end(), found.begin(), found.end());
  if (!plan.isRefused() && plan.header.tensors.empty() && !job.tensors.empty()) {
    plan.findings.push_back({Finding::Severity::Refusal, "model",
                             "no tensor is left that this format can hold quantized"});
  }
  if (format.sizeOf != nullptr && !plan.isRefused()) {
    const auto bytes = format.sizeOf(plan.header);
    // Where there is no room to find that out, writing will tell.
    if (!bytes && bytes.error().code != ErrorCode::OutputFailed) return bytes.error();
    if (bytes) plan.bytes = *bytes;
  }
  return plan;
}

Status refusalOf(const ExportFormat& format, const ExportPlan& plan) {
  const auto refuses = [](const Finding& finding) {
    return finding.severity != Finding::Severity::Note;
  };
  const auto first = std::find_if(plan.findings.begin(), plan.findings.end(), refuses);
  if (first == plan.findings.end()) return ok();
  const auto all = std::count_if(plan.findings.begin(), plan.findings.end(), refuses);
  std::string message = first->line();
  if (!first->remedies.empty()) message += "; " + first->remedies.front().text();
  if (all > 1) message += "; and " + std::to_string(all - 1) + " more";
  return Error{ErrorCode::DoesNotFit, message + " (" + format.title + ")"};
}

Result<double> estimateSeconds(const ModelJob& job, const ExportFormat& format,
                               const ModelHeader& header, const Executor& executor,
                               const TaskControl& control) {
  using Clock = std::chrono::steady_clock;
  constexpr double kEnough = 0.3;
  double weights = 0;
  for (const TensorInfo& info : header.tensors) weights += static_cast<double>(info.elements());
  double done = 0;
  double seconds = 0;
  for (const TensorInfo& info : header.tensors) {
    if (seconds >= kEnough) break;
    const Clock::time_point begin = Clock::now();
    const auto tensor = job.load(info, control);
    if (!tensor) return tensor.error();
    const auto made = quantizeTensor(**tensor, header.plan.specFor(info.name), {false, &format},
                                     executor, control);
    if (!made) return made.error();
    seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    done += static_cast<double>((*tensor)->elements());
  }
  return done == 0 ? 0 : seconds * weights / done;
}

Result<RemedyCost> costOf(const Remedy& remedy, const Finding& finding, const ModelJob& job,
                          const ExportFormat& format, const ModelHeader& header,
                          const Executor& executor, const TaskControl& control) {
  ModelHeader mended = header;
  if (!take(job, format, mended, finding, remedy)) {
    return Error{ErrorCode::NotFound, finding.subject + ": is no tensor of the export"};
  }
  RemedyCost cost;
  if (format.sizeOf != nullptr) {
    const auto before = format.sizeOf(header);
    const auto after = format.sizeOf(mended);
    if (before && after) {
      cost.bytes = static_cast<std::int64_t>(*after) - static_cast<std::int64_t>(*before);
    }
  }
  if (remedy.kind == Remedy::Kind::KeepFloat) {
    cost.decibels = std::numeric_limits<double>::infinity();
    return cost;
  }
  const auto info =
      std::find_if(header.tensors.begin(), header.tensors.end(),
                   [&](const TensorInfo& known) { return known.name == finding.subject; });
  const auto tensor = job.load(*info, control);
  if (!tensor) return tensor.error();
  const auto before = decibelsOf(**tensor, header.plan.specFor(finding.subject), executor, control);
  if (!before) return before.error();
  const auto after = decibelsOf(**tensor, remedy.spec, executor, control);
  if (!after) return after.error();
  cost.decibels = *after - *before;
  return cost;
}

}  // namespace quantoscope
