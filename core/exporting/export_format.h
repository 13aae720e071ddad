// An export format: a row of the table in registry.h, and a pair of files in formats/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_output.h"
#include "core/base/result.h"
#include "core/base/sha256.h"
#include "core/metrics/error_metrics.h"
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

/// What is known of an export before any tensor is quantized.
struct ModelHeader {
  std::string sourceFile;
  std::string sourceSha256;         ///< SourceDigest::sha256; empty for ExportContent::Plan
  std::vector<TensorInfo> tensors;  ///< those that will be added, in that order
  TuningPlan plan;                  ///< their specs: TuningPlan::specFor
  std::vector<FileDigest> sourceFiles = {};  ///< SourceDigest::files
};

/// Something a target cannot carry as it is, or that a user should know.
struct Finding {
  enum class Severity {
    Note,     ///< the export goes on
    Refusal,  ///< nothing is written
  };

  Severity severity = Severity::Note;
  std::string subject;  ///< a tensor's name, or "default" for the default spec of the plan
  std::string text;     ///< one line: what is lost or refused, and what is allowed

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
  std::vector<WrittenArray> arrays;  ///< all that it holds; empty where it is no container
};

/// Writes one export to a temporary name. Destroyed without commit() it leaves nothing behind.
/// Every function may fail with OutputFailed, naming the final path. One thread at a time.
class TensorSink {
 public:
  virtual ~TensorSink() = default;

  /// Adds the next tensor of the header. One tensor is in memory at a time.
  virtual Status add(const ExportTensor& tensor) = 0;

  /// Completes the file under its temporary name, where it can be read back: what is there then is
  /// what commit() gives the final name.
  virtual Result<FinishedFile> finish() = 0;

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
  const char* suffix;  ///< of its files, with the dot: ".h5"
  const char* tip;     ///< one sentence: who reads it
  ExportContent content;

  /// The rules of the target, applied to what is to be exported. Pure.
  Findings (*check)(const ModelHeader& header);

  /// Begins an export to `path`. OutputFailed names the path and the reason.
  Result<std::unique_ptr<TensorSink>> (*create)(const OutputPath& path, const ModelHeader& header);
};

}  // namespace quantoscope
