#include "core/io/quantized/quantized_container.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/checked.h"
#include "core/base/text.h"
#include "core/io/container/element_type.h"
#include "core/io/quantized/float8_tensor.h"
#include "core/io/quantized/native_packed.h"
#include "core/io/quantized/packed_finding.h"
#include "core/io/quantized/packed_reading.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"
#include "core/io/quantized/scaled_float8.h"

namespace quantoscope {

namespace {

/// A float8 array that is read as code * scale.
struct ScaledArray {
  std::string dtype;
  StoredArray scales;
  ScaleGrid grid;
};

/// What is found in a file. The arrays are those of `contents`, whose dtype and reasons change, and
/// those that are decoded.
struct Findings {
  StoredFile contents;
  std::map<std::string, ScaledArray, std::less<>> scaled;
  std::map<std::string, SharedPackedTensor, std::less<>> packed;
  /// Arrays of packed zero points that are read as integers, and whose they are.
  std::map<std::string, SharedPackedTensor, std::less<>> zeroPoints = {};
};

/// How many weights are decoded at once.
constexpr std::size_t kDecodedAtOnce = std::size_t{1} << 21;

class Finder {
 public:
  explicit Finder(const StoredFile& file) : file_(file), index_(file) {}

  Findings find(std::vector<FoundTensor> tensors) {
    for (const FoundTensor& tensor : tensors) takeCodes(tensor);
    takeAllFloat8();
    Findings findings{file_, std::move(scaled_), std::move(packed_)};
    for (StoredArray& array : findings.contents.arrays) {
      if (const auto reason = reasons_.find(array.path); reason != reasons_.end()) {
        array.quantized = reason->second;
      }
      const auto scaled = findings.scaled.find(array.path);
      if (scaled != findings.scaled.end()) array.dtype = scaled->second.dtype;
    }
    addDecoded(findings.contents);
    findings.contents.quantization = join({words_.begin(), words_.end()}, ", ");
    return findings;
  }

 private:
  void takeCodes(const FoundTensor& tensor) {
    const QuantizedFormat& format = *tensor.found.format;
    const std::string& path = tensor.found.codes->path;
    words_.insert(format.words);
    std::string& reason = reasons_[path];
    reason = std::string(kAlreadyQuantized) + ": " + format.name;
    if (!tensor.found.detail.empty()) reason += ", " + tensor.found.detail;
    if (!tensor.problem.empty()) reason += "; cannot be decoded: " + tensor.problem;
    parts_.erase(path);
    if (tensor.tensor) {
      const std::string& decoded = tensor.tensor->info().path;
      packed_[decoded] = tensor.tensor;
      reason.append(kDecodedAs).append(decoded);
      decodedOf_[path] = tensor.tensor.get();
    } else if (file_.format == kNativeFormat && tensor.problem.empty()) {
      // See leaveToTheirValues().
      reason.append(kDecodedAs).append(path, 0, path.rfind('/')).append("/dequantized");
    }
    const Siblings siblings(file_, index_, *tensor.found.codes);
    for (const PartName& part : format.parts) {
      const StoredArray* found = siblings.find(part.name);
      if (found == nullptr || found == tensor.found.codes) continue;
      if (found->shape.size() < part.leastAxes) continue;
      takePart(*found, std::string(part.holds) + " of " + path + ", which is " + format.words);
    }
  }

  /// Lists what is decoded, each before its codes or in their place.
  void addDecoded(StoredFile& contents) const {
    if (decodedOf_.empty()) return;
    std::vector<StoredArray> arrays;
    arrays.reserve(contents.arrays.size() + decodedOf_.size());
    for (StoredArray& array : contents.arrays) {
      if (const auto decoded = decodedOf_.find(array.path); decoded != decodedOf_.end()) {
        arrays.push_back(decodedArray(array, decoded->second->info()));
        if (arrays.back().path == array.path) continue;
      }
      arrays.push_back(std::move(array));
    }
    contents.arrays = std::move(arrays);
    std::vector<std::string> order;
    for (std::string& path : contents.order) {
      const auto decoded = decodedOf_.find(path);
      if (decoded != decodedOf_.end() && decoded->second->info().path != path) {
        order.push_back(decoded->second->info().path);
      }
      order.push_back(std::move(path));
    }
    contents.order = std::move(order);
  }

  static StoredArray decodedArray(const StoredArray& codes, const PackedInfo& info) {
    StoredArray array;
    array.path = info.path;
    array.shape = {info.rows, info.cols};
    if (info.inputsFirst) std::swap(array.shape[0], array.shape[1]);
    if (!info.shape.empty()) array.shape = info.shape;
    array.dtype = nameOf(StoredType::Float32);
    array.elementBytes = sizeof(float);
    array.alias = codes.alias;
    array.filters = codes.filters;
    array.part = codes.part;
    array.quantizedAs = info.format + (info.detail.empty() ? "" : ", " + info.detail);
    array.inputsFirst = info.inputsFirst;
    return array;
  }

  /// What is codes itself stays so.
  void takePart(const StoredArray& part, std::string reason) {
    if (reasons_.emplace(part.path, std::move(reason)).second) parts_.insert(part.path);
  }

  void takeAllFloat8() {
    const auto wanted = [this](const StoredArray& array) { return !reasons_.contains(array.path); };
    for (const FoundFloat8& found : findFloat8(file_, index_, wanted)) takeFloat8(found);
  }

  void takeFloat8(const FoundFloat8& found) {
    const StoredArray& codes = *found.codes;
    const StoredArray& scales = *found.scales;
    words_.insert("float8 with scales");
    takePart(scales, "scales of " + codes.path + ", which is float8");
    if (!codes.obstacle.empty()) return;
    const std::string about = codes.dtype + " whose scales, " + scales.path + ", ";
    if (!scales.obstacle.empty()) {
      reasons_[codes.path] = about + "cannot be read: " + scales.obstacle;
      return;
    }
    if (!found.grid) {
      reasons_[codes.path] =
          about + "have the shape " + shapeText(scales) + ": their blocks cannot be told";
      return;
    }
    scaled_[codes.path] = {codes.dtype + std::string(kTimesScales) + found.grid->text(), scales,
                           *found.grid};
  }

  const StoredFile& file_;
  ArraysByPath index_;
  std::map<std::string, std::string, std::less<>> reasons_;  ///< by path
  std::set<std::string, std::less<>> parts_;                 ///< those that are no codes
  std::map<std::string, ScaledArray, std::less<>> scaled_;
  std::map<std::string, SharedPackedTensor, std::less<>> packed_;      ///< by their own path
  std::map<std::string, const PackedTensor*, std::less<>> decodedOf_;  ///< by that of the codes
  std::set<std::string> words_;
};

/// Lists the packed zero points of a native file as the integers [rows, groups] that they are, so
/// that they can be read like its scales.
void offerZeroPoints(Findings& findings, const std::vector<FoundTensor>& tensors) {
  for (const FoundTensor& tensor : tensors) {
    if (!tensor.tensor) continue;
    for (const std::string& part : tensor.tensor->info().parts) {
      if (part.ends_with("/zero_point")) findings.zeroPoints[part] = tensor.tensor;
    }
  }
  for (StoredArray& array : findings.contents.arrays) {
    const auto found = findings.zeroPoints.find(array.path);
    if (found == findings.zeroPoints.end()) continue;
    if (array.dtype != "uint8") {  // it is not packed
      findings.zeroPoints.erase(found);
      continue;
    }
    array.shape[1] = nativeGroupsOf(found->second->info());
    array.dtype = elementOfType(ElementType::Int32).name;
    array.elementBytes = storedBytesOf(ElementType::Int32);
  }
}

/// How arrays of more than two axes are the matrices that they were quantized as, for who lists
/// them.
void tellAxes(StoredFile& contents, const std::vector<FoundTensor>& tensors) {
  for (const FoundTensor& tensor : tensors) {
    if (!tensor.tensor || tensor.tensor->info().shape.empty()) continue;
    const PackedInfo& info = tensor.tensor->info();
    GroupAttributes& told = contents.groups[info.path];
    told.axes.assign(info.axes.order.begin(), info.axes.order.end());
    told.rowAxes = static_cast<std::uint64_t>(info.axes.rowAxes);
  }
}

/// Where a native file has what its codes decode to, that array stands for the tensor.
void leaveToTheirValues(const StoredFile& file, std::vector<FoundTensor>& tensors) {
  const ArraysByPath index(file);
  for (FoundTensor& tensor : tensors) {
    if (hasNativeValues(Siblings(file, index, *tensor.found.codes))) tensor.tensor = nullptr;
  }
}

/// Rows (outputs) and columns (inputs) of a decoded array that a box asks for.
struct Part {
  std::size_t firstRow = 0;
  std::size_t rows = 0;
  std::size_t firstCol = 0;
  std::size_t cols = 0;
};

class QuantizedContainer : public Container {
 public:
  QuantizedContainer(SharedContainer container, Findings findings)
      : container_(std::move(container)), findings_(std::move(findings)) {}

  const StoredFile& contents() const override { return findings_.contents; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    if (packed(path) != nullptr) {
      return StoredElement{nameOf(StoredType::Float32), sizeof(float), false, StoredType::Float32};
    }
    if (zeroPoints(path) != nullptr) return elementOfType(ElementType::Int32);
    const ScaledArray* scaled = find(path);
    if (scaled == nullptr) return container_->elementOf(path);
    return StoredElement{scaled->dtype, sizeof(float), false, StoredType::Float32};
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    if (find(path) != nullptr || packed(path) != nullptr || zeroPoints(path) != nullptr) {
      return std::optional<FileExtent>();
    }
    return container_->extentOf(path);
  }

  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    if (const PackedTensor* tensor = packed(path)) {
      auto* values = static_cast<float*>(bytes);
      return tensor->info().shape.empty() ? readDecoded(*tensor, box, values, control)
                                          : readInShape(*tensor, box, values, control);
    }
    if (const PackedTensor* tensor = zeroPoints(path)) {
      return readZeroPoints(*tensor, box, static_cast<std::int32_t*>(bytes), control);
    }
    const ScaledArray* scaled = find(path);
    if (scaled == nullptr) return container_->read(path, box, bytes, control);
    if (Status status = keepScalesOf(path, *scaled, control); !status) return status;
    // The container checks the box, before anything is computed from it.
    auto* values = static_cast<float*>(bytes);
    auto* codes = static_cast<std::byte*>(bytes) + box.elements() * sizeof(std::uint16_t);
    if (Status status = container_->read(path, box, codes, control); !status) return status;
    applyScales(scaled->grid, scales_, box, values);
    return ok();
  }

  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    if (packed(path) != nullptr) {
      return Error{ErrorCode::DoesNotFit, path + ": holds float32, not integers"};
    }
    if (const PackedTensor* tensor = zeroPoints(path)) {
      return readZeroPoints(*tensor, box, values, {});
    }
    return container_->readAsFloat(path, box, values);
  }

  /// Whole rows of outputs: what lies across them would decode all of them for each piece.
  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    const PackedTensor* tensor = packed(path);
    if (tensor == nullptr) return container_->chunkOf(path);
    const PackedInfo& info = tensor->info();
    if (!info.shape.empty()) {
      std::vector<std::size_t> unit(info.shape.begin(), info.shape.end());
      for (int i = 0; i < info.axes.rowAxes; ++i) {
        unit[static_cast<std::size_t>(info.axes.order[static_cast<std::size_t>(i)])] = 1;
      }
      return unit;
    }
    return info.inputsFirst ? std::vector<std::size_t>{info.cols, 1}
                            : std::vector<std::size_t>{1, info.cols};
  }

 private:
  const ScaledArray* find(const std::string& path) const {
    const auto found = findings_.scaled.find(path);
    return found == findings_.scaled.end() ? nullptr : &found->second;
  }

  const PackedTensor* packed(const std::string& path) const {
    const auto found = findings_.packed.find(path);
    return found == findings_.packed.end() ? nullptr : found->second.get();
  }

  const PackedTensor* zeroPoints(const std::string& path) const {
    const auto found = findings_.zeroPoints.find(path);
    return found == findings_.zeroPoints.end() ? nullptr : found->second.get();
  }

  template <typename T>
  Status readZeroPoints(const PackedTensor& tensor, const Box& box, T* values,
                        const TaskControl& control) const {
    if (Status status = keepParametersOf(tensor, control); !status) return status;
    const std::size_t groups = parameters_.groups;
    const bool inside = box.start.size() == 2 && box.count.size() == 2 &&
                        liesWithin(box.start[0], box.count[0], tensor.info().rows) &&
                        liesWithin(box.start[1], box.count[1], groups);
    if (!inside) {
      return Error{ErrorCode::InvalidArgument,
                   tensor.info().path + ": has not the zero points that are asked for"};
    }
    for (std::size_t row = 0; row < box.count[0]; ++row) {
      const float* from = parameters_.zero.data() + (box.start[0] + row) * groups + box.start[1];
      std::transform(from, from + box.count[1], values + row * box.count[1],
                     [](float zero) { return static_cast<T>(zero); });
    }
    return ok();
  }

  static std::optional<Part> partOf(const PackedInfo& info, const Box& box) {
    if (box.start.size() != 2 || box.count.size() != 2) return std::nullopt;
    const std::size_t r = info.inputsFirst ? 1 : 0;
    const Part part{box.start[r], box.count[r], box.start[1 - r], box.count[1 - r]};
    const bool inside = part.firstRow <= info.rows && part.rows <= info.rows - part.firstRow &&
                        part.firstCol <= info.cols && part.cols <= info.cols - part.firstCol;
    return inside ? std::optional(part) : std::nullopt;
  }

  Status readDecoded(const PackedTensor& tensor, const Box& box, float* values,
                     const TaskControl& control) const {
    const PackedInfo& info = tensor.info();
    const auto part = partOf(info, box);
    if (!part) {
      return Error{ErrorCode::InvalidArgument,
                   info.path + ": the part that is asked for is not in it"};
    }
    if (Status status = keepParametersOf(tensor, control); !status) return status;
    const std::size_t atOnce = std::max<std::size_t>(1, kDecodedAtOnce / info.cols);
    for (std::size_t done = 0; done < part->rows;) {
      if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      const std::size_t rows = std::min(atOnce, part->rows - done);
      const Status status = decodeSome(tensor, *part, done, rows, values, control.cancel);
      if (!status) return status;
      done += rows;
      if (control.progress) {
        const std::size_t rowBytes = part->cols * sizeof(float);
        control.progress(done * rowBytes, part->rows * rowBytes);
      }
    }
    return ok();
  }

  /// A box of an array of more than two axes: the rows that it reaches are decoded, some at a time,
  /// and each of its elements is taken out of them.
  Status readInShape(const PackedTensor& tensor, const Box& box, float* values,
                     const TaskControl& control) const {
    const PackedInfo& info = tensor.info();
    const std::vector<std::size_t> shape(info.shape.begin(), info.shape.end());
    bool inside = box.start.size() == shape.size() && box.count.size() == shape.size();
    for (std::size_t a = 0; inside && a < shape.size(); ++a) {
      inside = liesWithin(box.start[a], box.count[a], shape[a]);
    }
    if (!inside) {
      return Error{ErrorCode::InvalidArgument,
                   info.path + ": the part that is asked for is not in it"};
    }
    if (box.elements() == 0) return ok();
    if (Status status = keepParametersOf(tensor, control); !status) return status;
    const std::vector<std::size_t> strides = matrixStrides(shape, info.axes);
    std::size_t first = 0;
    std::size_t last = 0;
    for (std::size_t a = 0; a < shape.size(); ++a) {
      first += box.start[a] * strides[a];
      last += (box.start[a] + box.count[a] - 1) * strides[a];
    }
    const std::size_t end = last / info.cols + 1;
    const std::size_t atOnce = std::max<std::size_t>(1, kDecodedAtOnce / info.cols);
    for (std::size_t row = first / info.cols; row < end; row += atOnce) {
      if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      const std::size_t rows = std::min(atOnce, end - row);
      const auto codes = tensor.codes(*container_, row, rows, {control.cancel, {}});
      if (!codes) return codes.error();
      if (codes->size() != rows * info.cols) {
        return Error{ErrorCode::UnreadableFile, info.path + ": has not as many codes as weights"};
      }
      rows_.resize(rows * info.cols);
      decodeRows(parameters_, info.cols, row, rows, *codes, rows_.data());
      takeOut(box, strides, first, row * info.cols, values);
      if (control.progress) control.progress(row + rows, end);
    }
    return ok();
  }

  /// The elements of a box that lie in rows_, whose first is number `from` of the matrix; the box
  /// begins at number `first`.
  void takeOut(const Box& box, const std::vector<std::size_t>& strides, std::size_t first,
               std::size_t from, float* values) const {
    std::vector<std::size_t> index(box.count.size(), 0);
    std::size_t at = first;
    for (std::size_t i = 0; i < box.elements(); ++i) {
      if (at >= from && at - from < rows_.size()) values[i] = rows_[at - from];
      for (std::size_t a = index.size(); a-- > 0;) {
        at += strides[a];
        if (++index[a] < box.count[a]) break;
        at -= strides[a] * box.count[a];
        index[a] = 0;
      }
    }
  }

  /// `rows` rows of a part, behind the first `done`, into their place in its box.
  Status decodeSome(const PackedTensor& tensor, const Part& part, std::size_t done,
                    std::size_t rows, float* values, const CancelToken& cancel) const {
    const PackedInfo& info = tensor.info();
    const std::size_t first = part.firstRow + done;
    const auto codes = tensor.codes(*container_, first, rows, {cancel, {}});
    if (!codes) return codes.error();
    if (codes->size() != rows * info.cols) {
      return Error{ErrorCode::UnreadableFile, info.path + ": has not as many codes as weights"};
    }
    if (!info.inputsFirst && part.cols == info.cols) {
      decodeRows(parameters_, info.cols, first, rows, *codes, values + done * info.cols);
      return ok();
    }
    rows_.resize(rows * info.cols);
    decodeRows(parameters_, info.cols, first, rows, *codes, rows_.data());
    const Box box{{first, part.firstCol}, {rows, part.cols}};
    std::vector<std::size_t> strides{part.cols, 1};
    if (info.inputsFirst) strides = {1, part.rows};
    for (std::size_t r = 0; r < rows && part.cols != info.cols; ++r) {
      std::copy_n(rows_.data() + r * info.cols + part.firstCol, part.cols,
                  rows_.data() + r * part.cols);
    }
    scatter(rows_.data(), box, {part.firstRow, part.firstCol}, strides, values);
    return ok();
  }

  /// A tensor is read in many boxes, one after the other.
  Status keepParametersOf(const PackedTensor& tensor, const TaskControl& control) const {
    if (parametersOf_ == &tensor) return ok();
    parametersOf_ = nullptr;
    auto parameters = tensor.parameters(*container_, {control.cancel, {}});
    if (!parameters) return parameters.error();
    if (Status status = checkParameters(*parameters, tensor.info()); !status) return status;
    parameters_ = *std::move(parameters);
    parametersOf_ = &tensor;
    return ok();
  }

  /// A tensor is read in many boxes, one after the other.
  Status keepScalesOf(const std::string& path, const ScaledArray& scaled,
                      const TaskControl& control) const {
    if (path == scalesOf_) return ok();
    scalesOf_.clear();
    const auto codes = container_->elementOf(path);
    if (!codes) return codes.error();
    if (codes->floatType != StoredType::Float16) {
      return Error{ErrorCode::UnreadableFile, path + ": is not read as " + scaled.dtype};
    }
    auto scales = readScales(*container_, scaled.scales, control);
    if (!scales) return scales.error();
    scales_ = *std::move(scales);
    scalesOf_ = path;
    return ok();
  }

  SharedContainer container_;
  Findings findings_;
  mutable std::string scalesOf_;  ///< which array scales_ belong to; empty for none
  mutable std::vector<float> scales_;
  mutable const PackedTensor* parametersOf_ = nullptr;  ///< whose parameters_ are
  mutable PackedParameters parameters_;
  mutable std::vector<float> rows_;  ///< decoded, before they are put in place
};

}  // namespace

Result<SharedContainer> withQuantizedParts(SharedContainer container, const TaskControl& control) {
  const bool isNative = container->contents().format == kNativeFormat;
  if (isNative) container = withNativeNames(std::move(container));
  const StoredFile& file = container->contents();
  const bool any = std::any_of(file.arrays.begin(), file.arrays.end(), mayBeCodes);
  if (!any) return container;
  auto tensors = openPacked(*container, findCodes(file), control);
  if (!tensors) return tensors.error();
  const std::vector<FoundTensor> all = isNative ? *tensors : std::vector<FoundTensor>();
  if (isNative) leaveToTheirValues(file, *tensors);
  Findings findings = Finder(file).find(*std::move(tensors));
  offerZeroPoints(findings, all);
  tellAxes(findings.contents, all);
  if (findings.contents.quantization.empty()) return container;
  return SharedContainer(
      std::make_shared<QuantizedContainer>(std::move(container), std::move(findings)));
}

}  // namespace quantoscope
