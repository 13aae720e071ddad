#include "core/io/hdf5_source.h"

#include <H5Cpp.h>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "core/base/half.h"
#include "core/io/array_box.h"
#include "core/io/hdf5_array.h"
#include "core/io/hdf5_border.h"
#include "core/io/hdf5_file.h"
#include "core/io/hdf5_walk.h"
#include "core/io/model_layout.h"

namespace quantoscope {

namespace {

/// What is read at once: large against the cost of a call, small against patience and the cache.
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

/// Reverses the bytes of each element.
void swapBytes(std::vector<std::byte>& bytes, std::size_t elementBytes) {
  for (auto at = bytes.begin(); at != bytes.end();
       at += static_cast<std::ptrdiff_t>(elementBytes)) {
    std::reverse(at, at + static_cast<std::ptrdiff_t>(elementBytes));
  }
}

/// The stored elements of one piece as T: as they are, or float64 rounded to float32.
template <typename T>
const T* elementsAs(StoredType type, const std::vector<std::byte>& bytes, std::vector<T>& scratch) {
  if constexpr (std::is_same_v<T, float>) {
    if (type == StoredType::Float64) {
      const auto* values = reinterpret_cast<const double*>(bytes.data());
      scratch.resize(bytes.size() / sizeof(double));
      std::transform(values, values + scratch.size(), scratch.begin(),
                     [](double value) { return static_cast<float>(value); });
      return scratch.data();
    }
  }
  return reinterpret_cast<const T*>(bytes.data());
}

/// Reads `whole` piece by piece; `use` gets each piece with its elements as stored, in the byte
/// order of this machine.
Status readPieces(const Hdf5ArrayReader& reader, const Box& whole, const TaskControl& control,
                  const std::function<void(const Box&, const std::vector<std::byte>&)>& use) {
  const Hdf5Element& element = reader.element();
  const bool swapped = element.bigEndian != (std::endian::native == std::endian::big);
  const std::uint64_t total = whole.elements() * element.bytes;
  std::uint64_t done = 0;
  std::vector<std::byte> bytes;
  for (const Box& box : cutIntoBoxes(whole, reader.chunk(), kPieceBytes / element.bytes)) {
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    bytes.resize(box.elements() * element.bytes);
    if (Status status = reader.readStored(box, bytes.data()); !status) return status;
    if (swapped) swapBytes(bytes, element.bytes);
    use(box, bytes);
    done += bytes.size();
    if (control.progress) control.progress(done, total);
  }
  return ok();
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

/// The matrix of `info` in elements of type T.
template <typename T>
Result<std::vector<T>> readMatrix(const Hdf5ArrayReader& reader, const TensorInfo& info,
                                  const TaskControl& control) {
  const StoredType type = *reader.element().floatType;
  const Box whole = boxOf(info);
  const std::vector<std::size_t> strides = matrixStrides(info.shape, info.axes);
  std::vector<T> matrix(info.elements());
  std::vector<T> scratch;
  const Status status =
      readPieces(reader, whole, control, [&](const Box& box, const std::vector<std::byte>& bytes) {
        scatter(elementsAs<T>(type, bytes, scratch), box, whole.start, strides, matrix.data());
      });
  if (!status) return status.error();
  return matrix;
}

/// A scalar is 1x1, a vector of n is 1xn, more axes are flattened behind the first.
Matrix emptyMatrixFor(const std::vector<std::size_t>& shape) {
  if (shape.empty()) return {1, 1};
  if (shape.size() == 1) return {1, shape[0]};
  const Box whole{{}, shape};
  return {shape[0], shape[0] == 0 ? 0 : whole.elements() / shape[0]};
}

/// Any float elements as float32, in their order.
Status readFloats(const Hdf5ArrayReader& reader, const Box& whole, std::vector<float>& values) {
  const StoredType type = *reader.element().floatType;
  const std::vector<std::size_t> strides =
      matrixStrides(reader.shape(), AxisMap::rows(reader.shape().size()));
  std::vector<float> scratch;
  return readPieces(reader, whole, {}, [&](const Box& box, const std::vector<std::byte>& bytes) {
    const auto* halfs = reinterpret_cast<const std::uint16_t*>(bytes.data());
    const float* floats = nullptr;
    if (type == StoredType::Float16 || type == StoredType::BFloat16) {
      scratch.resize(box.elements());
      const auto convert = type == StoredType::Float16 ? floatsFromHalfs : floatsFromBfloat16s;
      convert(halfs, scratch.size(), scratch.data());
      floats = scratch.data();
    } else {
      floats = elementsAs<float>(type, bytes, scratch);
    }
    scatter(floats, box, whole.start, strides, values.data());
  });
}

Result<Matrix> readNumbers(const Hdf5ArrayReader& reader, const std::string& subject) {
  const Hdf5Element& element = reader.element();
  if (!element.floatType && !element.integer) {
    return Error{ErrorCode::DoesNotFit,
                 subject + " holds no numbers that can be used: " + element.name};
  }
  const Box whole{std::vector<std::size_t>(reader.shape().size(), 0), reader.shape()};
  Matrix matrix = emptyMatrixFor(reader.shape());
  if (matrix.values.empty()) return matrix;
  const Status status = element.floatType ? readFloats(reader, whole, matrix.values)
                                          : reader.readAsFloat(whole, matrix.values.data());
  if (!status) return status.error();
  return matrix;
}

class Hdf5Source : public TensorSource {
 public:
  Hdf5Source(std::string path, std::shared_ptr<const H5::H5File> file, const StoredFile& stored)
      : path_(std::move(path)), file_(std::move(file)) {
    for (const StoredArray& array : stored.arrays) obstacles_[array.path] = array.obstacle;
    ModelLayout layout = recognizeLayout(stored);
    format_ = std::move(layout.format);
    tensors_ = std::move(layout.tensors);
  }

  const std::string& path() const override { return path_; }
  const std::string& format() const override { return format_; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  Result<WeightTensor> load(const TensorInfo& info, Orientation orientation,
                            const TaskControl& control) const override {
    const std::string subject = path_ + ": " + info.name;
    if (!info.quantizable) {
      return Error{ErrorCode::DoesNotFit, subject + " is not a weight matrix: " + info.reason};
    }
    const auto reader = Hdf5ArrayReader::open(file_, storedPath(info), subject);
    if (!reader) return reader.error();
    if (!reader->element().floatType || reader->shape() != info.shape) {
      return Error{ErrorCode::UnreadableFile, subject + ": is not what was listed; open it again"};
    }
    return withErrorsAbout(
        subject, [&] { return readOriented(*reader, oriented(info, orientation), control); });
  }

  Result<Matrix> loadMatrix(const std::string& path) const override {
    const std::string name = path.substr(std::min(path.find_first_not_of('/'), path.size()));
    const std::string subject = path_ + ": " + name;
    const auto listed = obstacles_.find(name);
    if (listed == obstacles_.end()) {
      return Error{ErrorCode::NotFound, path_ + ": there is no array " + name};
    }
    if (!listed->second.empty()) {
      return Error{ErrorCode::UnreadableFile, subject + ": " + listed->second};
    }
    const auto reader = Hdf5ArrayReader::open(file_, name, subject);
    if (!reader) return reader.error();
    return withErrorsAbout(subject, [&] { return readNumbers(*reader, subject); });
  }

 private:
  static Result<WeightTensor> readOriented(const Hdf5ArrayReader& reader, TensorInfo info,
                                           const TaskControl& control) {
    const StoredType type = *reader.element().floatType;
    if (type == StoredType::Float16 || type == StoredType::BFloat16) {
      auto values = readMatrix<std::uint16_t>(reader, info, control);
      if (!values) return values.error();
      return WeightTensor(std::move(info), type, *std::move(values));
    }
    auto values = readMatrix<float>(reader, info, control);
    if (!values) return values.error();
    return WeightTensor(std::move(info), *std::move(values));
  }

  std::string path_;
  std::shared_ptr<const H5::H5File> file_;
  std::string format_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::string> obstacles_;
};

}  // namespace

Result<SharedSource> openHdf5Source(const std::string& path) {
  return atHdf5Border(path, [&]() -> Result<SharedSource> {
    const std::shared_ptr<const H5::H5File> file(new H5::H5File(openHdf5ReadOnly(path)),
                                                 [](const H5::H5File* closed) {
                                                   const Hdf5Lock lock;
                                                   delete closed;
                                                 });
    return SharedSource(std::make_shared<Hdf5Source>(path, file, walkHdf5(*file)));
  });
}

}  // namespace quantoscope
