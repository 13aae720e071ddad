// What every verb of the command line needs: threads, cancellation, progress, output.
#pragma once

#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file_output.h"
#include "core/base/json.h"
#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/tensor_source.h"
#include "core/metrics/channels.h"
#include "core/model/model_job.h"
#include "core/parallel/executor.h"

namespace quantoscope::cli {

/// The options that every verb has.
struct GeneralOptions {
  int threads = 0;
  bool quiet = false;          ///< no notes and no progress
  bool force = false;          ///< an existing output may be replaced
  bool allowExternal = false;  ///< what OpenOptions::allowOutside allows
  bool bfloat16 = false;       ///< OpenOptions::wordsAreBFloat16
  bool partial = false;        ///< Gaps::Allowed
};

/// One run of the program.
class Context {
 public:
  /// Catches SIGINT and SIGTERM from here on: they cancel `control()`.
  explicit Context(const GeneralOptions& options);

  const Executor& executor() const { return executor_; }
  bool force() const { return options_.force; }
  Gaps gaps() const { return options_.partial ? Gaps::Allowed : Gaps::Refused; }

  /// Cancelled by Ctrl-C; shows progress on stderr, labelled `what`, when that is a terminal.
  TaskControl control(const std::string& what) const;

  /// The same for work on a model: progress is labelled with the tensor's name.
  ModelControl modelControl() const;

  /// Opens a weight file as the options allow; cancelled by Ctrl-C. OutputFailed where it, or a
  /// file that it names as a part of the model, is a path that checkOutput() has let pass.
  Result<SharedSource> open(const std::string& file) const;

  /// The same file with the arrays of quantized tensors as they are stored.
  Result<SharedContainer> openStored(const std::string& file) const;

  /// Text for people on stdout.
  std::ostream& out() const { return std::cout; }
  void print(const Json& json) const { std::cout << json.text() << "\n"; }

  /// Prints a line on stderr that is not an error; silent with --quiet.
  void note(const std::string& line) const;

  /// Where a result goes; what is there is replaced only with --force, whoever made it meanwhile.
  OutputPath output(const std::string& path) const {
    return {path, options_.force ? Existing::Replaced : Existing::Kept};
  }
  /// Notes how many tensors of a model the verb leaves out because they are quantized already.
  void noteQuantized(const TensorSource& source) const;

  /// Erases the progress line.
  void clearProgress() const;

  /// Whether `path` may be written: OutputFailed where it is one of the inputs, with --force too
  /// (see inputAt()), or where it exists and --force is absent. `inputs` are all that the verb will
  /// read, FILE or FILE::PATH; empty ones stand for options that were not given.
  Status checkOutput(const std::string& path, const std::vector<std::string>& inputs) const;

 private:
  OpenOptions openOptions() const;

  GeneralOptions options_;
  Executor executor_;
  CancelToken cancel_;
  bool showsProgress_ = false;
  mutable std::vector<std::string> outputs_;  ///< what is to be written
};

/// The error for options that cannot work, whatever the file; exit status kWrongUsage.
inline Error wrongUsage(const std::string& message) {
  return {ErrorCode::InvalidArgument, message};
}

/// The error; if it is of this kind, with a hint at what helps on the command line.
inline Error withHint(Error error, ErrorCode code, const std::string& hint) {
  if (error.code == code) error.message += "; " + hint;
  return error;
}

/// Compares the checksums of a source that a tensor is shown of, while that is worked on. One that
/// is small is compared whatever happens; of another, state() may end as not yet checked.
class IntegrityCheck {
 public:
  IntegrityCheck(SharedSource source, const Context& context);
  ~IntegrityCheck();
  IntegrityCheck(const IntegrityCheck&) = delete;
  IntegrityCheck& operator=(const IntegrityCheck&) = delete;

  /// When all work is done: how far it came. UnreadableFile names the file and what is damaged.
  Result<Integrity> state();

 private:
  SharedSource source_;
  CancelToken cancel_;
  std::future<Status> checked_;
};

/// Says on stderr which arrays a model lacks, if any.
void noteGaps(const TensorSource& source, const Context& context);

/// A file and the tensor in it, as two words or as FILE::/tensor.
struct Target {
  std::string file;
  std::string tensor;
};

/// InvalidArgument where no tensor is named.
Result<Target> targetOf(const std::string& file, const std::string& tensor);

/// An opened file, one of its tensors, and the weights.
struct LoadedTensor {
  SharedSource source;
  std::shared_ptr<const WeightTensor> tensor;
};
Result<LoadedTensor> loadTarget(const Context& context, const Target& target,
                                Orientation orientation);

/// The importance that --importance FILE::PATH names, for this tensor; null where `where` is empty.
Result<std::shared_ptr<const Importance>> loadImportance(const Context& context,
                                                         const std::string& where,
                                                         const WeightTensor& tensor);

/// A tensor of an opened file. DoesNotFit, with the reason, where it cannot be quantized.
Result<std::shared_ptr<const WeightTensor>> loadTensor(const Context& context,
                                                       const TensorSource& source,
                                                       const TensorInfo& info,
                                                       Orientation orientation);

/// The same for work on a model. `context` outlives the loader.
TensorLoader loaderOf(const Context& context, SharedSource source, Orientation orientation);

}  // namespace quantoscope::cli
