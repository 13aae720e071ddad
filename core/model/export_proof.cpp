#include "core/model/export_proof.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <future>
#include <limits>
#include <map>
#include <utility>
#include <variant>

#include "core/base/checked.h"
#include "core/base/file_mapping.h"
#include "core/base/sha256.h"
#include "core/io/container/array_box.h"
#include "core/io/container/element_type.h"
#include "core/io/reader/remote_container.h"
#include "core/kernels/codec.h"

namespace quantoscope {

namespace {

/// How much of an array is in memory at a time when it is read back.
constexpr std::size_t kBoxBytes = std::size_t{8} << 20;

/// How many weights are decoded at a time.
constexpr std::size_t kPieceWeights = std::size_t{1} << 20;

/// Of -0 and 0 the latter.
float plain(float value) {
  return value + 0.0F;
}

/// What a run of columns shares.
struct Step {
  float scale = 0;
  float offset = 0;
  bool operator==(const Step&) const = default;
};

/// A step in the one form that stands for all that decode alike: an offset that is a whole number
/// of scales, as symmetric codes have it in some files, is a zero point.
struct PlainStep {
  Step step;
  float zero = 0;  ///< to be taken off the code

  static PlainStep of(float scale, float offset) {
    constexpr float kMostCodes = 65536;
    const float zero = std::nearbyint(-offset / scale);
    const bool whole = std::fabs(zero) < kMostCodes && -zero * scale == offset;
    if (offset == 0 || !whole) return {{plain(scale), plain(offset)}, 0};
    return {{plain(scale), 0}, zero};
  }
};

/// Adds the runs of a row's values, each with the column that it begins at.
template <typename Value, typename At>
void addRuns(ContentHash& hash, std::size_t cols, At at) {
  Value before{};
  for (std::size_t c = 0; c < cols;) {
    const auto [value, end] = at(c);
    if (c == 0 || !(value == before)) {
      const auto begin = static_cast<std::uint64_t>(c);
      hash.add(&begin, sizeof(begin));
      hash.add(&value, sizeof(value));
      before = value;
    }
    c = end;
  }
}

/// Hashes rows one after the other: of pieces, that make up one digest in their order.
struct RowHashes {
  ContentHash units;
  ContentHash scales;
  ContentHash zeros;
};

/// What levels are multiples of: files have bitsandbytes' fp4 up to 1, the engine has it up to 12.
/// 1 where there is none above 0.
float unitOf(const std::vector<float>& levels) {
  float largest = 0;
  for (const float level : levels) {
    if (std::isfinite(level)) largest = std::max(largest, std::fabs(level));
  }
  return largest > 0 ? largest : 1;
}

/// The levels of a codebook by code, from `first` on, over their unit.
struct LevelsByCode {
  int first = 0;
  float unit = 1;
  std::vector<float> levels;

  explicit LevelsByCode(const Codebook& book) : unit(unitOf(book.levels)) {
    const auto [low, high] = std::minmax_element(book.codes.begin(), book.codes.end());
    first = *low;
    levels.assign(static_cast<std::size_t>(*high - *low) + 1, 0);
    for (std::size_t i = 0; i < book.codes.size(); ++i) {
      levels[static_cast<std::size_t>(book.codes[i] - first)] = plain(book.levels[i] / unit);
    }
  }
};

/// One row of a tensor that is on its way into a file.
class MadeRows {
 public:
  explicit MadeRows(const ExportTensor& tensor)
      : parameters_(tensor.quantized.parameters), codes_(tensor.quantized.codes) {
    if (const Codebook* book = codecOf(tensor.quantized.spec).codebook) levels_.emplace(*book);
  }

  void add(std::size_t row, RowHashes& hashes, std::vector<float>& scratch) const {
    const GroupLayout& layout = parameters_.layout;
    const std::size_t firstGroup = row * layout.groupsPerRow();
    scratch.resize(layout.cols);
    std::visit(
        [&](const auto& codes) { setUnits(codes.data() + row * layout.cols, firstGroup, scratch); },
        codes_);
    hashes.units.add(scratch.data(), scratch.size() * sizeof(float));
    addRuns<Step>(hashes.scales, layout.cols, [&](std::size_t c) {
      const std::size_t g = c / layout.groupSize;
      return std::pair(stepOf(firstGroup + g).step, endOf(g));
    });
    if (parameters_.zeroPoint.empty()) return;
    addRuns<float>(hashes.zeros, layout.cols, [&](std::size_t c) {
      const std::size_t g = c / layout.groupSize;
      return std::pair(plain(parameters_.zeroPoint[firstGroup + g]), endOf(g));
    });
  }

 private:
  PlainStep stepOf(std::size_t group) const {
    const float scale = parameters_.decoding()[group];
    return PlainStep::of(levels_ ? scale * levels_->unit : scale,
                         parameters_.offset.empty() ? 0 : parameters_.offset[group]);
  }

  std::size_t endOf(std::size_t group) const {
    return parameters_.layout.begin(group) + parameters_.layout.length(group);
  }

  template <typename Code>
  void setUnits(const Code* codes, std::size_t firstGroup, std::vector<float>& units) const {
    const GroupLayout& layout = parameters_.layout;
    for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
      const float zero =
          (parameters_.zeroPoint.empty() ? 0 : parameters_.zeroPoint[firstGroup + g]) +
          stepOf(firstGroup + g).zero;
      for (std::size_t c = layout.begin(g); c < endOf(g); ++c) {
        units[c] = levels_ ? levels_->levels[static_cast<std::size_t>(codes[c] - levels_->first)]
                           : plain(static_cast<float>(codes[c]) - zero);
      }
    }
  }

  const GroupParameters& parameters_;
  const QuantizedTensor::Codes& codes_;
  std::optional<LevelsByCode> levels_;
};

/// One row of what a file decodes to.
class ReadRows {
 public:
  ReadRows(const PackedInfo& info, const PackedParameters& parameters)
      : cols_(info.cols),
        parameters_(parameters),
        unit_(parameters.levels.empty() ? 1 : unitOf(parameters.levels)),
        levels_(parameters.levels) {
    for (float& level : levels_) level = plain(level / unit_);
    ends_.resize(parameters.groupOf.size());
    for (std::size_t c = ends_.size(); c-- > 0;) {
      const bool last = c + 1 == ends_.size() || parameters.groupOf[c] != parameters.groupOf[c + 1];
      ends_[c] = last ? c + 1 : ends_[c + 1];
    }
  }

  void add(std::size_t row, const std::int16_t* codes, RowHashes& hashes,
           std::vector<float>& scratch) const {
    scratch.resize(cols_);
    for (std::size_t c = 0; c < cols_; c = endOfRun(row, c)) {
      setUnits(scaleAt(row, c), c, endOfRun(row, c), codes, scratch);
    }
    hashes.units.add(scratch.data(), scratch.size() * sizeof(float));
    addRuns<Step>(hashes.scales, cols_, [&](std::size_t c) {
      return std::pair(stepOf(scaleAt(row, c)).step, endOfRun(row, c));
    });
    if (parameters_.zero.empty()) return;
    addRuns<float>(hashes.zeros, cols_, [&](std::size_t c) {
      return std::pair(plain(parameters_.zero[scaleAt(row, c)]), endOfRun(row, c));
    });
  }

 private:
  std::size_t scaleAt(std::size_t row, std::size_t col) const {
    if (parameters_.flatBlock != 0) return (row * cols_ + col) / parameters_.flatBlock;
    return row * parameters_.groups + parameters_.groupOf[col];
  }

  /// The column behind those that share the scale of `col`.
  std::size_t endOfRun(std::size_t row, std::size_t col) const {
    const std::size_t flat = parameters_.flatBlock;
    if (flat == 0) return ends_[col];
    return std::min(cols_, col + flat - (row * cols_ + col) % flat);
  }

  PlainStep stepOf(std::size_t at) const {
    return PlainStep::of(effective(parameters_.scale[at]) * unit_,
                         parameters_.offset.empty() ? 0 : parameters_.offset[at]);
  }

  float effective(float scale) const {
    if (parameters_.divides) return 1 / scale;
    return parameters_.divisor == 1 ? scale : scale / parameters_.divisor;
  }

  void setUnits(std::size_t at, std::size_t begin, std::size_t end, const std::int16_t* codes,
                std::vector<float>& units) const {
    if (levels_.empty()) {
      const float zero = (parameters_.zero.empty() ? 0 : parameters_.zero[at]) + stepOf(at).zero;
      for (std::size_t c = begin; c < end; ++c) {
        units[c] = plain(static_cast<float>(codes[c]) - zero);
      }
      return;
    }
    for (std::size_t c = begin; c < end; ++c) {
      const auto index = static_cast<std::size_t>(codes[c]);  // a negative one is too large
      units[c] = index < levels_.size() ? levels_[index] : std::numeric_limits<float>::quiet_NaN();
    }
  }

  std::size_t cols_;
  const PackedParameters& parameters_;
  float unit_;
  std::vector<float> levels_;      ///< over their unit
  std::vector<std::size_t> ends_;  ///< of the run that each column is in; empty with flat blocks
};

/// Pieces of whole rows; the same for both sides, since digests are of pieces.
struct Pieces {
  std::size_t rows = 0;
  std::size_t perPiece = 1;

  static Pieces of(std::size_t rows, std::size_t cols) {
    return {rows, std::max<std::size_t>(1, kPieceWeights / std::max<std::size_t>(1, cols))};
  }
  std::size_t count() const { return (rows + perPiece - 1) / perPiece; }
  std::size_t first(std::size_t piece) const { return piece * perPiece; }
  std::size_t size(std::size_t piece) const { return std::min(perPiece, rows - first(piece)); }
};

Fingerprint combined(std::size_t rows, std::size_t cols, const std::vector<RowHashes>& pieces,
                     bool hasZeros) {
  RowHashes all;
  for (const RowHashes& piece : pieces) {
    const auto put = [](ContentHash& to, const ContentHash& from) {
      const ContentDigest digest = from.digest();
      to.add(digest.data(), sizeof(digest));
    };
    put(all.units, piece.units);
    put(all.scales, piece.scales);
    put(all.zeros, piece.zeros);
  }
  return {rows, cols, all.units.digest(), all.scales.digest(), all.zeros.digest(), hasZeros};
}

/// Elements that a container widens when it reads them, such as 8-bit floats, as they lie in the
/// file.
Result<std::string> digestInFile(const Container& container, const StoredArray& array,
                                 std::uint64_t bytes) {
  const auto extent = container.extentOf(array.path);
  if (!extent) return extent.error();
  if (!*extent || (*extent)->bytes != bytes) {
    return Error{ErrorCode::UnreadableFile, array.path + ": is not as it was written"};
  }
  if (bytes == 0) return sha256OfBytes(nullptr, 0);
  const auto identity = identityOf((*extent)->file);
  if (!identity) return identity.error();
  if (!liesWithin((*extent)->offset, bytes, identity->bytes)) {
    return Error{ErrorCode::UnreadableFile, array.path + ": lies outside the file"};
  }
  const auto mapping =
      FileMapping::map((*extent)->file, *identity, (*extent)->offset, bytes, array.path);
  if (!mapping) return mapping.error();
  const std::string digest = sha256OfBytes((*mapping)->data(), bytes);
  if (auto status = (*mapping)->intact(); !status) return status.error();
  return digest;
}

/// The digest of an array's elements as they are stored.
Result<std::string> digestOf(const Container& container, const StoredArray& array,
                             const CancelToken& cancel) {
  const auto element = container.elementOf(array.path);
  if (!element) return element.error();
  const auto listed = listedBytesOf(array.dtype);
  if (listed && *listed != element->bytes) {
    const auto bytes = checkedVolume(array.shape, *listed);
    if (!bytes) return Error{ErrorCode::UnreadableFile, array.path + ": is too large"};
    return digestInFile(container, array, *bytes);
  }
  const Box whole{std::vector<std::size_t>(array.shape.size(), 0),
                  {array.shape.begin(), array.shape.end()}};
  const std::size_t target = kBoxBytes / std::max<std::size_t>(1, element->bytes);
  Sha256 digest;
  std::vector<std::byte> bytes;
  // Whole trailing axes, so that the boxes follow each other as the elements do.
  std::vector<std::size_t> unit = whole.count;
  if (!unit.empty()) unit.front() = 1;
  for (const Box& box : cutIntoBoxes(whole, unit, target)) {
    bytes.resize(box.elements() * element->bytes);
    if (auto status = container.read(array.path, box, bytes.data(), {cancel, {}}); !status) {
      return status.error();
    }
    digest.add(bytes.data(), bytes.size());
  }
  return digest.text();
}

class Proof {
 public:
  Proof(const FinishedFile& file, const std::string& path, const CancelToken& cancel)
      : file_(file), path_(path), cancel_(cancel) {}

  Status run(const std::vector<ExportClaim>& claims) {
    OpenOptions options;
    options.asStored = true;
    options.control.cancel = cancel_;
    const auto container = openRemoteContainer(file_.path, options);
    if (!container) return failed("cannot be read back: " + container.error().message);
    if (auto status = proveArrays(**container); !status) return status;
    return file_.tensors.empty() ? ok() : proveTensors(**container, claims);
  }

 private:
  Error failed(const std::string& what) const {
    if (cancel_.cancelled()) return {ErrorCode::Cancelled, "cancelled"};
    return {ErrorCode::OutputFailed, path_ + ": " + what};
  }

  Status proveArrays(const Container& container) const {
    std::map<std::string_view, const StoredArray*> listed;
    for (const StoredArray& array : container.contents().arrays) listed[array.path] = &array;
    for (const WrittenArray& written : file_.arrays) {
      const auto found = listed.find(written.path);
      if (found == listed.end()) {
        return failed(written.path + " is missing when it is read back");
      }
      const auto digest = digestOf(container, *found->second, cancel_);
      if (!digest) return failed("cannot be read back: " + digest.error().message);
      if (digest->empty() || *digest != written.sha256) {
        return failed(written.path + " read back differs from what was written");
      }
    }
    return ok();
  }

  Status proveTensors(const Container& container, const std::vector<ExportClaim>& claims) const {
    const TaskControl control{cancel_, {}};
    const auto packed = packedTensorsOf(container, control);
    if (!packed) return failed("cannot be read back: " + packed.error().message);
    std::map<std::string_view, const PackedTensor*> decoded;
    for (const SharedPackedTensor& tensor : *packed) decoded[tensor->info().path] = tensor.get();
    for (std::size_t i = 0; i < claims.size(); ++i) {
      const auto found = decoded.find(file_.tensors.at(i));
      if (found == decoded.end()) {
        return failed(claims[i].tensor + " is not found as " + file_.tensors[i] +
                      " when the file is decoded");
      }
      const auto read = fingerprintOf(*found->second, container, control);
      if (!read) return failed("cannot be decoded: " + read.error().message);
      if (const std::string what = claims[i].fingerprint.differenceFrom(*read); !what.empty()) {
        return failed(claims[i].tensor + ": its " + what +
                      " decode to something else than was quantized");
      }
    }
    return ok();
  }

  const FinishedFile& file_;
  const std::string& path_;
  CancelToken cancel_;
};

}  // namespace

std::string Fingerprint::differenceFrom(const Fingerprint& other) const {
  if (rows != other.rows || cols != other.cols) return "shape";
  if (units != other.units) return "codes";
  if (scales != other.scales) return "scales";
  return hasZeros && other.hasZeros && zeros != other.zeros ? "zero points" : "";
}

Fingerprint fingerprintOf(const ExportTensor& tensor, const Executor& executor) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  const Pieces pieces = Pieces::of(layout.rows, layout.cols);
  const MadeRows rows(tensor);
  std::vector<RowHashes> hashes(pieces.count());
  const Status done = executor.forEachBlock(pieces.count(), [&](std::size_t piece) {
    std::vector<float> scratch;
    for (std::size_t r = 0; r < pieces.size(piece); ++r) {
      rows.add(pieces.first(piece) + r, hashes[piece], scratch);
    }
  });
  (void)done;  // nobody cancels it
  return combined(layout.rows, layout.cols, hashes, !tensor.quantized.parameters.zeroPoint.empty());
}

Result<Fingerprint> fingerprintOf(const PackedTensor& tensor, const Container& container,
                                  const TaskControl& control) {
  const PackedInfo& info = tensor.info();
  const auto parameters = tensor.parameters(container, control);
  if (!parameters) return parameters.error();
  if (auto status = checkParameters(*parameters, info); !status) return status.error();
  const ReadRows rows(info, *parameters);
  const Pieces pieces = Pieces::of(info.rows, info.cols);
  std::vector<RowHashes> hashes(pieces.count());
  std::vector<float> scratch;
  const auto read = [&](std::size_t piece) {
    return std::async(std::launch::async, [&, piece] {
      return tensor.codes(container, pieces.first(piece), pieces.size(piece), control);
    });
  };
  // While one piece is looked at, the next is unpacked.
  std::future<Result<std::vector<std::int16_t>>> next;
  if (pieces.count() > 0) next = read(0);
  for (std::size_t piece = 0; piece < pieces.count(); ++piece) {
    const auto codes = next.get();
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    if (!codes) return codes.error();
    if (codes->size() != pieces.size(piece) * info.cols) {
      return Error{ErrorCode::UnreadableFile, info.path + ": has not as many codes as weights"};
    }
    if (piece + 1 < pieces.count()) next = read(piece + 1);
    for (std::size_t r = 0; r < pieces.size(piece); ++r) {
      rows.add(pieces.first(piece) + r, codes->data() + r * info.cols, hashes[piece], scratch);
    }
  }
  return combined(info.rows, info.cols, hashes, !parameters->zero.empty());
}

Status proveExport(const FinishedFile& file, const std::vector<ExportClaim>& claims,
                   const std::string& path, const CancelToken& cancel) {
  if (file.path.empty() || (file.arrays.empty() && file.tensors.empty())) return ok();
  return Proof(file, path, cancel).run(claims);
}

}  // namespace quantoscope
