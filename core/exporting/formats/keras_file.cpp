#include "core/exporting/formats/keras_file.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <unistd.h>
#include <utility>

#include "core/base/descriptor.h"
#include "core/base/file_output.h"
#include "core/base/memory_border.h"
#include "core/base/sha256.h"
#include "core/exporting/bit_packing.h"
#include "core/exporting/formats/keras_layers.h"
#include "core/exporting/hdf5_skeleton.h"
#include "core/exporting/zip_writer.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/inflate.h"

namespace quantoscope {

namespace {

constexpr const char* kWeightsMember = "model.weights.h5";
constexpr const char* kConfigMember = "config.json";
constexpr std::uint64_t kMemberAlignment = 64;
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

// ---- where everything lies

/// The file to the byte, but for elements and checksums.
struct KerasLayout {
  KerasPlan plan;
  Hdf5Skeleton skeleton;
  std::optional<ZipLayout> zip;  ///< of an archive
  std::size_t weights = 0;       ///< which of its members the HDF5 file is

  std::uint64_t base() const { return zip ? zip->dataAt(weights) : 0; }
  std::uint64_t bytes() const { return zip ? zip->bytes() : skeleton.bytes; }
};

std::uint32_t crc32OfText(const std::string& text) {
  return crc32Of(std::as_bytes(std::span(text)));
}

ZipLayout zipOf(const ModelHeader& header, KerasLayout& layout) {
  std::vector<ZipEntry> entries;
  for (const StoredMember& member : header.contents->members) {
    ZipEntry entry{member.name,
                   member.bytes,
                   member.storedBytes,
                   member.isDeflated,
                   member.isUtf8,
                   member.crc32,
                   1};
    if (member.name == kConfigMember) {
      entry.bytes = entry.storedBytes = layout.plan.config.size();
      entry.isDeflated = false;
      entry.crc32 = crc32OfText(layout.plan.config);
    } else if (member.name == kWeightsMember) {
      entry.bytes = entry.storedBytes = layout.skeleton.bytes;
      entry.isDeflated = false;
      entry.aligned = kMemberAlignment;
      layout.weights = entries.size();
    }
    entries.push_back(std::move(entry));
  }
  return ZipLayout(std::move(entries));
}

Result<KerasLayout> layoutOf(const ModelHeader& header, const std::string& about) {
  KerasLayout layout;
  auto plan = planKeras(header);
  if (!plan) return plan.error();
  layout.plan = *std::move(plan);
  auto skeleton = layOutHdf5(layout.plan.arrays, layout.plan.groupNames, about);
  if (!skeleton) return skeleton.error();
  layout.skeleton = *std::move(skeleton);
  if (layout.plan.isArchive) layout.zip = zipOf(header, layout);
  return layout;
}

// ---- packing

std::vector<std::uint8_t> zeroBytes(std::size_t count) {
  return std::vector<std::uint8_t>(count, 0);
}

/// The zero point of each group as the number that unsigned codes are counted from.
std::vector<float> zerosOf(const QuantizedTensor& tensor) {
  const GroupParameters& parameters = tensor.parameters;
  if (!parameters.zeroPoint.empty()) return parameters.zeroPoint;
  return std::vector<float>(parameters.layout.groups(),
                            static_cast<float>(1 << (tensor.spec.bits - 1)));
}

Status checkZeros(const std::string& name, const std::vector<float>& zeros, float most) {
  const auto wrong = std::find_if(zeros.begin(), zeros.end(), [&](float zero) {
    return !(zero >= 0 && zero <= most && zero == std::floor(zero));
  });
  if (wrong == zeros.end()) return ok();
  return Error{ErrorCode::DoesNotFit, name + ": has a zero point that is no integer from 0 to " +
                                          std::to_string(static_cast<int>(most))};
}

/// The arrays of a weight as they are stored.
struct PackedWeight {
  std::vector<std::uint8_t> codes;
  std::vector<float> scale;
  std::vector<std::uint8_t> zero;  ///< bytes, signed or not
  std::vector<float> floatZero;    ///< of a reverse embedding
  std::vector<float> groupIndex;
};

/// Codes [columns, rows] of the flattened kernel, of which the bits of `perByte` columns share a
/// byte, the first in its low end.
std::vector<std::uint8_t> packColumns(const std::vector<std::uint8_t>& codes, std::size_t cols,
                                      const KerasFlattening& flat, int bits,
                                      const Executor& executor) {
  const std::size_t perByte = bits == 4 ? 2 : bits == 2 ? 4 : 1;
  const std::size_t rows = flat.rows();
  const std::size_t lines = (flat.columns() + perByte - 1) / perByte;
  std::vector<std::size_t> offset(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    offset[r] = flat.rowOfLead[flat.leadOfRow[r]] * cols + flat.columnOfRow[r];
  }
  std::vector<std::uint8_t> packed = zeroBytes(lines * rows);
  const Status done = executor.forEachBlock(lines, [&](std::size_t line) {
    std::uint8_t* to = packed.data() + line * rows;
    for (std::size_t k = 0; k < perByte; ++k) {
      const std::size_t column = line * perByte + k;
      if (column >= flat.columns()) break;
      const std::uint8_t* from = codes.data() + flat.rowOfColumn[column] * cols;
      const auto shift = static_cast<unsigned>(bits) * static_cast<unsigned>(k);
      for (std::size_t r = 0; r < rows; ++r) {
        to[r] = static_cast<std::uint8_t>(to[r] | from[offset[r]] << shift);
      }
    }
  });
  (void)done;  // nobody cancels it
  return packed;
}

Result<PackedWeight> packGptq(const ExportTensor& tensor, const KerasWeight& weight,
                              const Executor& executor) {
  const KerasFlattening flat = *kerasFlattening(tensor.info);
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  const std::vector<float> zeros = zerosOf(tensor.quantized);
  const float most = std::numeric_limits<std::uint8_t>::max();
  if (auto status = checkZeros(tensor.info.name, zeros, most); !status) return status.error();
  PackedWeight packed;
  packed.codes =
      packColumns(unsignedCodes(tensor, false, executor), layout.cols, flat, weight.bits, executor);
  const std::size_t perRow = layout.groupsPerRow();
  for (const std::size_t row : flat.rowOfColumn) {
    for (const std::size_t lead : flat.rowOfLead) {
      for (std::size_t g = 0; g < perRow; ++g) {
        const std::size_t at = (row + lead) * perRow + g;
        packed.scale.push_back(parameters.decoding()[at]);
        packed.zero.push_back(static_cast<std::uint8_t>(zeros[at]));
      }
    }
  }
  for (std::size_t r = 0; r < flat.rows(); ++r) {
    const std::size_t group = flat.leadOfRow[r] * perRow + flat.columnOfRow[r] / layout.groupSize;
    packed.groupIndex.push_back(static_cast<float>(group));
  }
  return packed;
}

/// Two signed codes of an input's neighbours a byte: [words, inputs / 2], or that transposed.
Result<PackedWeight> packInt4(const ExportTensor& tensor, const KerasWeight& weight,
                              const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  const int half = 1 << (tensor.quantized.spec.bits - 1);
  const std::vector<float> zeros = zerosOf(tensor.quantized);
  if (auto status = checkZeros(tensor.info.name, zeros, static_cast<float>(2 * half - 1));
      !status) {
    return status.error();
  }
  std::vector<std::uint8_t> codes = unsignedCodes(tensor, false, executor);
  for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(code - half);
  const std::size_t bytes = (layout.cols + 1) / 2;
  PackedWeight packed;
  packed.codes = zeroBytes(layout.rows * bytes);
  std::vector<std::uint8_t> line(bytes);
  for (std::size_t r = 0; r < layout.rows; ++r) {
    packNibbles(FirstNibble::Low, std::span(codes).subspan(r * layout.cols, layout.cols),
                line.data());
    for (std::size_t b = 0; b < bytes; ++b) {
      packed.codes[weight.isReverse ? b * layout.rows + r : r * bytes + b] = line[b];
    }
  }
  const std::size_t groups = layout.groupsPerRow();
  packed.scale.resize(layout.groups());
  std::vector<float> zero(layout.groups());
  for (std::size_t r = 0; r < layout.rows; ++r) {
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t to = weight.isReverse ? g * layout.rows + r : r * groups + g;
      packed.scale[to] = parameters.decoding()[r * groups + g];
      zero[to] = zeros[r * groups + g] - static_cast<float>(half);
    }
  }
  for (const float value : zero) {
    packed.zero.push_back(static_cast<std::uint8_t>(static_cast<std::int8_t>(value)));
  }
  if (weight.isReverse) packed.floatZero = std::move(zero);
  for (std::size_t c = 0; c < layout.cols; ++c) {
    const std::size_t group = c / layout.groupSize;
    packed.groupIndex.push_back(static_cast<float>(group));
  }
  return packed;
}

/// The scale that divides, whose reciprocal is `scale`: ExportFormat::storeScales made it one.
float divisorOf(float scale) {
  float near = 1 / scale;
  for (const float step : {0.0F, 1.0F, -1.0F, 2.0F, -2.0F}) {
    float candidate = near;
    for (int i = 0; i < static_cast<int>(std::fabs(step)); ++i) {
      candidate = std::nextafter(candidate, step * std::numeric_limits<float>::infinity());
    }
    if (1 / candidate == scale) return candidate;
  }
  return near;
}

/// Signed codes, [inputs, outputs] for a kernel, a scale for each output.
PackedWeight packInt8(const ExportTensor& tensor, const KerasWeight& weight,
                      const Executor& executor) {
  const int half = 1 << (tensor.quantized.spec.bits - 1);
  PackedWeight packed;
  packed.codes = unsignedCodes(tensor, !weight.isTable || weight.isReverse, executor);
  for (std::uint8_t& code : packed.codes) code = static_cast<std::uint8_t>(code - half);
  for (const float scale : tensor.quantized.parameters.decoding()) {
    packed.scale.push_back(divisorOf(scale));
  }
  return packed;
}

Result<PackedWeight> pack(const ExportTensor& tensor, const KerasWeight& weight,
                          const Executor& executor) {
  switch (weight.mode) {
    case KerasMode::Gptq:
      return packGptq(tensor, weight, executor);
    case KerasMode::Int4:
      return packInt4(tensor, weight, executor);
    case KerasMode::Int8:
      break;
  }
  return packInt8(tensor, weight, executor);
}

// ---- the sink

class KerasSink : public TensorSink {
 public:
  KerasSink(const OutputPath& path, const ModelHeader& header, KerasLayout layout,
            const Executor& executor)
      : header_(header), layout_(std::move(layout)), executor_(executor), pending_(path) {}

  Status begin() {
    if (auto status = pending_.create(); !status) return status;
    if (auto status = pending_.reserve(layout_.bytes()); !status) return status;
    for (const Hdf5Skeleton::Piece& piece : layout_.skeleton.pieces) {
      const Status status = pending_.writeAt(layout_.base() + piece.offset, piece.bytes);
      if (!status) return status;
    }
    return layout_.zip ? beginArchive() : ok();
  }

  Status add(const ExportTensor& tensor) override {
    return withinMemory(pending_.path(), [&]() -> Status {
      const KerasWeight& weight = layout_.plan.weights.at(tensors_.size());
      auto packed = pack(tensor, weight, executor_);
      if (!packed) return packed.error();
      if (auto status = writeArray(weight.codes, packed->codes); !status) return status;
      if (auto status = writeArray(weight.scale, packed->scale); !status) return status;
      if (weight.zero) {
        const Status status = packed->floatZero.empty()
                                  ? writeArray(*weight.zero, packed->zero)
                                  : writeArray(*weight.zero, packed->floatZero);
        if (!status) return status;
      }
      if (weight.groupIndex) {
        const Status status = writeArray(*weight.groupIndex, packed->groupIndex);
        if (!status) return status;
      }
      tensors_.push_back(layout_.plan.arrays[weight.codes].path);
      return ok();
    });
  }

  Status pass(const TensorInfo& info, const ArrayReader& read) override {
    return withinMemory(pending_.path(), [&]() -> Status {
      const auto found = layout_.plan.passed.find(info.name);
      if (found == layout_.plan.passed.end()) return otherSize(info);
      const std::size_t array = found->second;
      const std::uint64_t bytes = layout_.plan.arrays[array].bytes().value_or(0);
      Sha256 digest;
      std::uint64_t done = 0;
      const TakeBytes take = [&](const std::byte* piece, std::size_t count) -> Status {
        if (count > bytes - done) return otherSize(info);
        digest.add(piece, count);
        const Status status =
            pending_.writeAt(placeOf(array) + done, {reinterpret_cast<const char*>(piece), count});
        done += count;
        return status;
      };
      if (auto status = read(take); !status) return status;
      if (done != bytes) return otherSize(info);
      written_.push_back({layout_.plan.arrays[array].path, digest.text()});
      return ok();
    });
  }

  Result<FinishedFile> finish() override {
    return withinMemory(pending_.path(), [&]() -> Result<FinishedFile> {
      const bool isWhole = tensors_.size() == layout_.plan.weights.size() &&
                           written_.size() == layout_.plan.passed.size();
      if (!isWhole) {
        return Error{ErrorCode::OutputFailed,
                     pending_.path() + ": not all arrays of the model were written"};
      }
      if (layout_.zip) {
        if (auto status = finishArchive(); !status) return status.error();
      }
      return FinishedFile{pending_.temporaryPath(), std::move(written_), std::move(tensors_)};
    });
  }

  Status commit() override { return pending_.commit(); }

 private:
  static Error otherSize(const TensorInfo& info) {
    return {ErrorCode::UnreadableFile, info.name + ": is not what was listed; open it again"};
  }

  std::uint64_t placeOf(std::size_t array) const {
    return layout_.base() + layout_.skeleton.offsets[array];
  }

  template <typename T>
  Status writeArray(std::size_t array, const std::vector<T>& values) {
    const std::size_t bytes = values.size() * sizeof(T);
    if (bytes != layout_.plan.arrays[array].bytes()) {
      return Error{ErrorCode::OutputFailed, pending_.path() + ": " +
                                                layout_.plan.arrays[array].path +
                                                " has another size than planned"};
    }
    return pending_.writeAt(placeOf(array), {reinterpret_cast<const char*>(values.data()), bytes});
  }

  // ---- the archive

  Status beginArchive() {
    const auto source = openFileBytes(header_.sourcePath);
    if (!source) return source.error();
    const std::vector<StoredMember>& members = header_.contents->members;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Status head =
          pending_.writeAt(layout_.zip->localHeaderAt(i), layout_.zip->localHeader(i));
      if (!head) return head;
      if (members[i].name == kWeightsMember) continue;
      const Status status = members[i].name == kConfigMember
                                ? pending_.writeAt(layout_.zip->dataAt(i), layout_.plan.config)
                                : copyMember(**source, members[i], layout_.zip->dataAt(i));
      if (!status) return status;
    }
    return ok();
  }

  /// As it is stored; the checksum of what is not compressed is compared on the way.
  Status copyMember(const ByteSource& source, const StoredMember& member, std::uint64_t to) {
    std::vector<std::byte> piece;
    std::uint32_t crc32 = 0;
    for (std::uint64_t done = 0; done < member.storedBytes;) {
      piece.resize(static_cast<std::size_t>(
          std::min<std::uint64_t>(kPieceBytes, member.storedBytes - done)));
      const Status read = source.read(member.offset + done, piece.data(), piece.size());
      if (!read) {
        return Error{ErrorCode::UnreadableFile,
                     header_.sourcePath + ": " + member.name + ": " + read.error().message};
      }
      crc32 = crc32Of(piece, crc32);
      const Status status =
          pending_.writeAt(to + done, {reinterpret_cast<const char*>(piece.data()), piece.size()});
      if (!status) return status;
      done += piece.size();
    }
    if (member.isDeflated || crc32 == member.crc32) return ok();
    return Error{ErrorCode::UnreadableFile,
                 header_.sourcePath + ": " + member.name + " in the archive is damaged"};
  }

  Status finishArchive() {
    auto crc32 = crc32OfWeights();
    if (!crc32) return crc32.error();
    layout_.zip->setCrc32(layout_.weights, *crc32);
    const Status head = pending_.writeAt(layout_.zip->localHeaderAt(layout_.weights),
                                         layout_.zip->localHeader(layout_.weights));
    if (!head) return head;
    return pending_.writeAt(layout_.zip->directoryAt(), layout_.zip->directory());
  }

  /// Elements were written in any order, so the file is read once more.
  Result<std::uint32_t> crc32OfWeights() const {
    const auto failure = [&](const char* why) {
      return Error{ErrorCode::OutputFailed, pending_.path() + ": cannot be read back: " + why};
    };
    const Descriptor file(::open(pending_.temporaryPath().c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return failure(std::strerror(errno));
    std::vector<std::byte> piece(
        static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, layout_.skeleton.bytes)));
    std::uint32_t crc32 = 0;
    for (std::uint64_t done = 0; done < layout_.skeleton.bytes;) {
      const std::uint64_t wanted =
          std::min<std::uint64_t>(piece.size(), layout_.skeleton.bytes - done);
      const ssize_t count = ::pread(file.get(), piece.data(), static_cast<std::size_t>(wanted),
                                    static_cast<off_t>(layout_.base() + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return failure(count < 0 ? std::strerror(errno) : "it is too short");
      crc32 = crc32Of(std::span(piece).first(static_cast<std::size_t>(count)), crc32);
      done += static_cast<std::uint64_t>(count);
    }
    return crc32;
  }

  const ModelHeader header_;
  KerasLayout layout_;
  const Executor& executor_;
  PendingFile pending_;
  std::vector<WrittenArray> written_;
  std::vector<std::string> tensors_;
};

/// Keras tells files apart by how their names end.
Status checkName(const std::string& path, bool isArchive) {
  const std::string suffix = isArchive ? ".keras" : ".weights.h5";
  if (path.ends_with(suffix)) return ok();
  return Error{ErrorCode::OutputFailed,
               path + ": Keras would not load it by this name; it must end in " + suffix};
}

Result<std::unique_ptr<TensorSink>> createKeras(const OutputPath& path, const ModelHeader& header,
                                                const Executor& executor) {
  return withinMemory(path.path, [&]() -> Result<std::unique_ptr<TensorSink>> {
    auto layout = layoutOf(header, path.path);
    if (!layout) return layout.error();
    if (auto status = checkName(path.path, layout->plan.isArchive); !status) return status.error();
    auto sink = std::make_unique<KerasSink>(path, header, *std::move(layout), executor);
    if (auto status = sink->begin(); !status) return status.error();
    return std::unique_ptr<TensorSink>(std::move(sink));
  });
}

Result<std::uint64_t> sizeOfKeras(const ModelHeader& header) {
  return withinMemory(header.sourceFile, [&]() -> Result<std::uint64_t> {
    const auto layout = layoutOf(header, header.sourceFile);
    if (!layout) return layout.error();
    return layout->bytes();
  });
}

}  // namespace

ExportFormat kerasFormat() {
  ExportFormat format{"keras",
                      "Keras 3",
                      ".keras",
                      "Keras 3.12 and later, in the source's own form: a .keras archive with the "
                      "layers' dtype policies, or .weights.h5",
                      ExportContent::Tensors,
                      checkKeras,
                      createKeras};
  format.wholeModel = true;
  format.sizeOf = sizeOfKeras;
  format.storeScales = storeKerasScales;
  return format;
}

}  // namespace quantoscope
