// A tensor source without a file, under the control of a test.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/io/tensor_source.h"

namespace quantoscope::test {

/// A door that holds threads up while it is shut.
class Gate {
 public:
  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  /// Waits while shut. `cancelled` ends the wait, too.
  void pass(const CancelToken& cancel = {}) {
    std::unique_lock lock(mutex_);
    ++passing_;
    while (!open_ && !cancel.cancelled()) changed_.wait_for(lock, std::chrono::milliseconds(1));
    --passing_;
  }
  /// How many threads wait at the door.
  int waiting() const {
    const std::lock_guard lock(mutex_);
    return passing_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int passing_ = 0;
};

/// Weights that look like weights: repeatable, about normal, a few outliers.
inline std::vector<float> fakeWeights(std::size_t count, std::uint64_t seed) {
  std::vector<float> values(count);
  std::uint64_t state = seed * 6364136223846793005u + 1442695040888963407u;
  for (float& value : values) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<double>(state >> 40) / static_cast<double>(1 << 24) - 0.5;
    }
    value = static_cast<float>(sum * 0.1);
  }
  for (std::size_t i = 0; i < count; i += 257) values[i] *= 3;
  return values;
}

/// Tensors in memory. Counts calls that overlap, which the contract of TensorSource forbids.
class FakeSource : public TensorSource {
 public:
  explicit FakeSource(std::string path = "/fake/model.h5") : path_(std::move(path)) {}

  /// Adds a float32 matrix that can be quantized.
  void add(const std::string& name, std::size_t rows, std::size_t cols, std::vector<float> values) {
    TensorInfo info = describe(name, rows, cols);
    info.quantizable = true;
    tensors_.push_back(info);
    values_[name] = std::move(values);
  }
  void add(const std::string& name, std::size_t rows, std::size_t cols) {
    add(name, rows, cols, fakeWeights(rows * cols, std::hash<std::string>{}(name)));
  }
  /// Adds an array that cannot be quantized.
  void addOther(const std::string& name, std::size_t length, const std::string& reason) {
    TensorInfo info = describe(name, 1, length);
    info.reason = reason;
    tensors_.push_back(info);
  }
  /// Adds one that could be read if what is refused were allowed.
  void addRefused(const std::string& name, const std::string& reason) {
    TensorInfo info = describe(name, 4, 8);
    info.reason = reason;
    info.refused = true;
    tensors_.push_back(info);
  }
  /// Makes load() of this tensor fail.
  void breakTensor(const std::string& name) { values_.erase(name); }

  const std::string& path() const override { return path_; }
  const std::string& format() const override { return format_; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  Result<WeightTensor> load(const TensorInfo& info, Orientation orientation,
                            const TaskControl& control) const override {
    if (inside_.exchange(true)) ++overlaps;
    ++loads;
    lastOrientation = orientation;
    gate.pass(control.cancel);
    inside_ = false;
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    const auto found = values_.find(info.name);
    if (found == values_.end()) {
      return Error{ErrorCode::UnreadableFile, path_ + ": " + info.name + " is damaged"};
    }
    return WeightTensor(info, found->second);
  }

  /// What cannot be quantized is full of zeros.
  Status readStored(const TensorInfo& info,
                    const std::function<Status(const std::byte*, std::size_t)>& take,
                    const TaskControl& control) const override {
    if (inside_.exchange(true)) ++overlaps;
    storedGate.pass(control.cancel);
    inside_ = false;
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    const auto found = values_.find(info.name);
    const std::vector<float> values =
        found == values_.end() ? std::vector<float>(info.bytes / sizeof(float)) : found->second;
    return take(reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float));
  }

  Result<Matrix> loadMatrix(const std::string& path) const override {
    return Error{ErrorCode::NotFound, path_ + ": " + path + ": not there"};
  }

  mutable Gate gate;        ///< load() passes through it
  mutable Gate storedGate;  ///< and readStored() through this
  mutable std::atomic<int> loads{0};
  mutable std::atomic<int> overlaps{0};
  mutable std::atomic<Orientation> lastOrientation{Orientation::Auto};  ///< asked of load()

  /// The type that a tensor is listed with.
  std::string& dtypeOf(const std::string& name) {
    for (TensorInfo& info : tensors_) {
      if (info.name == name) return info.dtype;
    }
    return tensors_.back().dtype;
  }

 private:
  static TensorInfo describe(const std::string& name, std::size_t rows, std::size_t cols) {
    TensorInfo info;
    info.name = name;
    info.shape = {rows, cols};
    info.dtype = "float32";
    info.bytes = rows * cols * sizeof(float);
    info.layer = name.substr(0, name.find('/'));
    info.axes = AxisMap::rows(2);
    info.rows = rows;
    info.cols = cols;
    return info;
  }

  std::string path_;
  std::string format_ = "fake";
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::vector<float>> values_;
  mutable std::atomic<bool> inside_{false};
};

}  // namespace quantoscope::test
