#include "app/cli/context.h"

#include <filesystem>
#include <signal.h>
#include <unistd.h>

#include "core/base/output_place.h"
#include "core/base/printable.h"
#include "core/io/model/completeness.h"
#include "core/io/model_file.h"
#include "core/io/reader/remote_container.h"

namespace quantoscope::cli {

namespace {

const CancelToken* g_cancel = nullptr;

void onSignal(int) {
  g_cancel->cancel();  // an atomic store: all that a signal handler may do
}

void catchSignals() {
  struct sigaction action = {};
  action.sa_handler = onSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Status checkIsNoInput(const std::string& output, const std::vector<std::string>& inputs) {
  if (!inputAt(output, inputs)) return ok();
  return Error{
      ErrorCode::OutputFailed,
      output + ": is read here, and what is read is never overwritten; choose another --out"};
}

}  // namespace

Context::Context(const GeneralOptions& options)
    : options_(options),
      executor_(options.threads),
      showsProgress_(!options.quiet && isatty(STDERR_FILENO) != 0) {
  static const CancelToken cancel = cancel_;
  g_cancel = &cancel;
  catchSignals();
}

TaskControl Context::control(const std::string& what) const {
  TaskControl control;
  control.cancel = cancel_;
  if (showsProgress_) {
    constexpr std::size_t kOneLine = 100;
    control.progress = [what = printable(shortened(what, kOneLine)), last = -1](
                           std::uint64_t done, std::uint64_t total) mutable {
      const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
      if (percent == last) return;
      last = percent;
      std::cerr << "\r\033[K" << what << ": " << percent << " %" << std::flush;
    };
  }
  return control;
}

ModelControl Context::modelControl() const {
  return {cancel_, [this](const TensorInfo& tensor, std::size_t, std::size_t) {
            return control(tensor.name).progress;
          }};
}

OpenOptions Context::openOptions() const {
  OpenOptions options;
  options.allowOutside = options_.allowExternal;
  options.wordsAreBFloat16 = options_.bfloat16;
  options.control.cancel = cancel_;
  return options;
}

Result<SharedContainer> Context::openStored(const std::string& file) const {
  const auto path = modelFileOf(file);
  if (!path) return path.error();
  OpenOptions options = openOptions();
  options.asStored = true;
  return openRemoteContainer(*path, options);
}

Result<SharedSource> Context::open(const std::string& file) const {
  auto source = openTensorSource(file, openOptions());
  if (!source) return source;
  for (const std::string& line : (*source)->notes()) note(file + ": " + line);
  for (const std::string& output : outputs_) {
    if (auto status = checkIsNoInput(output, (*source)->files()); !status) return status.error();
  }
  return source;
}

void Context::note(const std::string& line) const {
  if (options_.quiet) return;
  clearProgress();
  std::cerr << printable(line) << "\n";
}

void Context::noteQuantized(const TensorSource& source) const {
  const std::size_t count = countQuantized(source);
  if (count == 0) return;
  note("note: " + source.path() + ": " + source.format() + "; " + std::to_string(count) +
       (count == 1 ? " tensor is" : " tensors are") + " quantized already and left out");
}

void Context::clearProgress() const {
  if (showsProgress_) std::cerr << "\r\033[K" << std::flush;
}

Status Context::checkOutput(const std::string& path, const std::vector<std::string>& inputs) const {
  std::vector<std::string> files;
  for (const std::string& input : inputs) {
    if (!input.empty()) files.push_back(splitFileAndPath(input).file);
  }
  if (auto status = checkIsNoInput(path, files); !status) return status;
  outputs_.push_back(path);
  std::error_code ignored;
  if (options_.force || !std::filesystem::exists(path, ignored)) return ok();
  return Error{ErrorCode::OutputFailed, path + ": already exists; use --force to overwrite"};
}

IntegrityCheck::IntegrityCheck(SharedSource source, const Context& context)
    : source_(std::move(source)),
      cancel_([ctrlC = context.control("").cancel] { return ctrlC.cancelled(); }) {
  if (source_->bytesToVerify() == 0) return;
  checked_ = std::async(std::launch::async, [this] { return source_->verify({cancel_, {}}); });
}

IntegrityCheck::~IntegrityCheck() {
  cancel_.cancel();
}

Result<Integrity> IntegrityCheck::state() {
  constexpr std::uint64_t kSmall = std::uint64_t{16} << 20;  // takes some milliseconds
  if (!checked_.valid()) {
    if (source_->integrity() != Integrity::NotYet) return source_->integrity();
    checked_ = std::async(std::launch::deferred, [this] { return source_->verify({cancel_, {}}); });
  } else if (source_->bytesToVerify() > kSmall) {
    cancel_.cancel();
  }
  const Status status = checked_.get();
  if (status || status.error().code == ErrorCode::Cancelled) return source_->integrity();
  return status.error();
}

void noteGaps(const TensorSource& source, const Context& context) {
  const Completeness found = completenessOf(source.tensors());
  if (!found.isComplete()) context.note(source.path() + ": is incomplete: " + found.line());
}

Result<Target> targetOf(const std::string& file, const std::string& tensor) {
  if (!tensor.empty()) return Target{file, tensor};
  const FileAndPath parts = splitFileAndPath(file);
  if (parts.path.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 file + ": no tensor given; write FILE TENSOR or FILE::/TENSOR"};
  }
  const bool absolute = parts.path.starts_with('/');
  return Target{parts.file, absolute ? parts.path.substr(1) : parts.path};
}

Result<std::shared_ptr<const WeightTensor>> loadTensor(const Context& context,
                                                       const TensorSource& source,
                                                       const TensorInfo& info,
                                                       Orientation orientation) {
  if (!info.quantizable) {
    const char* remedy = info.refused           ? "; use --allow-external to allow it"
                         : info.perhapsBFloat16 ? "; use --bfloat16 to read it as bfloat16"
                                                : "";
    return Error{ErrorCode::DoesNotFit,
                 source.path() + ": " + info.name + ": " + info.reason + remedy};
  }
  auto tensor = source.load(info, orientation, context.control("reading " + info.name));
  context.clearProgress();
  if (!tensor) return tensor.error();
  return std::make_shared<const WeightTensor>(std::move(*tensor));
}

TensorLoader loaderOf(const Context& context, SharedSource source, Orientation orientation) {
  return [&context, source = std::move(source), orientation](const TensorInfo& info,
                                                             const TaskControl&) {
    return loadTensor(context, *source, info, orientation);
  };
}

Result<std::shared_ptr<const Importance>> loadImportance(const Context& context,
                                                         const std::string& where,
                                                         const WeightTensor& tensor) {
  if (where.empty()) return std::shared_ptr<const Importance>();
  const std::string name = "--importance " + where;
  const FileAndPath parts = splitFileAndPath(where);
  if (parts.path.empty()) {
    return Error{ErrorCode::InvalidArgument, name + ": must be FILE::PATH of an existing file"};
  }
  auto source = context.open(parts.file);
  if (!source) return source.error();
  if (auto status = (*source)->verify(context.control("")); !status) return status.error();
  auto matrix = (*source)->loadMatrix(parts.path);
  if (!matrix) return matrix.error();
  auto importance = Importance::of(std::move(matrix->values), tensor.cols(), name);
  if (!importance) return importance.error();
  return std::make_shared<const Importance>(std::move(*importance));
}

Result<LoadedTensor> loadTarget(const Context& context, const Target& target,
                                Orientation orientation) {
  auto source = context.open(target.file);
  if (!source) return source.error();
  auto info = findTensor(**source, target.tensor);
  if (!info) return info.error();
  auto tensor = loadTensor(context, **source, *info, orientation);
  if (!tensor) return tensor.error();
  return LoadedTensor{*source, *tensor};
}

}  // namespace quantoscope::cli
