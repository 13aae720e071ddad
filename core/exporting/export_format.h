// An export format: a row of the table in registry.h, and a pair of files in formats/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_output.h"
#include "core/base/json.h"
#include "core/base/result.h"
#include "core/base/sha256.h"
#include "core/io/container/stored_file.h"
#include "core/metrics/error_metrics.h"
#include "core/parallel/executor.h"
#include "core/quant/quantizer.h"
#include "core/quant/storage_cost.h"
#include "core/quant/tuning_plan.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// One quantized tensor on its way into a file.
struct ExportTensor {
  TensorInfo info;
  QuantizedTensor quantized;
  std::optional<ErrorMetrics> metrics;  ///< of what the codes decode to
  std::optional<StorageCost> storage;
  std::vector<std::size_t> groupsWithoutScale = {};  ///< see the function of that name
  /// What the codes decode to, oriented like them, where the file is to hold that as well.
  std::optional<Matrix> dequantized;
};

/// A file beside the source that belongs to the model: a tokenizer, say.
struct CompanionFile {
  std::string name;  ///< a plain name
  std::string path;
};

/// What is known of an export before any tensor is quantized.
struct ModelHeader {
  std::string sourceFile;
  std::string sourceSha256;         ///< SourceDigest::sha256; empty for ExportContent::Plan
  std::vector<TensorInfo> tensors;  ///< those that will be added, in that order
  TuningPlan plan;                  ///< their specs: TuningPlan::specFor
  std::vector<FileDigest> sourceFiles = {};  ///< SourceDigest::files

  // What the rest of the model is, where all of it is exported; else empty.
  std::vector<TensorInfo> passed = {};         ///< arrays that stay as they are, passed behind the
                                               ///< others, in that order
  std::string sourceFormat = {};               ///< TensorSource::format()
  std::optional<Json> config = {};             ///< config.json beside the source
  std::vector<CompanionFile> companions = {};  ///< to be copied, config.json not among them
  /// TensorSource::contents(), for formats that write the source's own format again; or null.
  std::shared_ptr<const StoredFile> contents = {};
  std::string sourcePath = {};  ///< TensorSource::path(); sourceFile is what is told of it
};

/// A way to make a finding go away.
struct Remedy {
  enum class Kind {
    KeepFloat,  ///< the tensor is not quantized: it is passed as it is
    UseSpec,    ///< it gets another specification
  };

  Kind kind = Kind::KeepFloat;
  QuantSpec spec = {};  ///< Kind::UseSpec only

  static Remedy keepFloat() { return {}; }
  static Remedy use(const QuantSpec& spec) { return {Kind::UseSpec, spec}; }
  /// "leave it as it is", "use int4 g128 sym".
  std::string text() const;
  bool operator==(const Remedy&) const = default;
};

/// Something a target cannot carry as it is, or that a user should know.
struct Finding {
  enum class Severity {
    Note,     ///< the export goes on
    Usual,    ///< a refusal whose first remedy everybody takes, and which is taken unasked for
              ///< tensors that nobody chose a specification for: output heads stay in float
    Refusal,  ///< nothing is written
  };

  Severity severity = Severity::Note;
  std::string subject;    ///< a tensor's name, or "default" for the default spec of the plan
  std::string text;       ///< one line: what is lost or refused, and what is allowed
  std::string rule = {};  ///< who demands it: "vLLM, marlin_utils"; empty where it is the format
  std::vector<Remedy> remedies = {};  ///< the best first; none for notes

  /// "subject: text".
  std::string line() const { return subject + ": " + text; }
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

/// One array of an export, for reading it back.
struct WrittenArray {
  std::string path;    ///< as a Container lists it
  std::string sha256;  ///< of its elements as stored, row-major
};

/// An export that is complete under its temporary name.
struct FinishedFile {
  std::string path;                  ///< the temporary name; "" where there is nothing to read
  std::vector<WrittenArray> arrays;  ///< what is read back as it is; empty where it is no container
  /// PackedInfo::path of each tensor that was added, in that order; empty where the file is not
  /// decoded.
  std::vector<std::string> tensors = {};
};

/// Hands an array's elements as they are stored in the source, row-major and little-endian, to
/// `take`, piece by piece.
using TakeBytes = std::function<Status(const std::byte* bytes, std::size_t count)>;
using ArrayReader = std::function<Status(const TakeBytes& take)>;

/// Writes one export to a temporary name. Destroyed without commit() it leaves nothing behind.
/// Every function may fail with OutputFailed, naming the final path. One thread at a time.
class TensorSink {
 public:
  virtual ~TensorSink() = default;

  /// Adds the next tensor of the header. One tensor is in memory at a time.
  virtual Status add(const ExportTensor& tensor) = 0;

  /// Adds the next of the header's passed arrays, behind all tensors.
  virtual Status pass(const TensorInfo& info, const ArrayReader& read);

  /// Completes the file under its temporary name, where it can be read back: what is there then is
  /// what commit() gives the final name.
  virtual Result<FinishedFile> finish() = 0;

  /// After finish(): adds a file to an export that is a folder. Its size is not part of
  /// ExportFormat::sizeOf().
  virtual Status addFile(const std::string& name, const std::string& content);

  /// After finish(): flushes to the disk and gives the file its name; see PendingFile::commit().
  virtual Status commit() = 0;
};

/// What an export writes.
enum class ExportContent {
  Tensors,  ///< quantized tensors: each is added to the sink
  Plan,     ///< choices alone: nothing is quantized, nothing added
};

/// One row of the table of export formats.
struct ExportFormat {
  const char* id;      ///< as the command line names it: "native"
  const char* title;   ///< as people call it: "Quantoscope HDF5"
  const char* suffix;  ///< of its files, with the dot: ".h5"; "" where it is a folder
  const char* tip;     ///< one sentence: who reads it
  ExportContent content;

  /// The rules of the target, applied to what is to be exported. Pure.
  Findings (*check)(const ModelHeader& header);

  /// Begins an export to `path`. OutputFailed names the path and the reason. `executor` outlives
  /// the sink.
  Result<std::unique_ptr<TensorSink>> (*create)(const OutputPath& path, const ModelHeader& header,
                                                const Executor& executor);

  /// Whether the whole model goes into it, arrays that are not quantized included.
  bool wholeModel = false;

  /// How many bytes it will have, exactly, all files of a folder together, copies of companions
  /// included. Null: not known beforehand.
  Result<std::uint64_t> (*sizeOf)(const ModelHeader& header) = nullptr;

  /// Sets `parameters.decodeScale` to what the file will say of the scales. Null: to the bit what
  /// they are. Called before the error is measured, so that it is that of the file.
  void (*storeScales)(const TensorInfo& info, const QuantSpec& spec,
                      GroupParameters& parameters) = nullptr;

  /// The type of scales and offsets where it stores a tensor of this spec as code * scale + offset,
  /// with a real offset, which is fitted (core/quant/offset_fit.h). Null: it never does.
  std::optional<StoredType> (*offsetType)(const TensorInfo& info, const QuantSpec& spec) = nullptr;

  /// Whether layers that loaders fuse (fusedSets() in rules.h) must have one scale of the tensor,
  /// where the number format has such: the largest of theirs.
  bool sharesTensorScale = false;

  /// It is a folder: `suffix` is empty then.
  bool isFolder() const { return *suffix == '\0'; }
};

}  // namespace quantoscope
