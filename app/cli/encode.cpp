// encode: codes with scales that are given.
#include <CLI/CLI.hpp>

#include "app/cli/report.h"
#include "app/cli/spec_options.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/exporting/formats/native_file.h"
#include "core/model/encode_tensor.h"
#include "core/model/export_model.h"

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
  if (auto status = (*source)->verify(context.control("")); !status) return status.error();
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

Result<int> encode(const EncodeOptions& options, const Context& context) {
  auto spec = encodingSpec(options);
  if (!spec) return spec.error();
  auto orientation = options.spec.orientation();
  if (!orientation) return orientation.error();
  auto target = targetOf(options.file, options.tensor);
  if (!target) return target.error();
  if (auto status = context.checkOutput(
          options.out,
          {target->file, options.scale, options.zeroPoint, options.spec.codebookFile()});
      !status) {
    return status.error();
  }
  auto loaded = loadTarget(context, *target, *orientation);
  if (!loaded) return loaded.error();
  const TensorSource& source = *loaded->source;
  if (auto status = proveWhole(source, context.gaps(), context.control("checking")); !status) {
    return status.error();
  }
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
  auto made = encodeTensor(tensor, *spec, std::move(*scale), std::move(zeroPoint));
  if (!made) return made.error();
  const CancelToken cancel = context.control("").cancel;
  const auto digest = source.digest(cancel);
  if (!digest) return digest.error();
  const ModelHeader model{target->file, digest->sha256, {tensor.info()}, {}, digest->files};
  const auto addIt = [&](TensorSink& sink) { return sink.add(*made); };
  const Status written = writeExport(nativeFormat(), model, context.output(options.out), addIt,
                                     context.executor(), cancel, &source);
  if (!written) return written.error();
  std::vector<std::string> header = {"tensor"};
  appendHeadings(header, TableRoom::Narrow);
  std::vector<std::string> row = {target->tensor};
  appendCells(row, made->metrics, TableRoom::Narrow);
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
