// list: what a file holds.
#include <CLI/CLI.hpp>

#include "app/cli/report.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/text.h"
#include "core/io/model/completeness.h"

namespace quantoscope::cli {

namespace {

struct ListOptions {
  std::string file;
  bool all = false;
  bool json = false;
};

Json gapsJson(const Completeness& found) {
  Json::Array gaps;
  for (const Gap& gap : found.gaps) {
    gaps.push_back(Json::object({{"reason", gap.reason}, {"arrays", Json::arrayOf(gap.arrays)}}));
  }
  return gaps;
}

/// What is to be said of checksums; nothing where there are none.
std::string checksumText(const TensorSource& source) {
  if (source.integrity() == Integrity::NoChecksums) return {};
  return std::string(", checksums ") + nameOf(source.integrity());
}

Result<int> list(const ListOptions& options, const Context& context) {
  auto source = context.open(options.file);
  if (!source) return source.error();
  Json::Array array;
  std::vector<std::vector<std::string>> rows;
  for (const TensorInfo& info : (*source)->tensors()) {
    if (!info.quantizable && !options.all) continue;
    array.push_back(toJson(info));
    const std::string matrix =
        info.quantizable ? std::to_string(info.rows) + "x" + std::to_string(info.cols) : "-";
    const bool unknown = info.dtype.empty() && info.shape.empty();
    rows.push_back({info.name, unknown ? "-" : shapeText(info.shape), info.dtype, matrix,
                    formatBytes(static_cast<double>(info.bytes)), info.layer});
    if (options.all) rows.back().push_back(info.reason);
  }
  const Completeness found = completenessOf((*source)->tensors());
  if (options.json) {
    context.print(Json::object({{"file", options.file},
                                {"format", (*source)->format()},
                                {"arrays", static_cast<std::uint64_t>(found.arrays)},
                                {"missing", static_cast<std::uint64_t>(found.missing)},
                                {"gaps", gapsJson(found)},
                                {"checksums", nameOf((*source)->integrity())},
                                {"tensors", std::move(array)}}));
    return kDone;
  }
  std::vector<std::string> header = {"tensor", "stored", "dtype", "out x in", "size", "layer"};
  if (options.all) header.emplace_back("reason");
  context.out() << tableText(header, rows);
  context.note(options.file + ": " + (*source)->format() + ", " + std::to_string(rows.size()) +
               (options.all ? " arrays" : " tensors that can be quantized") +
               checksumText(**source));
  noteGaps(**source, context);
  return kDone;
}

}  // namespace

Verb addList(CLI::App& verb) {
  auto options = std::make_shared<ListOptions>();
  verb.add_option("FILE", options->file, "a weight file")->required();
  verb.add_flag("--all", options->all, "also list what cannot be quantized, with the reason");
  verb.add_flag("--json", options->json, "print JSON");
  return [options](const Context& context) { return list(*options, context); };
}

}  // namespace quantoscope::cli
