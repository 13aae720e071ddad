// verify: an exported, quantized file against what it was made of.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <map>

#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/model/verify_model.h"

namespace quantoscope::cli {

namespace {

struct VerifyOptions {
  std::string original;
  std::string exported;
  bool best = false;
  bool json = false;
};

constexpr std::string_view kNoOriginal = "-";

Json alarmJson(const Alarm& alarm) {
  Json evidence = Json::object();
  for (const auto& [key, value] : alarm.evidence) evidence.set(key, value);
  return Json::object({{"id", alarm.id},
                       {"tensor", alarm.tensor},
                       {"sentence", alarm.sentence},
                       {"evidence", std::move(evidence)}});
}

Json optionalJson(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json recipeJson(const Recipe& recipe) {
  Json::Array candidates;
  for (const Convention convention : recipe.candidates) {
    candidates.emplace_back(rowOf(convention).key);
  }
  return Json::object({{"scheme", nameOf(recipe.scheme)},
                       {"convention", rowOf(recipe.convention).key},
                       {"candidates", std::move(candidates)},
                       {"clipping", nameOf(recipe.clipping)},
                       {"clip_ratio", optionalJson(recipe.ratio)},
                       {"least_clip_ratio", optionalJson(recipe.leastRatio)},
                       {"greatest_clip_ratio", optionalJson(recipe.greatestRatio)},
                       {"rounding", nameOf(recipe.rounding)},
                       {"differing_codes", optionalJson(recipe.differingCodes)},
                       {"zeros_that_follow", optionalJson(recipe.zerosThatFollow)},
                       {"global_numerator", optionalJson(recipe.globalNumerator)},
                       {"act_order", recipe.actOrder},
                       {"line", recipe.line()}});
}

Json bestJson(const TensorAudit& tensor) {
  if (!tensor.best) return {};
  return Json::object({{"spec", toJson(tensor.best->spec)},
                       {"sqnr_db", tensor.best->metrics.sqnrDb},
                       {"lost_db", tensor.best->lostDb}});
}

Json tensorJson(const TensorAudit& tensor) {
  Json::Array ids;
  for (const Alarm& alarm : tensor.alarms) ids.emplace_back(alarm.id);
  return Json::object({{"tensor", tensor.name},
                       {"original", tensor.originalName},
                       {"format", tensor.info.format},
                       {"detail", tensor.info.detail},
                       {"rows", static_cast<std::uint64_t>(tensor.info.rows)},
                       {"cols", static_cast<std::uint64_t>(tensor.info.cols)},
                       {"bits", tensor.info.bits},
                       {"group_size", static_cast<std::int64_t>(tensor.info.groupSize)},
                       {"scale_type", tensor.info.scaleType},
                       {"bytes", tensor.bytes},
                       {"bits_per_weight", tensor.bitsPerWeight},
                       {"metrics", tensor.metrics ? toJson(*tensor.metrics) : Json()},
                       {"recipe", recipeJson(tensor.recipe)},
                       {"best", bestJson(tensor)},
                       {"no_best", tensor.noBest},
                       {"alarms", std::move(ids)},
                       {"remarks", Json::arrayOf(tensor.remarks)}});
}

/// Those of the model, then those of its tensors.
std::vector<Alarm> allAlarms(const Audit& audit) {
  std::vector<Alarm> all = audit.alarms;
  for (const TensorAudit& tensor : audit.tensors) {
    all.insert(all.end(), tensor.alarms.begin(), tensor.alarms.end());
  }
  return all;
}

Json auditJson(const Audit& audit, const VerifyOptions& options, const std::string& format) {
  Json::Array alarms, tensors;
  for (const Alarm& alarm : allAlarms(audit)) alarms.push_back(alarmJson(alarm));
  for (const TensorAudit& tensor : audit.tensors) tensors.push_back(tensorJson(tensor));
  return Json::object({{"original", options.original},
                       {"exported", options.exported},
                       {"format", format},
                       {"holds", audit.holds()},
                       {"alarms", std::move(alarms)},
                       {"tensors", std::move(tensors)},
                       {"missing", Json::arrayOf(audit.missing)},
                       {"extra", Json::arrayOf(audit.extra)},
                       {"equal", Json::arrayOf(audit.equal)},
                       {"different", Json::arrayOf(audit.different)},
                       {"notes", Json::arrayOf(audit.notes)}});
}

std::string auditTable(const Audit& audit) {
  std::vector<std::string> header = {"tensor", "out x in", "bits", "group", "bits/weight"};
  appendHeadings(header, TableRoom::Narrow);
  header.insert(header.end(), {"left dB", "alarms"});
  std::vector<std::vector<std::string>> rows;
  for (const TensorAudit& tensor : audit.tensors) {
    std::vector<std::string> row = {
        tensor.name, std::to_string(tensor.info.rows) + "x" + std::to_string(tensor.info.cols),
        std::to_string(tensor.info.bits), std::to_string(tensor.info.groupSize),
        formatRounded(tensor.bitsPerWeight)};
    appendCells(row, tensor.metrics, TableRoom::Narrow);
    row.push_back(tensor.best ? formatRounded(tensor.best->lostDb, 2) : "-");
    row.push_back(std::to_string(tensor.alarms.size()));
    rows.push_back(std::move(row));
  }
  return tableText(header, rows);
}

/// Lines that several tensors share, once each, with their number, or the name of the only one.
std::string sharedLines(const Audit& audit,
                        const std::function<std::string(const TensorAudit&)>& lineOf) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> names;
  for (const TensorAudit& tensor : audit.tensors) {
    const std::string line = lineOf(tensor);
    if (line.empty()) continue;
    if (names[line].empty()) order.push_back(line);
    names[line].push_back(tensor.name);
  }
  std::string text;
  for (const std::string& line : order) {
    const auto& of = names[line];
    text += of.size() == 1 ? of.front() : std::to_string(of.size()) + " tensors";
    text += ": " + line + "\n";
  }
  return text;
}

std::string countLine(const char* what, const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 5;
  if (names.empty()) return "";
  const std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, names.size())));
  return std::to_string(names.size()) + " " + what + ": " + join(first, ", ") +
         (names.size() > kNamed ? ", ...\n" : "\n");
}

std::string auditText(const Audit& audit) {
  std::string text = auditTable(audit) + "\n";
  text += sharedLines(audit, [](const TensorAudit& tensor) {
    return tensor.info.format + (tensor.info.detail.empty() ? "" : ", " + tensor.info.detail) +
           "; " + tensor.recipe.line();
  });
  text += sharedLines(audit, [](const TensorAudit& tensor) { return join(tensor.remarks, "; "); });
  text += sharedLines(audit, [](const TensorAudit& tensor) {
    return tensor.noBest.empty() ? "" : "not measured at its best: " + tensor.noBest;
  });
  text += countLine("not quantized and equal", audit.equal);
  text += countLine("not quantized and different", audit.different);
  text += countLine("missing", audit.missing);
  text += countLine("not in the original", audit.extra);
  for (const std::string& note : audit.notes) text += note + "\n";
  for (const Alarm& alarm : allAlarms(audit)) {
    text += "alarm " + alarm.id + ": " + alarm.tensor + ": " + alarm.sentence + "\n";
  }
  const std::size_t count = audit.alarmCount();
  return text + (audit.holds() ? "holds\n"
                               : "does not hold: " + std::to_string(count) +
                                     (count == 1 ? " alarm\n" : " alarms\n"));
}

/// A source that is whole as far as its checksums say.
Result<SharedSource> openChecked(const std::string& file, const Context& context) {
  auto source = context.open(file);
  if (!source) return source;
  if (auto status = (*source)->verify(context.control("checking")); !status) return status.error();
  noteGaps(**source, context);
  return source;
}

Result<Audit> auditFiles(const VerifyOptions& options, const Context& context,
                         const SharedSource& original, const SharedSource& exported) {
  const auto stored = context.openStored(options.exported);
  if (!stored) return stored.error();
  const auto packed = packedTensorsOf(**stored, context.control("looking for codes"));
  context.clearProgress();
  if (!packed) return packed.error();
  const auto isScaled = [](const TensorInfo& info) {
    return info.dtype.find(kTimesScales) != std::string::npos;
  };
  const auto& tensors = exported->tensors();
  if (packed->empty() && std::none_of(tensors.begin(), tensors.end(), isScaled)) {
    return Error{ErrorCode::DoesNotFit,
                 options.exported +
                     ": holds no quantized tensor that can be decoded; list --all "
                     "says what it holds"};
  }
  AuditOptions wanted;
  if (options.best) wanted.bestUpTo = std::numeric_limits<std::uint64_t>::max();
  auto audit = auditModel({original.get(), **stored, *packed, *exported}, wanted,
                          context.executor(), context.modelControl());
  context.clearProgress();
  if (!audit) return audit;
  for (const SharedSource& source : {original, exported}) {
    if (source == nullptr) continue;
    if (auto status = source->intact(); !status) return status.error();
  }
  return audit;
}

Result<int> verify(const VerifyOptions& options, const Context& context) {
  SharedSource original;
  if (options.original != kNoOriginal) {
    auto opened = openChecked(options.original, context);
    if (!opened) return opened.error();
    original = std::move(*opened);
  }
  const auto exported = openChecked(options.exported, context);
  if (!exported) return exported.error();
  const auto audit = auditFiles(options, context, original, *exported);
  if (!audit) return audit.error();
  if (options.json) {
    context.print(auditJson(*audit, options, (*exported)->format()));
  } else {
    context.out() << auditText(*audit);
  }
  return audit->holds() ? kDone : kDoesNotHold;
}

}  // namespace

Verb addVerify(CLI::App& verb) {
  auto options = std::make_shared<VerifyOptions>();
  verb.add_option("ORIGINAL", options->original,
                  "the weight file that was quantized; -: it is not known")
      ->required();
  verb.add_option("EXPORTED", options->exported, "a quantized file or folder")->required();
  verb.add_flag("--best", options->best,
                "measure what the same bits could have had at best for tensors of any size");
  verb.add_flag("--json", options->json, "print JSON");
  return [options](const Context& context) { return verify(*options, context); };
}

}  // namespace quantoscope::cli
