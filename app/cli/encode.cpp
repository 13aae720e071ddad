// encode: codes with scales that are given.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/exporting/formats/native_file.h"
#include "core/quant/weight_only.h"

namespace quantoscope::cli {

namespace {

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
  if (parts.path.empty()) return wrongUsage(option + " " + where + ": must be FILE::PATH");
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
                     std::to_string(matrix->cols) + "; must be " + std::to_string(layout.rows) +
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
  if (!isPublished(spec->dtype)) {
    return wrongUsage(std::string("--dtype ") + nameOf(spec->dtype) + ": encode knows " +
                      formatNames(&NumberFormat::isPublished));
  }
  if (options.spec.clipGiven()) return wrongUsage("--clip: encode takes the scales as given");
  if (spec->doubleQuant) return wrongUsage("--double-quant: encode takes the scales as given");
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
  std::vector<std::string> header = {"tensor"};
  appendHeadings(header, TableRoom::Narrow);
  std::vector<std::string> row = {target->tensor};
  appendCells(row, native->metrics, TableRoom::Narrow);
  context.out() << tableText(header, {row});
  context.note("wrote " + options.out);
  return kDone;
}

}  // namespace

Verb addEncode(CLI::App& verb) {
  auto options = std::make_shared<EncodeOptions>();
  verb.add_option("FILE", options->file, "a weight file, or FILE::/TENSOR")->required();
  verb.add_option("TENSOR", options->tensor, "a name as list prints it");
  verb.add_option("--scale", options->scale, "FILE::PATH of the scales, rows x groups")->required();
  verb.add_option("--zero-point", options->zeroPoint, "FILE::PATH of the zero points");
  verb.add_option("--out", options->out, "the file to write")->required();
  options->spec.addTo(verb);
  return [options](const Context& context) { return encode(*options, context); };
}

}  // namespace quantoscope::cli
