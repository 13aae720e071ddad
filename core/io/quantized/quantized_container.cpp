#include "core/io/quantized/quantized_container.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/text.h"
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

/// What is found in a file. The arrays are those of `contents`, whose dtype and reasons change.
struct Findings {
  StoredFile contents;
  std::map<std::string, ScaledArray, std::less<>> scaled;
};

bool isFloat8(const StoredArray& array) {
  return array.dtype.starts_with("float8_");
}

/// Whether an array may be codes, before anything is looked up. bitsandbytes packs them into a
/// column of any type, floats too.
bool mayBeCodes(const StoredArray& array) {
  if (isFloat8(array)) return true;
  if (array.shape.size() == 2 && array.shape[1] == 1) return array.obstacle.empty();
  return array.shape.size() >= 2 && array.obstacle.empty() &&
         (array.dtype.starts_with("int") || array.dtype.starts_with("uint"));
}

std::string shapeText(const std::vector<std::uint64_t>& shape) {
  std::vector<std::string> sides;
  for (const std::uint64_t side : shape) sides.push_back(std::to_string(side));
  return "[" + join(sides, ", ") + "]";
}

class Finder {
 public:
  explicit Finder(const StoredFile& file) : file_(file), index_(file) {}

  Findings find() {
    for (const StoredArray& array : file_.arrays) {
      if (mayBeCodes(array)) findCodes(Siblings(file_, index_, array));
    }
    findFloat8();
    Findings findings{file_, std::move(scaled_)};
    for (StoredArray& array : findings.contents.arrays) {
      if (const auto reason = reasons_.find(array.path); reason != reasons_.end()) {
        array.quantized = reason->second;
      }
      const auto scaled = findings.scaled.find(array.path);
      if (scaled != findings.scaled.end()) array.dtype = scaled->second.dtype;
    }
    findings.contents.quantization = join({words_.begin(), words_.end()}, ", ");
    return findings;
  }

 private:
  void findCodes(const Siblings& siblings) {
    const std::string& path = siblings.array().path;
    if (reasons_.contains(path) && !parts_.contains(path)) return;
    for (const QuantizedFormat& format : quantizedFormats()) {
      const auto detail = format.describe(siblings);
      if (!detail) continue;
      words_.insert(format.words);
      reasons_[path] = std::string(kAlreadyQuantized) + ": " + format.name +
                       (detail->empty() ? "" : ", " + *detail);
      parts_.erase(path);
      for (const PartName& part : format.parts) {
        const StoredArray* found = siblings.find(part.name);
        if (found == nullptr || found == &siblings.array()) continue;
        if (found->shape.size() < part.leastAxes) continue;
        takePart(*found, std::string(part.holds) + " of " + path + ", which is " + format.words);
      }
      return;
    }
  }

  /// What is codes itself stays so.
  void takePart(const StoredArray& part, std::string reason) {
    if (reasons_.emplace(part.path, std::move(reason)).second) parts_.insert(part.path);
  }

  void findFloat8() {
    std::vector<std::pair<const StoredArray*, const StoredArray*>> found;
    BlockSizes usual;
    for (const StoredArray& codes : file_.arrays) {
      if (!isFloat8(codes) || reasons_.contains(codes.path)) continue;
      const StoredArray* scales = scalesOfFloat8(Siblings(file_, index_, codes));
      if (scales == nullptr || scales == &codes) continue;
      found.emplace_back(&codes, scales);
      countBlockSizes(codes.shape, scales->shape, usual);
    }
    for (const auto& [codes, scales] : found) takeFloat8(*codes, *scales, usual);
  }

  void takeFloat8(const StoredArray& codes, const StoredArray& scales, const BlockSizes& usual) {
    words_.insert("float8 with scales");
    takePart(scales, "scales of " + codes.path + ", which is float8");
    if (!codes.obstacle.empty()) return;
    const std::string about = codes.dtype + " whose scales, " + scales.path + ", ";
    if (!scales.obstacle.empty()) {
      reasons_[codes.path] = about + "cannot be read: " + scales.obstacle;
      return;
    }
    const auto grid = gridOf(codes.shape, scales.shape, usual);
    if (!grid) {
      reasons_[codes.path] =
          about + "have the shape " + shapeText(scales.shape) + ": their blocks cannot be told";
      return;
    }
    scaled_[codes.path] = {codes.dtype + std::string(kTimesScales) + grid->text(), scales, *grid};
  }

  const StoredFile& file_;
  ArraysByPath index_;
  std::map<std::string, std::string, std::less<>> reasons_;  ///< by path
  std::set<std::string, std::less<>> parts_;                 ///< those that are no codes
  std::map<std::string, ScaledArray, std::less<>> scaled_;
  std::set<std::string> words_;
};

class QuantizedContainer : public Container {
 public:
  QuantizedContainer(SharedContainer container, Findings findings)
      : container_(std::move(container)), findings_(std::move(findings)) {}

  const StoredFile& contents() const override { return findings_.contents; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    const ScaledArray* scaled = find(path);
    if (scaled == nullptr) return container_->elementOf(path);
    return StoredElement{scaled->dtype, sizeof(float), false, StoredType::Float32};
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    if (find(path) != nullptr) return std::optional<FileExtent>();
    return container_->extentOf(path);
  }

  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
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
    return container_->readAsFloat(path, box, values);
  }
  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    return container_->chunkOf(path);
  }

 private:
  const ScaledArray* find(const std::string& path) const {
    const auto found = findings_.scaled.find(path);
    return found == findings_.scaled.end() ? nullptr : &found->second;
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
};

}  // namespace

SharedContainer withQuantizedParts(SharedContainer container) {
  const StoredFile& file = container->contents();
  const bool any = std::any_of(file.arrays.begin(), file.arrays.end(), mayBeCodes);
  if (!any || file.format == "quantoscope") return container;
  Findings findings = Finder(file).find();
  if (findings.contents.quantization.empty()) return container;
  return std::make_shared<QuantizedContainer>(std::move(container), std::move(findings));
}

}  // namespace quantoscope
