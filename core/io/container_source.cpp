#include "core/io/container_source.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <future>
#include <limits>
#include <map>
#include <type_traits>
#include <unistd.h>
#include <unordered_map>
#include <utility>

#include "core/base/checked.h"
#include "core/base/file_mapping.h"
#include "core/base/half.h"
#include "core/base/large_buffer.h"
#include "core/io/container/array_box.h"
#include "core/io/container/element_type.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/model/model_layout.h"
#include "core/io/source_files.h"

namespace quantoscope {

namespace {

/// What is asked of a container at once: enough for several threads that decompress.
constexpr std::size_t kPieceBytes = std::size_t{24} << 20;

/// What is put in place at once where the elements are in memory already.
constexpr std::size_t kMappedPieceBytes = std::size_t{1} << 20;

/// Elements that would take more once they are widened are widened by each pass instead.
constexpr std::uint64_t kMostWidened = std::uint64_t{1} << 30;

/// Whether so much of a file would crowd other things out of this machine's memory if all of it
/// stayed there between passes. What need not be mapped again is read faster.
bool crowdsMemory(std::uint64_t bytes) {
  static const std::uint64_t all = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes > all / 4;
}

using UsePiece = std::function<void(const Box&, const std::byte*)>;

/// The stored elements of one piece as T: as they are, or float64 rounded to float32.
template <typename T>
const T* elementsAs(StoredType type, const std::byte* bytes, std::size_t count,
                    std::vector<T>& scratch) {
  if constexpr (std::is_same_v<T, float>) {
    if (type == StoredType::Float64) {
      const auto* values = reinterpret_cast<const double*>(bytes);
      scratch.resize(count);
      std::transform(values, values + count, scratch.begin(),
                     [](double value) { return static_cast<float>(value); });
      return scratch.data();
    }
  }
  return reinterpret_cast<const T*>(bytes);
}

/// The part of the stored array that `info` is: all of it, or one matrix of a stack.
Box boxOf(const TensorInfo& info) {
  Box box{std::vector<std::size_t>(info.shape.size(), 0), info.shape};
  if (info.axes.slice) {
    box.start[0] = *info.axes.slice;
    box.count[0] = 1;
  }
  return box;
}

/// A scalar is 1x1, a vector of n is 1xn, more axes are flattened behind the first.
Matrix emptyMatrixFor(const std::vector<std::size_t>& shape) {
  if (shape.empty()) return {1, 1};
  if (shape.size() == 1) return {1, shape[0]};
  const Box whole{{}, shape};
  return {shape[0], shape[0] == 0 ? 0 : whole.elements() / shape[0]};
}

/// Mapped elements of a tensor, and how to tell that they still are.
struct MappedElements {
  std::shared_ptr<const FileMapping> mapping;
  const std::byte* elements = nullptr;
};

class ContainerSource : public TensorSource {
 public:
  ContainerSource(std::string path, FileIdentity identity, SharedContainer container,
                  ModelLayout layout)
      : path_(std::move(path)),
        container_(std::move(container)),
        files_(path_, identity, container_->contents()) {
    for (const StoredArray& array : container_->contents().arrays) listed_[array.path] = &array;
    format_ = std::move(layout.format);
    tensors_ = std::move(layout.tensors);
    notes_ = std::move(layout.notes);
  }

  const std::string& path() const override { return path_; }
  std::vector<std::string> files() const override { return files_.paths(); }
  Status intact() const override { return files_.intact(); }
  Result<SourceDigest> digest(const CancelToken& cancel) const override {
    return files_.digest(cancel);
  }
  Integrity integrity() const override { return files_.integrity(); }
  std::uint64_t bytesToVerify() const override { return files_.bytesToVerify(); }
  Status verify(const TaskControl& control) const override { return files_.verify(control); }
  const std::string& format() const override { return format_; }
  std::shared_ptr<const StoredFile> contents() const override {
    return {container_, &container_->contents()};
  }
  std::vector<std::string> notes() const override { return notes_; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  Result<WeightTensor> load(const TensorInfo& info, Orientation orientation,
                            const TaskControl& control) const override {
    const std::string subject = path_ + ": " + info.name;
    if (!info.quantizable) {
      return Error{ErrorCode::DoesNotFit, subject + " is not a weight matrix: " + info.reason};
    }
    const auto listed = listed_.find(storedPath(info));
    if (listed == listed_.end() || !hasShape(*listed->second, info.shape))
      return notListed(subject);
    return unchanged(*listed->second, info.name, [&]() -> Result<WeightTensor> {
      const auto element = container_->elementOf(listed->first);
      if (!element) return element.error();
      if (!element->floatType) return notListed(subject);
      return withErrorsAbout(
          subject, [&] { return loadOriented(*element, oriented(info, orientation), control); });
    });
  }

  Status readStored(const TensorInfo& info,
                    const std::function<Status(const std::byte*, std::size_t)>& take,
                    const TaskControl& control) const override {
    const std::string subject = path_ + ": " + info.name;
    const auto listed = listed_.find(storedPath(info));
    if (listed == listed_.end() || !hasShape(*listed->second, info.shape))
      return notListed(subject);
    if (!listed->second->obstacle.empty()) {
      return Error{ErrorCode::UnreadableFile, subject + ": " + listed->second->obstacle};
    }
    return unchanged(*listed->second, info.name, [&] {
      return withErrorsAbout(subject, [&] { return handStored(*listed->second, take, control); });
    });
  }

  Result<Matrix> loadMatrix(const std::string& path) const override {
    const std::string name = path.substr(std::min(path.find_first_not_of('/'), path.size()));
    const std::string subject = path_ + ": " + name;
    const auto listed = listed_.find(name);
    if (listed == listed_.end()) {
      return Error{ErrorCode::NotFound, path_ + ": there is no array " + name};
    }
    if (!listed->second->obstacle.empty()) {
      return Error{ErrorCode::UnreadableFile, subject + ": " + listed->second->obstacle};
    }
    return unchanged(*listed->second, name, [&]() -> Result<Matrix> {
      const auto most = checkedVolume(listed->second->shape, sizeof(double));
      if (!most || *most > std::numeric_limits<std::int64_t>::max()) {
        return Error{ErrorCode::UnreadableFile,
                     subject + ": its shape claims more elements than can exist"};
      }
      const auto element = container_->elementOf(name);
      if (!element) return element.error();
      if (!element->floatType && !element->integer) {
        return Error{ErrorCode::DoesNotFit,
                     subject + " holds no numbers that can be used: " + element->name};
      }
      return withErrorsAbout(subject, [&] { return readNumbers(*listed->second, *element); });
    });
  }

 private:
  static Error notListed(const std::string& subject) {
    return {ErrorCode::UnreadableFile, subject + ": is not what was listed; open it again"};
  }

  /// What `read` returns, if the files that `array` comes from were the same before and after. That
  /// they were not explains every other error.
  template <typename Read>
  std::invoke_result_t<Read> unchanged(const StoredArray& array, const std::string& name,
                                       const Read& read) const {
    if (Status status = intactFor(array, name); !status) return status.error();
    auto result = read();
    if (!result && result.error().code == ErrorCode::Cancelled) return result;
    if (Status status = intactFor(array, name); !status) return status.error();
    return result;
  }

  /// Scales may lie in another file than the codes.
  Status intactFor(const StoredArray& array, const std::string& name) const {
    const bool decoded =
        !array.quantizedAs.empty() || array.dtype.find(kTimesScales) != std::string::npos;
    return decoded ? files_.intact() : files_.checkPart(array.part, name);
  }

  static bool hasShape(const StoredArray& array, const std::vector<std::size_t>& shape) {
    return std::equal(array.shape.begin(), array.shape.end(), shape.begin(), shape.end());
  }

  Result<WeightTensor> loadOriented(const StoredElement& element, TensorInfo info,
                                    const TaskControl& control) const {
    const StoredType type = *element.floatType;
    if (const auto narrow = narrowFloatNamed(element.name)) {
      return loadNarrow(type, *narrow, std::move(info), control);
    }
    const bool asStored = !info.transposed && type != StoredType::Float64;
    auto mapped = mappedElements(storedPath(info), info, storedBytesOf(type));
    if (!mapped) return mapped.error();
    if (asStored && *mapped) {
      MappedAccess access{forgetting(**mapped, info.elements() * storedBytesOf(type))};
      return mappedTensor(std::move(info), type, **mapped, std::move(access));
    }
    if (type == StoredType::Float16 || type == StoredType::BFloat16) {
      return matrixOf<std::uint16_t>(type, std::move(info), *mapped, control);
    }
    return matrixOf<float>(type, std::move(info), *mapped, control);
  }

  /// Elements that are narrower in the file than in memory: widened once where there is room.
  Result<WeightTensor> loadNarrow(StoredType type, const NarrowFloat& narrow, TensorInfo info,
                                  const TaskControl& control) const {
    if (!info.transposed && info.elements() * sizeof(std::uint16_t) > kMostWidened) {
      auto mapped = mappedElements(storedPath(info), info, narrow.bytes);
      if (!mapped) return mapped.error();
      if (*mapped) {
        MappedAccess access{forgetting(**mapped, info.elements() * narrow.bytes), narrow.decode,
                            narrow.bytes};
        return mappedTensor(std::move(info), type, **mapped, std::move(access));
      }
    }
    return matrixOf<std::uint16_t>(type, std::move(info), std::nullopt, control);
  }

  static WeightTensor mappedTensor(TensorInfo info, StoredType type, const MappedElements& mapped,
                                   MappedAccess access) {
    return WeightTensor(
        std::move(info), type, mapped.mapping, mapped.elements,
        [mapping = mapped.mapping] { return mapping->intact(); }, std::move(access));
  }

  static std::function<void(std::uint64_t, std::uint64_t)> forgetting(const MappedElements& mapped,
                                                                      std::uint64_t all) {
    if (!crowdsMemory(all)) return {};
    return [mapping = mapped.mapping](std::uint64_t first, std::uint64_t bytes) {
      mapping->forget(first, bytes);
    };
  }

  /// The elements of `info` where the file has them in one piece and aligned. Nothing where they
  /// must be read; an error where the container points outside the file.
  Result<std::optional<MappedElements>> mappedElements(const std::string& stored,
                                                       const TensorInfo& info,
                                                       std::size_t elementBytes) const {
    const auto extent = container_->extentOf(stored);
    if (!extent) return extent.error();
    const std::uint64_t size = elementBytes;
    if (!*extent || (*extent)->offset % size != 0) return std::optional<MappedElements>{};
    const std::uint64_t wanted = Box{{}, info.shape}.elements() * size;
    const FileIdentity* identity = identityToMap((*extent)->file);
    if ((*extent)->bytes != wanted || !identity ||
        !liesWithin((*extent)->offset, wanted, identity->bytes)) {
      return Error{ErrorCode::UnreadableFile,
                   path_ + ": " + info.name + ": lies outside the file; it is damaged or cut off"};
    }
    const std::uint64_t part = info.elements() * size;
    const std::uint64_t offset = (*extent)->offset + info.axes.slice.value_or(0) * part;
    auto mapping = FileMapping::map((*extent)->file, *identity, offset, part, info.name);
    if (!mapping) {
      // Too many are mapped already, say: it can still be read. But never from another file.
      const Status same =
          checkUnchanged((*extent)->file, *identity, (*extent)->file + ": " + info.name);
      if (!same) return same.error();
      return std::optional<MappedElements>{};
    }
    return std::optional<MappedElements>({*mapping, (*mapping)->data()});
  }

  /// The state in which a file was opened, or, of data that lie outside the model's files, in which
  /// it was when it was first asked for.
  const FileIdentity* identityToMap(const std::string& file) const {
    if (const FileIdentity* opened = files_.identityOf(file)) return opened;
    const auto known = outside_.find(file);
    if (known != outside_.end()) return &known->second;
    const auto identity = identityOf(file);
    if (!identity) return nullptr;
    return &outside_.emplace(file, *identity).first->second;
  }

  /// The matrix of `info` in elements of type T, in the order that `info` asks for.
  template <typename T>
  Result<WeightTensor> matrixOf(StoredType type, TensorInfo info,
                                const std::optional<MappedElements>& mapped,
                                const TaskControl& control) const {
    const Box whole = boxOf(info);
    const std::vector<std::size_t> strides = matrixStrides(info.shape, info.axes);
    const std::shared_ptr<std::byte> buffer = makeLargeBuffer(info.elements() * sizeof(T));
    T* matrix = reinterpret_cast<T*>(buffer.get());
    std::vector<T> scratch;
    const UsePiece put = [&](const Box& box, const std::byte* bytes) {
      scatter(elementsAs<T>(type, bytes, box.elements(), scratch), box, whole.start, strides,
              matrix);
    };
    const Status status =
        mapped ? usePiecesOf(*mapped, whole, storedBytesOf(type), control, put)
               : readPieces(storedPath(info), whole, storedBytesOf(type), control, put);
    if (!status) return status.error();
    const bool half = sizeof(T) == sizeof(std::uint16_t);
    return WeightTensor(std::move(info), half ? type : StoredType::Float32, buffer, matrix);
  }

  /// Pieces of mapped elements: runs of them, since no box is cut across the first axis' order.
  static Status usePiecesOf(const MappedElements& mapped, const Box& whole,
                            std::size_t elementBytes, const TaskControl& control,
                            const UsePiece& use) {
    const std::vector<std::size_t> ones(whole.count.size(), 1);
    const std::uint64_t total = whole.elements() * elementBytes;
    std::uint64_t done = 0;
    std::uint64_t forgotten = 0;
    for (const Box& box : cutIntoBoxes(whole, ones, kMappedPieceBytes / elementBytes)) {
      if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      use(box, mapped.elements + done);
      done += box.elements() * elementBytes;
      if (done - forgotten >= kPieceBytes) {  // else the tensor would be in memory twice
        mapped.mapping->forgetFirst(done);
        forgotten = done;
      }
      if (control.progress) control.progress(done, total);
    }
    return mapped.mapping->intact();
  }

  /// While one piece is put in place, the next is read.
  Status readPieces(const std::string& stored, const Box& whole, std::size_t elementBytes,
                    const TaskControl& control, const UsePiece& use) const {
    const std::uint64_t total = whole.elements() * elementBytes;
    const std::vector<Box> boxes =
        cutIntoBoxes(whole, unitOf(stored, whole), kPieceBytes / elementBytes);
    std::uint64_t begun = 0;
    const auto begin = [&](const Box& box) {
      TaskControl part;
      part.cancel = control.cancel;
      if (control.progress) {
        part.progress = [&control, total, before = begun](std::uint64_t done, std::uint64_t) {
          control.progress(before + done, total);
        };
      }
      begun += box.elements() * elementBytes;
      return std::async(std::launch::async, [this, &stored, &box, part] {
        return container_->readShared(stored, box, part);
      });
    };
    std::future<Result<SharedBytes>> next;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      if (i == 0) next = begin(boxes[0]);
      const Result<SharedBytes> bytes = next.get();
      if (!bytes) return bytes.error();
      if (i + 1 < boxes.size()) next = begin(boxes[i + 1]);
      use(boxes[i], bytes->get());
    }
    if (control.progress) control.progress(total, total);
    return ok();
  }

  /// As the file has them where they lie in one piece, so that 8-bit floats, which are widened when
  /// they are read, stay what they are.
  Status handStored(const StoredArray& array,
                    const std::function<Status(const std::byte*, std::size_t)>& take,
                    const TaskControl& control) const {
    const auto element = container_->elementOf(array.path);
    if (!element) return element.error();
    const auto listedBytes = listedBytesOf(array.dtype);
    const std::size_t bytes = listedBytes.value_or(element->bytes);
    const Box whole{std::vector<std::size_t>(array.shape.size(), 0),
                    {array.shape.begin(), array.shape.end()}};
    if (whole.elements() == 0) return ok();
    TensorInfo info;
    info.name = array.path;
    info.shape = whole.count;
    setAxes(info, AxisMap::rows(whole.count.size()));
    const auto mapped = array.shape.empty()
                            ? Result<std::optional<MappedElements>>(std::optional<MappedElements>())
                            : mappedElements(array.path, info, bytes);
    if (!mapped) return mapped.error();
    Status taken = ok();
    const auto give = [&](const std::byte* from, std::size_t count) {
      if (taken) taken = take(from, count);
    };
    if (*mapped) {
      const Status read = usePiecesOf(
          **mapped, whole, bytes, control,
          [&](const Box& box, const std::byte* from) { give(from, box.elements() * bytes); });
      return taken ? read : taken;
    }
    if (element->bytes != bytes) {
      return Error{ErrorCode::UnreadableFile,
                   array.dtype + " elements cannot be had as they are stored"};
    }
    std::vector<std::size_t> unit = whole.count;
    if (!unit.empty()) unit.front() = 1;
    std::vector<std::byte> buffer;
    for (const Box& box : cutIntoBoxes(whole, unit, kPieceBytes / bytes)) {
      if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      buffer.resize(box.elements() * bytes);
      if (Status read = container_->read(array.path, box, buffer.data(), control); !read) {
        return read;
      }
      give(buffer.data(), buffer.size());
      if (!taken) return taken;
    }
    return ok();
  }

  std::vector<std::size_t> unitOf(const std::string& stored, const Box& whole) const {
    std::vector<std::size_t> unit = container_->chunkOf(stored);
    if (unit.size() != whole.count.size()) unit.assign(whole.count.size(), 1);
    return unit;
  }

  Result<Matrix> readNumbers(const StoredArray& array, const StoredElement& element) const {
    const std::vector<std::size_t> shape(array.shape.begin(), array.shape.end());
    const Box whole{std::vector<std::size_t>(shape.size(), 0), shape};
    Matrix matrix = emptyMatrixFor(shape);
    if (matrix.values.empty()) return matrix;
    const Status status = element.floatType
                              ? readFloats(array.path, whole, *element.floatType, matrix.values)
                              : container_->readAsFloat(array.path, whole, matrix.values.data());
    if (!status) return status.error();
    return matrix;
  }

  /// Any float elements as float32, in their order.
  Status readFloats(const std::string& stored, const Box& whole, StoredType type,
                    std::vector<float>& values) const {
    const std::vector<std::size_t> strides =
        matrixStrides(whole.count, AxisMap::rows(whole.count.size()));
    std::vector<float> scratch;
    return readPieces(
        stored, whole, storedBytesOf(type), {}, [&](const Box& box, const std::byte* bytes) {
          const float* floats = nullptr;
          if (type == StoredType::Float16 || type == StoredType::BFloat16) {
            scratch.resize(box.elements());
            const auto convert =
                type == StoredType::Float16 ? floatsFromHalfs : floatsFromBfloat16s;
            convert(reinterpret_cast<const std::uint16_t*>(bytes), scratch.size(), scratch.data());
            floats = scratch.data();
          } else {
            floats = elementsAs<float>(type, bytes, box.elements(), scratch);
          }
          scatter(floats, box, whole.start, strides, values.data());
        });
  }

  std::string path_;
  SharedContainer container_;
  SourceFiles files_;
  std::string format_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::string> notes_;
  std::unordered_map<std::string, const StoredArray*> listed_;
  mutable std::map<std::string, FileIdentity> outside_;
};

}  // namespace

Result<SharedSource> makeContainerSource(const std::string& path, SharedContainer container,
                                         std::optional<FileIdentity> identity,
                                         const CancelToken& cancel) {
  if (!identity) {
    const auto now = identityOf(path);
    if (!now) return now.error();
    identity = *now;
  }
  return withErrorsAbout(path, [&]() -> Result<SharedSource> {
    auto layout = recognizeLayout(container->contents(), cancel);
    if (!layout) return layout.error();
    return SharedSource(std::make_shared<ContainerSource>(path, *identity, std::move(container),
                                                          *std::move(layout)));
  });
}

}  // namespace quantoscope
