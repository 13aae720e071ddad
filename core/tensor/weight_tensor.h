// The weights themselves.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// Row-major float32 values that somebody else owns.
struct MatrixView {
  const float* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;

  std::span<const float> row(std::size_t r) const { return {data + r * cols, cols}; }
  std::span<const float> all() const { return {data, rows * cols}; }
};

/// Row-major float32 values.
struct Matrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> values;

  Matrix() = default;
  Matrix(std::size_t r, std::size_t c) : rows(r), cols(c), values(r * c) {}
  Matrix(std::size_t r, std::size_t c, std::vector<float> v)
      : rows(r), cols(c), values(std::move(v)) {}

  MatrixView view() const { return {values.data(), rows, cols}; }
  std::span<float> row(std::size_t r) { return {values.data() + r * cols, cols}; }
  std::span<const float> row(std::size_t r) const { return {values.data() + r * cols, cols}; }
};

/// Elements in a file that is too large to be in memory, or converted, as a whole.
struct MappedAccess {
  /// Takes elements that were read out of this process' memory again; a hint. In bytes.
  std::function<void(std::uint64_t first, std::uint64_t bytes)> forget = {};
  /// How a stored element of `decodedBytes` bytes becomes float32, if not as the type says.
  void (*decode)(const void* from, std::size_t count, float* to) = nullptr;
  std::size_t decodedBytes = 0;
};

/// An immutable weight matrix, rows = output channels, columns = input channels, in the type it is
/// stored as (float64 is rounded to float32 when it is loaded). Copies share the elements; reading
/// is thread-safe.
class WeightTensor {
 public:
  /// Takes the elements of an oriented matrix. `info.rows * info.cols` must equal the size.
  WeightTensor(TensorInfo info, std::vector<float> values);
  /// The same for 16-bit elements; `type` is Float16 or BFloat16.
  WeightTensor(TensorInfo info, StoredType type, std::vector<std::uint16_t> values);
  /// Elements that `owner` keeps alive, for instance a mapped file: float32 of any alignment, or
  /// aligned 16-bit ones, or what `access` decodes. `intact` tells whether they still are what they
  /// were; see intact().
  WeightTensor(TensorInfo info, StoredType type, std::shared_ptr<const void> owner,
               const void* elements, std::function<Status()> intact = {}, MappedAccess access = {});

  const TensorInfo& info() const { return info_; }
  std::size_t rows() const { return info_.rows; }
  std::size_t cols() const { return info_.cols; }
  std::size_t elements() const { return info_.rows * info_.cols; }
  StoredType storedType() const { return type_; }

  /// Rows [first, first + count) as float32. Points into the tensor where it already is float32
  /// and aligned, else into `scratch`, which is resized; valid until either changes.
  MatrixView block(std::size_t first, std::size_t count, std::vector<float>& scratch) const;

  /// Whether all elements that were read so far are the tensor's: the file behind them may have
  /// been truncated or changed meanwhile, which UnreadableFile says. To be asked after a pass,
  /// before its result is used.
  Status intact() const { return intact_ ? intact_() : ok(); }

 private:
  TensorInfo info_;
  StoredType type_ = StoredType::Float32;
  std::shared_ptr<const void> owner_;
  const void* elements_ = nullptr;
  std::function<Status()> intact_;
  MappedAccess access_;
};

/// How a tensor is cut into blocks of whole rows for parallel passes. It depends on the shape
/// alone, so that sums in block order have the same bits everywhere.
struct RowBlocks {
  std::size_t rows = 0;
  std::size_t rowsPerBlock = 1;

  static RowBlocks of(std::size_t rows, std::size_t cols);

  std::size_t count() const { return (rows + rowsPerBlock - 1) / rowsPerBlock; }
  std::size_t first(std::size_t block) const { return block * rowsPerBlock; }
  std::size_t size(std::size_t block) const {
    return std::min(rowsPerBlock, rows - block * rowsPerBlock);
  }
};

}  // namespace quantoscope
