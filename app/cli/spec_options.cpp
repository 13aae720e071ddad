#include "app/cli/spec_options.h"

#include <CLI/CLI.hpp>
#include <limits>

#include "app/cli/context.h"
#include "core/base/input_file.h"
#include "core/base/text.h"

namespace quantoscope::cli {

namespace {

/// 256 levels and codes take a few KiB, however they are written.
constexpr std::uint64_t kMostCodebookBytes = std::uint64_t{1} << 20;

template <typename T>
Status readInteger(const char* option, const std::string& text, T& value) {
  const auto number = parseInteger(text);
  if (!number || *number < std::numeric_limits<T>::min() ||
      *number > std::numeric_limits<T>::max()) {
    return wrongUsage(std::string(option) + " " + text + ": must be an integer");
  }
  value = static_cast<T>(*number);
  return ok();
}

std::string orientationHelp() {
  std::vector<std::string> names;
  for (const NamedOrientation& row : kOrientations) names.emplace_back(row.name);
  return "which axis holds the output channels: " + join(names, ", ");
}

/// Assigns a parsed value, or passes the error on.
template <typename T>
Status take(Result<T> parsed, T& value) {
  if (!parsed) return parsed.error();
  value = *parsed;
  return ok();
}

}  // namespace

void SpecOptions::addTo(CLI::App& verb) {
  const std::string group = "Specification";
  const auto option = [&](const char* name, std::string& value, const std::string& help) {
    return verb.add_option(name, value, help)->capture_default_str()->group(group);
  };
  dtypeOption_ = option("--dtype", dtype_, formatNames(&NumberFormat::isNamed));
  bitsOption_ = option("--bits", bits_, "1 to 8; int only");
  groupSizeOption_ = option("--group-size", groupSize_, "weights that share a scale; -1: a row");
  schemeOption_ = option("--scheme", scheme_, "int only: sym, asym");
  fullRangeOption_ = verb.add_flag("--full-range", fullRange_,
                                   "sym only: the largest magnitude uses the lowest code")
                         ->group(group);
  halfRangeOption_ =
      verb.add_flag("--half-range", halfRange_,
                    "sym only: the largest magnitude maps to half the number of steps")
          ->group(group);
  codebookOption_ =
      verb.add_option("--codebook", codebook_, "your own number format: JSON with \"levels\"")
          ->group(group);
  clipOption_ = option("--clip", clip_,
                       "a ratio, or one of: none, search, search-rows, search-groups, optimal");
  ratiosOption_ = option("--ratios", ratios_, "FROM:TO:COUNT of a clip search");
  doubleQuantOption_ =
      verb.add_flag("--double-quant", doubleQuant_, "quantize the scales as well")->group(group);
  dqDtypeOption_ =
      option("--double-quant-dtype", dqDtype_,
             "number format of the scales: " + formatNames(&NumberFormat::isPublished));
  dqBitsOption_ = option("--double-quant-bits", dqBits_, "bits of a scale");
  dqSchemeOption_ = option("--double-quant-scheme", dqScheme_,
                           "of the scales; asym subtracts the mean first: sym, asym");
  dqGroupSizeOption_ = option("--double-quant-group-size", dqGroupSize_, "scales in a group");
  computeOption_ = option("--compute", compute_,
                          "arithmetic for 16-bit weights, stored: in their own type, as "
                          "neural-compressor does: float32, stored");
  verb.add_option("--orientation", orientation_, orientationHelp())
      ->capture_default_str()
      ->group(group);
}

void SpecOptions::addImportanceTo(CLI::App& verb) {
  verb.add_option("--importance", importance_,
                  "FILE::PATH of one weight per input channel: searches minimise the weighted "
                  "error")
      ->group("Specification");
}

bool SpecOptions::has(const CLI::Option* option) const {
  return option->count() > 0;
}

bool SpecOptions::given() const {
  for (const CLI::Option* option :
       {dtypeOption_, bitsOption_, groupSizeOption_, schemeOption_, fullRangeOption_,
        halfRangeOption_, codebookOption_, clipOption_, ratiosOption_, doubleQuantOption_,
        dqDtypeOption_, dqBitsOption_, dqSchemeOption_, dqGroupSizeOption_, computeOption_}) {
    if (has(option)) return true;
  }
  return false;
}

bool SpecOptions::schemeGiven() const {
  return has(schemeOption_);
}

bool SpecOptions::clipGiven() const {
  return has(clipOption_);
}

Status SpecOptions::checkCodebook(const QuantSpec& spec) const {
  if (!spec.isFloat()) return ok();
  for (const auto& [option, name] :
       {std::pair{schemeOption_, "--scheme"}, std::pair{fullRangeOption_, "--full-range"},
        std::pair{halfRangeOption_, "--half-range"}}) {
    if (has(option)) {
      return wrongUsage(std::string(name) + " with --dtype " + nameOf(spec.dtype) +
                        ": allowed only with --dtype int");
    }
  }
  return ok();
}

Result<std::optional<DoubleQuant>> SpecOptions::doubleQuant() const {
  if (!doubleQuant_) {
    for (const CLI::Option* option :
         {dqDtypeOption_, dqBitsOption_, dqSchemeOption_, dqGroupSizeOption_}) {
      if (has(option)) {
        return wrongUsage(option->get_name() + ": needs --double-quant");
      }
    }
    return std::optional<DoubleQuant>();
  }
  DoubleQuant dq;
  for (const Status& status :
       {take(parseDtype(dqDtype_), dq.dtype), readInteger("--double-quant-bits", dqBits_, dq.bits),
        take(parseScheme(dqScheme_), dq.scheme),
        readInteger("--double-quant-group-size", dqGroupSize_, dq.groupSize)}) {
    if (!status) return status.error();
  }
  return std::optional<DoubleQuant>(dq);
}

Result<NamedCodebook> SpecOptions::codebook() const {
  if (!has(codebookOption_)) return NamedCodebook{};
  if (has(dtypeOption_) && dtype_ != nameOf(Dtype::Codebook)) {
    return wrongUsage("--codebook with --dtype " + dtype_ +
                      ": leave --dtype out, or use --dtype codebook");
  }
  const auto text = readWholeFile(codebook_, kMostCodebookBytes);
  if (!text) return text.error();
  auto levels = codebookFromText(*text, codebook_);
  if (levels) levels->source = codebook_;
  return levels;
}

Result<QuantSpec> SpecOptions::spec() const {
  QuantSpec spec;
  for (const Status& status :
       {take(parseDtype(dtype_), spec.dtype), readInteger("--bits", bits_, spec.bits),
        readInteger("--group-size", groupSize_, spec.groupSize),
        take(parseScheme(scheme_), spec.scheme), take(ClipPolicy::parse(clip_), spec.clip),
        take(RatioGrid::parse(ratios_), spec.grid), take(parseCompute(compute_), spec.compute)}) {
    if (!status) return status.error();
  }
  spec.fullRange = fullRange_;
  spec.halfRange = halfRange_;
  auto levels = codebook();
  if (!levels) return levels.error();
  if (levels->book) spec.dtype = Dtype::Codebook;
  spec.codebook = *levels;
  if (!has(bitsOption_)) spec.bits = prescribedBits(spec.dtype, spec.codebook).value_or(spec.bits);
  if (!has(groupSizeOption_)) {
    spec.groupSize = prescribedGroupSize(spec.dtype).value_or(spec.groupSize);
  }
  if (auto status = checkCodebook(spec); !status) return status.error();
  auto dq = doubleQuant();
  if (!dq) return dq.error();
  spec.doubleQuant = *dq;
  if (auto status = spec.validate(); !status) return status.error();
  return spec;
}

Result<Orientation> SpecOptions::orientation() const {
  return parseOrientation(orientation_);
}

}  // namespace quantoscope::cli
