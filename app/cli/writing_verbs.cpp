// overview, quantize, encode: they write files.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>

#include "app/cli/exit_status.h"
#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "core/base/printable.h"
#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/exporting/formats/native_file.h"
#include "core/exporting/plan_file.h"
#include "core/model/measure_model.h"
#include "core/quant/weight_only.h"

namespace quantoscope::cli {

namespace {

Error wrongUsage(const std::string& message) {
  return {ErrorCode::InvalidArgument, message};
}

Result<std::string> fingerprint(const std::string& file, const Context& context) {
  const TaskControl control = context.control("");
  return sha256OfFile(file, [&control] { return control.cancel.cancelled(); });
}

struct OverviewOptions {
  std::string file;
  std::string out;
  bool json = false;
  SpecOptions spec;
};

std::vector<std::string> overviewRow(const OverviewEntry& entry) {
  std::vector<std::string> row = {
      entry.info.name, std::to_string(entry.info.rows) + "x" + std::to_string(entry.info.cols)};
  if (!entry.metrics) {
    row.insert(row.end(), {"-", "-", "-", entry.problem});
    return row;
  }
  row.push_back(formatRounded(entry.metrics->sqnrDb, 4));
  row.push_back(formatRounded(entry.metrics->mse, 4));
  row.push_back(entry.clipRatio ? formatRounded(*entry.clipRatio, 4) : "-");
  row.push_back(formatRounded(entry.bitsPerWeight, 4));
  return row;
}

Json overviewJson(const OverviewEntry& entry, const QuantSpec& spec) {
  return Json::object({{"tensor", entry.info.name},
                       {"spec", quantoscope::toJson(spec)},
                       {"best_ratio", entry.clipRatio ? Json(*entry.clipRatio) : Json()},
                       {"mse", entry.metrics ? Json(entry.metrics->mse) : Json()},
                       {"sqnr_db", entry.metrics ? Json(entry.metrics->sqnrDb) : Json()},
                       {"bits_per_weight", entry.bitsPerWeight},
                       {"problem", entry.problem}});
}

Result<std::vector<OverviewEntry>> measureAll(const TensorSource& source, const QuantSpec& spec,
                                              Orientation orientation, const Context& context) {
  std::vector<OverviewEntry> entries;
  for (const TensorInfo& info : source.tensors()) {
    if (!info.quantizable) continue;
    auto entry = measureTensor(source, info, spec, orientation, context.executor(),
                               context.control(info.name));
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  context.clearProgress();
  return entries;
}

Status printWorstCurve(const TensorSource& source, const OverviewEntry& worst,
                       const QuantSpec& spec, Orientation orientation, const Context& context) {
  auto tensor = source.load(worst.info, orientation);
  if (!tensor) return tensor.error();
  auto curve = clipCurveOf(*tensor, spec, context.executor(), context.control("searching"));
  context.clearProgress();
  if (!curve) return curve.error();
  context.out() << "\nThe clip curve of the tensor with the worst SQNR, "
                << printable(worst.info.name) << " (" << formatRounded(worst.metrics->sqnrDb, 4)
                << " dB):\n"
                << text(*curve);
  return ok();
}

Result<int> overview(const OverviewOptions& options, const Context& context) {
  auto spec = options.spec.spec();
  if (!spec) return spec.error();
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  if (!options.out.empty()) {
    if (auto status = context.checkOutput(options.out, options.file); !status) {
      return status.error();
    }
  }
  auto source = context.open(options.file);
  if (!source) return source.error();
  auto entries = measureAll(**source, *spec, *orientation, context);
  if (!entries) return entries.error();

  const auto worst = worstOf(*entries);
  if (options.json) {
    Json::Array array;
    for (const OverviewEntry& entry : *entries) array.push_back(overviewJson(entry, *spec));
    context.print(std::move(array));
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const OverviewEntry& entry : *entries) rows.push_back(overviewRow(entry));
    context.out() << options.file << ", " << describe(*spec) << "\n"
                  << tableText({"tensor", "out x in", "SQNR dB", "mse", "ratio", "bits/weight"},
                               rows);
    if (worst) {
      auto status = printWorstCurve(**source, (*entries)[*worst], *spec, *orientation, context);
      if (!status) return status.error();
    }
  }
  if (options.out.empty()) return kDone;
  auto sha256 = fingerprint(options.file, context);
  if (!sha256) return sha256.error();
  TuningPlan plan = planFrom(*entries, *spec);
  plan.sourceFile = options.file;
  plan.sourceSha256 = *sha256;
  if (auto status = writePlan(plan, options.out); !status) return status.error();
  return kDone;
}

struct QuantizeOptions {
  std::string file;
  std::vector<std::string> tensors;
  std::string plan;
  std::string out;
  bool withDequantized = false;
  SpecOptions spec;
};

/// The plan to follow: the one of --plan, or one that gives every tensor the spec of the options.
Result<TuningPlan> planOf(const QuantizeOptions& options, const TensorSource& source) {
  if (options.plan.empty()) {
    auto spec = options.spec.spec();
    if (!spec) return spec.error();
    TuningPlan plan;
    plan.defaultSpec = *spec;
    return plan;
  }
  if (options.spec.given()) {
    return wrongUsage("--plan: allowed without options of a specification, which it holds");
  }
  auto plan = readPlan(options.plan);
  if (!plan) return plan.error();
  for (const auto& [name, tensor] : plan->tensors) {
    if (auto info = findTensor(source, name); !info) {
      return Error{info.error().code, options.plan + ": " + info.error().message};
    }
  }
  return plan;
}

Result<std::vector<TensorInfo>> chosenTensors(const QuantizeOptions& options,
                                              const TensorSource& source) {
  std::vector<TensorInfo> chosen;
  if (options.tensors.empty()) {
    for (const TensorInfo& info : source.tensors()) {
      if (info.quantizable) chosen.push_back(info);
    }
    if (chosen.empty()) {
      return Error{ErrorCode::DoesNotFit, source.path() +
                                              ": holds nothing that can be quantized; "
                                              "list --all says why"};
    }
    return chosen;
  }
  for (const std::string& name : options.tensors) {
    auto info = findTensor(source, name);
    if (!info) return info.error();
    for (const TensorInfo& earlier : chosen) {
      if (earlier.name == info->name) return wrongUsage(name + ": is named twice");
    }
    chosen.push_back(*info);
  }
  return chosen;
}

Result<NativeTensor> quantizeOne(const WeightTensor& tensor, const QuantSpec& spec,
                                 const QuantizeOptions& options, const Context& context) {
  auto importance = loadImportance(context, options.spec.importance(), tensor);
  if (!importance) return importance.error();
  const Executor& executor = context.executor();
  const TaskControl control = context.control(tensor.info().name);
  auto health = healthOf(tensor, executor, control);
  if (!health) return health.error();
  if (!health->finite()) return notFiniteError(tensor.info().name, *health);
  auto choice = chooseClip(tensor, spec, executor, control,
                           *importance ? (*importance)->values() : std::span<const float>());
  if (!choice) return choice.error();
  auto codes = quantized(tensor, spec, choice->ratios, executor, control);
  if (!codes) return codes.error();
  auto sums = errorSumsOf(tensor, spec, codes->parameters, executor, control);
  if (!sums) return sums.error();

  NativeTensor native;
  native.info = tensor.info();
  native.metrics = ErrorMetrics::from(*sums);
  native.storage = storageCostOf(spec, tensor.rows(), tensor.cols());
  if (options.withDequantized) {
    auto values = dequantized(tensor, spec, codes->parameters, executor, control);
    if (!values) return values.error();
    native.dequantized = std::move(*values);
  }
  native.quantized = std::move(*codes);
  return native;
}

Result<int> quantize(QuantizeOptions options, const Context& context) {
  if (const FileAndPath parts = splitFileAndPath(options.file); !parts.path.empty()) {
    options.file = parts.file;
    options.tensors.insert(options.tensors.begin(),
                           parts.path.starts_with('/') ? parts.path.substr(1) : parts.path);
  }
  if (options.plan.empty()) {  // wrong options are told before anything is read
    if (auto spec = options.spec.spec(); !spec) return spec.error();
  }
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  if (auto status = context.checkOutput(options.out, options.file); !status) return status.error();
  auto source = context.open(options.file);
  if (!source) return source.error();
  auto plan = planOf(options, **source);
  if (!plan) return plan.error();
  auto chosen = chosenTensors(options, **source);
  if (!chosen) return chosen.error();
  auto sha256 = fingerprint(options.file, context);
  if (!sha256) return sha256.error();
  if (!plan->sourceSha256.empty() && plan->sourceSha256 != *sha256) {
    context.note("note: " + options.plan + " was made for another file than " + options.file);
  }

  auto writer = NativeFileWriter::create(options.out, {options.file, *sha256});
  if (!writer) return writer.error();
  std::vector<std::vector<std::string>> rows;
  for (const TensorInfo& info : *chosen) {
    auto tensor = loadTensor(context, **source, info, *orientation);
    if (!tensor) return tensor.error();
    const QuantSpec spec = plan->specFor(info.name);
    auto native = quantizeOne(**tensor, spec, options, context);
    context.clearProgress();
    if (!native) return native.error();
    if (auto status = (*writer)->add(*native); !status) return status.error();
    rows.push_back({info.name, describe(spec), formatRounded(native->metrics->sqnrDb, 4),
                    formatRounded(native->metrics->mse, 4),
                    formatRounded(native->storage->bitsPerWeight(), 4)});
  }
  if (context.control("").cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
  if (auto status = (*writer)->commit(); !status) return status.error();
  context.out() << tableText({"tensor", "specification", "SQNR dB", "mse", "bits/weight"}, rows);
  context.note("wrote " + options.out);
  return kDone;
}

struct EncodeOptions {
  std::string file;
  std::string tensor;
  std::string scale;
  std::string zeroPoint;
  std::string out;
  SpecOptions spec;
};

/// What codes from given scales decode to, against the weights.
ErrorMetrics metricsOf(const WeightTensor& tensor, const NativeTensor& native) {
  const GroupParameters& parameters = native.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  const Codebook* codebook = codecOf(native.quantized.spec).codebook;
  std::vector<float> scratch;
  const MatrixView w = tensor.block(0, tensor.rows(), scratch);
  Matrix y(w.rows, w.cols);
  std::visit(
      [&](const auto& codes) {
        for (std::size_t i = 0; i < codes.size(); ++i) {
          const std::size_t g = i / w.cols * layout.groupsPerRow() + i % w.cols / layout.groupSize;
          float level = static_cast<float>(codes[i]);
          if (codebook != nullptr) {
            const auto entry = std::find(codebook->codes.begin(), codebook->codes.end(), codes[i]);
            level = codebook->levels[static_cast<std::size_t>(entry - codebook->codes.begin())];
          } else if (!parameters.zeroPoint.empty()) {
            level -= parameters.zeroPoint[g];
          }
          y.values[i] = level * parameters.scale[g];
        }
      },
      native.quantized.codes);
  kernels::ErrorLanes lanes;
  kernels::ErrorPeak peak;
  kernels::activeKernels().addErrors({w.rows, w.cols, layout.groupSize}, w.data, y.values.data(),
                                     lanes, peak);
  ErrorSums sums;
  sums.add(lanes, peak, 0, w.rows * w.cols);
  return ErrorMetrics::from(sums);
}

/// An array named FILE::PATH, as [rows, groups]; one value a row may also stand as a vector.
Result<Matrix> loadParameters(const Context& context, const std::string& option,
                              const std::string& where, const GroupLayout& layout) {
  const FileAndPath parts = splitFileAndPath(where);
  if (parts.path.empty() && where.find("::") != std::string::npos) {
    return Error{ErrorCode::UnreadableFile, option + " " + where + ": no such file"};
  }
  if (parts.path.empty()) return wrongUsage(option + " " + where + ": allowed is FILE::PATH");
  auto source = context.open(parts.file);
  if (!source) return source.error();
  auto matrix = (*source)->loadMatrix(parts.path);
  if (!matrix) return matrix.error();
  if (matrix->rows == 1 && matrix->cols == layout.rows && layout.groupsPerRow() == 1) {
    std::swap(matrix->rows, matrix->cols);
  }
  if (matrix->rows != layout.rows || matrix->cols != layout.groupsPerRow()) {
    return Error{ErrorCode::DoesNotFit,
                 option + " " + where + ": has shape " + std::to_string(matrix->rows) + "x" +
                     std::to_string(matrix->cols) + "; allowed is " + std::to_string(layout.rows) +
                     "x" + std::to_string(layout.groupsPerRow()) + " (rows x groups)"};
  }
  return matrix;
}

/// Codes as 32-bit integers; DoesNotFit names the first that is none.
Result<std::vector<std::int32_t>> integerCodes(const Matrix& codes, const std::string& tensor) {
  std::vector<std::int32_t> integers;
  integers.reserve(codes.values.size());
  for (const float code : codes.values) {
    if (!(std::fabs(code) < 2147483648.0f)) {
      const std::size_t i = integers.size();
      return Error{ErrorCode::DoesNotFit,
                   tensor + ": the code at row " + std::to_string(i / codes.cols) + ", column " +
                       std::to_string(i % codes.cols) + " is " + formatNumber(code) +
                       " with this scale; codes must fit into 32 bits"};
    }
    integers.push_back(static_cast<std::int32_t>(code));
  }
  return integers;
}

Result<QuantSpec> encodingSpec(const EncodeOptions& options) {
  auto spec = options.spec.spec();
  if (!spec) return spec.error();
  if (spec->isFloat() && (!isPublished(spec->dtype))) {
    return wrongUsage(std::string("--dtype ") + nameOf(spec->dtype) +
                      ": encode knows int, nf4, fp4, fp4_e2m1_bnb, fp4_e2m1");
  }
  if (options.spec.clipGiven()) return wrongUsage("--clip: encode takes the scales as they are");
  if (spec->doubleQuant) return wrongUsage("--double-quant: encode takes the scales as they are");
  const bool hasZeroPoint = !options.zeroPoint.empty();
  if (spec->isFloat()) {
    if (hasZeroPoint) return wrongUsage("--zero-point: allowed only with --dtype int");
    return spec;
  }
  const bool asymmetric = spec->scheme == Scheme::Asym;
  if (options.spec.schemeGiven() && asymmetric != hasZeroPoint) {
    return wrongUsage(asymmetric ? "--scheme asym: needs --zero-point"
                                 : "--zero-point: allowed only with --scheme asym");
  }
  spec->scheme = hasZeroPoint ? Scheme::Asym : Scheme::Sym;
  return spec;
}

Result<NativeTensor> encodeWith(const WeightTensor& tensor, const QuantSpec& spec, Matrix scale,
                                std::optional<Matrix> zeroPoint) {
  std::vector<float> scratch;
  const MatrixView weights = tensor.block(0, tensor.rows(), scratch);
  auto codes = quant_weight_w_scale(weights, scale, zeroPoint, spec.groupSize, nameOf(spec.dtype));
  if (!codes) {
    return Error{codes.error().code, tensor.info().name + ": " + codes.error().message};
  }
  if (auto status = tensor.intact(); !status) return status.error();
  NativeTensor native;
  native.info = tensor.info();
  native.quantized.spec = spec;
  native.quantized.parameters.layout = layoutOf(spec, tensor.rows(), tensor.cols());
  native.quantized.parameters.scale = std::move(scale.values);
  if (zeroPoint) native.quantized.parameters.zeroPoint = std::move(zeroPoint->values);
  if (spec.isFloat()) {
    native.quantized.codes = std::vector<std::int8_t>(codes->values.begin(), codes->values.end());
    return native;
  }
  auto integers = integerCodes(*codes, tensor.info().name);
  if (!integers) return integers.error();
  native.quantized.codes = std::move(*integers);
  return native;
}

Result<int> encode(const EncodeOptions& options, const Context& context) {
  auto spec = encodingSpec(options);
  if (!spec) return spec.error();
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  auto target = targetOf(options.file, options.tensor);
  if (!target) return target.error();
  if (auto status = context.checkOutput(options.out, target->file); !status) return status.error();
  auto loaded = loadTarget(context, *target, *orientation);
  if (!loaded) return loaded.error();
  const WeightTensor& tensor = *loaded->tensor;
  const GroupLayout layout = layoutOf(*spec, tensor.rows(), tensor.cols());

  auto scale = loadParameters(context, "--scale", options.scale, layout);
  if (!scale) return scale.error();
  std::optional<Matrix> zeroPoint;
  if (!options.zeroPoint.empty()) {
    auto loadedZero = loadParameters(context, "--zero-point", options.zeroPoint, layout);
    if (!loadedZero) return loadedZero.error();
    zeroPoint = std::move(*loadedZero);
  }
  auto native = encodeWith(tensor, *spec, std::move(*scale), std::move(zeroPoint));
  if (!native) return native.error();
  native->metrics = metricsOf(tensor, *native);
  native->storage = storageCostOf(*spec, tensor.rows(), tensor.cols());
  auto sha256 = fingerprint(target->file, context);
  if (!sha256) return sha256.error();
  auto writer = NativeFileWriter::create(options.out, {target->file, *sha256});
  if (!writer) return writer.error();
  if (auto status = (*writer)->add(*native); !status) return status.error();
  if (auto status = (*writer)->commit(); !status) return status.error();
  context.out() << tableText({"tensor", "SQNR dB", "mse"},
                             {{target->tensor, formatRounded(native->metrics->sqnrDb, 4),
                               formatRounded(native->metrics->mse, 4)}});
  context.note("wrote " + options.out);
  return kDone;
}

}  // namespace

Verb addOverview(CLI::App& program) {
  auto options = std::make_shared<OverviewOptions>();
  CLI::App* verb = program.add_subcommand(
      "overview", "Quantize every tensor, show the errors, and write a plan");
  verb->add_option("FILE", options->file, "a weight file")->required();
  verb->add_option("--out", options->out, "the plan (JSON) to write");
  verb->add_flag("--json", options->json, "print JSON");
  options->spec.addTo(*verb);
  return [options](const Context& context) { return overview(*options, context); };
}

Verb addQuantize(CLI::App& program) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App* verb =
      program.add_subcommand("quantize", "Write quantized tensors to a native HDF5 file");
  verb->add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb->add_option("TENSOR", options->tensors, "names that list prints; all if none is given");
  verb->add_option("--plan", options->plan, "a plan in place of a specification");
  verb->add_option("--out", options->out, "the file to write")->required();
  verb->add_flag("--with-dequantized", options->withDequantized,
                 "also the dequantized weights, in the source's own shape");
  options->spec.addTo(*verb);
  options->spec.addImportanceTo(*verb);
  return [options](const Context& context) { return quantize(*options, context); };
}

Verb addEncode(CLI::App& program) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* verb = program.add_subcommand("encode", "Quantize a tensor with scales that are given");
  verb->add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb->add_option("TENSOR", options->tensor, "a name that list prints");
  verb->add_option("--scale", options->scale, "FILE::PATH of the scales, rows x groups")
      ->required();
  verb->add_option("--zero-point", options->zeroPoint, "FILE::PATH of the zero points");
  verb->add_option("--out", options->out, "the file to write")->required();
  options->spec.addTo(*verb);
  return [options](const Context& context) { return encode(*options, context); };
}

}  // namespace quantoscope::cli
