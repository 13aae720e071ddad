// Where weight tensors come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/sha256.h"
#include "core/io/container/open_options.h"
#include "core/io/container/stored_file.h"
#include "core/parallel/task_control.h"
#include "core/tensor/tensor_info.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// How far the checksums of a source have been compared: those that are over more than what is read
/// for one tensor. HDF5's own are compared whenever a chunk is read.
enum class Integrity { NoChecksums, NotYet, Proven, Damaged };

/// "none", "not yet checked", "checked" or "damaged".
const char* nameOf(Integrity integrity);

/// One opened file. Calls on one source must not overlap; different sources may be used from
/// different threads (the library behind HDF5 is locked inside).
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  /// The path it was opened by.
  virtual const std::string& path() const = 0;

  /// All files that the tensors come from: path() first, then those that it names, if it is an
  /// index. Data that other files lend under OpenOptions::allowOutside are not among them.
  virtual std::vector<std::string> files() const { return {path()}; }

  /// ok() while each of files() is as it was opened; else changedWhileInUse(), which names the
  /// file. To be asked before anything is written that was made of several tensors: load() asks for
  /// the files of one. Thread-safe, whatever else is called.
  virtual Status intact() const { return ok(); }

  /// The SHA-256 of files() as they were opened. Cancelled; UnreadableFile names the file, also
  /// where it was changed. Thread-safe, whatever else is called.
  virtual Result<SourceDigest> digest(const CancelToken& cancel) const;

  /// See there. Thread-safe, whatever else is called.
  virtual Integrity integrity() const { return Integrity::NoChecksums; }
  virtual std::uint64_t bytesToVerify() const { return 0; }

  /// Compares all checksums, once: reads bytesToVerify() bytes, unless that was done. To be called
  /// before anything is written or compared. Cancelled; UnreadableFile names the file and the part
  /// of it that is damaged. Thread-safe, whatever else is called.
  virtual Status verify(const TaskControl&) const { return ok(); }

  /// What the file turned out to be, for people: "Keras 2 HDF5", "PyTorch HDF5", ...
  virtual const std::string& format() const = 0;

  /// What could not be read beside the weights, for people, a line each: a configuration, say.
  virtual std::vector<std::string> notes() const { return {}; }

  /// Every array in the file in the order of the model where the file tells it, else in natural
  /// order; those that cannot be quantized carry the reason.
  virtual const std::vector<TensorInfo>& tensors() const = 0;

  /// The weights of `info` (one of tensors()), oriented as asked, rows = output channels. float64
  /// is rounded to float32; 16-bit floats stay 16-bit. Fails with UnreadableFile naming file and
  /// tensor, also where the file is no longer as it was opened. What is mapped must be asked again
  /// after use: WeightTensor::intact().
  virtual Result<WeightTensor> load(const TensorInfo& info, Orientation orientation,
                                    const TaskControl& control = {}) const = 0;

  /// Hands the elements of an array as they are stored, row-major and little-endian, to `take`,
  /// piece by piece, whether it is a weight or not; `info` is one of tensors(). Errors as for
  /// load(), or of `take`. An array of no bytes hands nothing.
  virtual Status readStored(const TensorInfo& info,
                            const std::function<Status(const std::byte*, std::size_t)>& take,
                            const TaskControl& control = {}) const;

  /// What the file holds beside its tensors: groups and what they are called, a configuration, the
  /// other files of an archive. All of it is from the file, so it may be anything. Null for sources
  /// that are no files.
  virtual std::shared_ptr<const StoredFile> contents() const { return nullptr; }

  /// Any numeric array by its path in the file as float32, for data that come beside weights
  /// (scales, zero points). A scalar is 1x1, a vector of n is 1xn, more axes are flattened behind
  /// the first. NotFound names file and path.
  virtual Result<Matrix> loadMatrix(const std::string& path) const = 0;
};

using SharedSource = std::shared_ptr<const TensorSource>;

/// Opens a weight file by what its first bytes say it is, in a reader process of its own, so that
/// nothing that the file contains can end this one. Never writes to it, never locks it. `path` may
/// be a folder, see modelFileOf(); the source's path() is then the file. The error names the file
/// and what can be opened, or how the reader ended.
Result<SharedSource> openTensorSource(const std::string& path, const OpenOptions& options = {});

/// The same in this process, which a malformed file may end: for tests, and for files that are
/// trusted.
Result<SharedSource> openTensorSourceInProcess(const std::string& path,
                                               const OpenOptions& options = {});

/// The quantizable or other tensor with this name, or with one that printable() writes so; NotFound
/// names the nearest names there are.
Result<TensorInfo> findTensor(const TensorSource& source, const std::string& name);

/// FILE::PATH split at the first "::" that leaves an existing file, or else, unless the whole text
/// is a path that exists, an existing folder; the second part is empty where there is none.
struct FileAndPath {
  std::string file;
  std::string path;
};
FileAndPath splitFileAndPath(std::string_view text);

}  // namespace quantoscope
