#include "core/exporting/formats/native_file.h"

#include <H5Cpp.h>
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/file_output.h"
#include "core/base/sha256.h"
#include "core/io/container/array_box.h"
#include "core/io/hdf5/hdf5_border.h"

namespace quantoscope {

namespace {

constexpr int kFormatVersion = 1;

/// Room for the groups and attributes of a tensor, and for those of the file: more than they need.
constexpr std::uint64_t kOverhead = 64 * 1024;

using Extents = std::vector<hsize_t>;

/// HDF5's file type and memory type of an element.
template <typename T>
struct Hdf5Types;
template <>
struct Hdf5Types<float> {
  static const H5::PredType& file() { return H5::PredType::IEEE_F32LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_FLOAT; }
};
template <>
struct Hdf5Types<double> {
  static const H5::PredType& file() { return H5::PredType::IEEE_F64LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_DOUBLE; }
};
template <>
struct Hdf5Types<std::int8_t> {
  static const H5::PredType& file() { return H5::PredType::STD_I8LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_INT8; }
};
template <>
struct Hdf5Types<std::uint8_t> {
  static const H5::PredType& file() { return H5::PredType::STD_U8LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_UINT8; }
};
template <>
struct Hdf5Types<std::int32_t> {
  static const H5::PredType& file() { return H5::PredType::STD_I32LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_INT32; }
};
template <>
struct Hdf5Types<std::int64_t> {
  static const H5::PredType& file() { return H5::PredType::STD_I64LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_INT64; }
};

H5::DataSpace spaceOf(const Extents& extents) {
  if (extents.empty()) return H5::DataSpace(H5S_SCALAR);
  return H5::DataSpace(static_cast<int>(extents.size()), extents.data());
}

void setAttribute(H5::H5Object& object, const char* name, const std::string& text) {
  const H5::StrType type(H5::PredType::C_S1, H5T_VARIABLE);
  H5Tset_cset(type.getId(), H5T_CSET_UTF8);
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, text);
}

template <typename T>
void setNumber(H5::H5Object& object, const char* name, T value) {
  object.createAttribute(name, Hdf5Types<T>::file(), H5::DataSpace(H5S_SCALAR))
      .write(Hdf5Types<T>::memory(), &value);
}

/// A boolean as Python's h5py reads one: an enumeration of FALSE and TRUE.
void setFlag(H5::H5Object& object, const char* name, bool value) {
  H5::EnumType type(H5::PredType::STD_I8LE);
  std::int8_t member = 0;
  type.insert("FALSE", &member);
  member = 1;
  type.insert("TRUE", &member);
  const std::int8_t stored = value ? 1 : 0;
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, &stored);
}

void setShape(H5::H5Object& object, const std::vector<std::size_t>& shape) {
  const std::vector<std::int64_t> extents(shape.begin(), shape.end());
  object.createAttribute("source_shape", Hdf5Types<std::int64_t>::file(), spaceOf({extents.size()}))
      .write(Hdf5Types<std::int64_t>::memory(), extents.data());
}

/// How `dequantized` is read as the matrix of codes; without the axis of a stack, which it lacks.
void setAxes(H5::H5Object& object, const AxisMap& axes) {
  std::vector<std::int64_t> order(axes.order.begin(), axes.order.end());
  if (axes.slice) {
    for (std::int64_t& axis : order) --axis;
  }
  object.createAttribute("axes", Hdf5Types<std::int64_t>::file(), spaceOf({order.size()}))
      .write(Hdf5Types<std::int64_t>::memory(), order.data());
  setNumber<std::int64_t>(object, "row_axes", axes.rowAxes);
}

/// A component that HDF5 cannot hold as it is: an empty one, "." and "..".
std::string escapedComponent(const std::string& component) {
  if (component.empty()) return "%";
  if (component == ".") return "%2E";
  if (component == "..") return "%2E%2E";
  return component;
}

/// An array in the group of a tensor, and what a group beside it that wants its name is called.
struct ArrayName {
  const char* name;
  const char* escaped;
};
constexpr ArrayName kArrayNames[] = {{"codes", "%63odes"},
                                     {"scale", "%73cale"},
                                     {"zero_point", "%7Aero_point"},
                                     {"codebook", "%63odebook"},
                                     {"codebook_codes", "%63odebook_codes"},
                                     {"clip_ratio", "%63lip_ratio"},
                                     {"dequantized", "%64equantized"}};

std::string besideArrays(const std::string& component) {
  for (const ArrayName& array : kArrayNames) {
    if (component == array.name) return array.escaped;
  }
  return escapedComponent(component);
}

/// Where the arrays of a tensor go; `tensors` are the names of all that are in the file, since the
/// group of `w/scale` stands in that of `w`, if there is one.
std::string groupPathOf(const std::string& tensor, const std::set<std::string>& tensors) {
  std::string path = "/tensors";
  for (std::size_t begin = 0; begin <= tensor.size();) {
    const std::size_t end = std::min(tensor.find('/', begin), tensor.size());
    const std::string component = tensor.substr(begin, end - begin);
    const bool inTensor = begin > 0 && tensors.contains(tensor.substr(0, begin - 1));
    path += '/' + (inTensor ? besideArrays(component) : escapedComponent(component));
    begin = end + 1;
  }
  return path;
}

/// The values of a matrix in the order and shape of the file it came from.
struct StoredValues {
  Extents extents;
  std::vector<float> values;
};

StoredValues inStoredOrder(const TensorInfo& info, const Matrix& matrix) {
  StoredValues stored;
  std::vector<std::size_t> strides = matrixStrides(info.shape, info.axes);
  std::vector<std::size_t> shape = info.shape;
  if (info.axes.slice) {  // one matrix of the stack
    shape.erase(shape.begin());
    strides.erase(strides.begin());
  }
  stored.extents.assign(shape.begin(), shape.end());
  stored.values.resize(matrix.values.size());
  std::vector<std::size_t> index(shape.size());
  std::size_t from = 0;
  for (float& value : stored.values) {
    value = matrix.values[from];
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return stored;
}

void setSpecAttributes(H5::H5Object& group, const QuantSpec& spec) {
  setAttribute(group, "dtype", nameOf(spec.dtype));
  setNumber<std::int64_t>(group, "bits", spec.bits);
  setNumber<std::int64_t>(group, "group_size", spec.groupSize);
  setAttribute(group, "scheme", nameOf(spec.scheme));
  setFlag(group, "full_range", spec.fullRange);
  setFlag(group, "half_range", spec.halfRange);
  setAttribute(group, "clip", spec.clip.text());
  setAttribute(group, "compute", nameOf(spec.compute));
  setFlag(group, "double_quant", spec.doubleQuant.has_value());
  if (const auto& dq = spec.doubleQuant) {
    setAttribute(group, "double_quant_dtype", nameOf(dq->dtype));
    setNumber<std::int64_t>(group, "double_quant_bits", dq->bits);
    setAttribute(group, "double_quant_scheme", nameOf(dq->scheme));
    setNumber<std::int64_t>(group, "double_quant_group_size", dq->groupSize);
  }
}

/// Settings of this class under which an object does not tell when it was made: the same input
/// gives the same bytes.
template <typename Settings>
Settings withoutTimes(Settings settings) {
  H5Pset_obj_track_times(settings.getId(), false);
  return settings;
}

/// Ours is locked in another way, and file systems that share their locks would refuse a second.
H5::FileAccPropList withoutLock() {
  H5::FileAccPropList access;
  H5Pset_file_locking(access.getId(), false, true);
  return access;
}

class NativeSink : public TensorSink {
 public:
  NativeSink(std::unique_ptr<PendingFile> pending, const ModelHeader& header)
      : pending_(std::move(pending)),
        file_(std::make_unique<H5::H5File>(pending_->temporaryPath(), H5F_ACC_TRUNC,
                                           withoutTimes(H5::FileCreatPropList()), withoutLock())) {
    for (const TensorInfo& tensor : header.tensors) names_.insert(tensor.name);
    H5::Group root = file_->openGroup("/");
    setAttribute(root, "format", "quantoscope");
    setNumber<std::int64_t>(root, "format_version", kFormatVersion);
    setAttribute(root, "generator", "Quantoscope " QUANTOSCOPE_VERSION);
    setAttribute(root, "source_file", header.sourceFile);
    setAttribute(root, "source_sha256", header.sourceSha256);
    if (!header.sourceFiles.empty()) {
      setAttribute(root, "source_files", linesOf(header.sourceFiles));
    }
    createGroups("/tensors");
  }

  ~NativeSink() override {
    const Hdf5Lock lock;
    if (!file_) return;
    try {
      close();
    } catch (const H5::Exception&) {  // what could not be flushed is removed with the file
    }
  }

  Status add(const ExportTensor& tensor) override {
    return guarded([&] {
      reserved_ += bytesOf(tensor);
      if (auto status = pending_->reserve(reserved_); !status) return status;
      write(tensor);
      return ok();
    });
  }

  Result<FinishedFile> finish() override {
    auto status = guarded([&] {
      file_->flush(H5F_SCOPE_GLOBAL);
      close();
      return ok();
    });
    if (!status) return status.error();
    return FinishedFile{pending_->temporaryPath(), std::move(written_)};
  }

  Status commit() override { return pending_->commit(); }

 private:
  template <typename Work>
  Status guarded(Work work) {
    auto status = atHdf5Border(pending_->path(), work);
    if (status) return status;
    return Error{ErrorCode::OutputFailed, status.error().message};
  }

  /// Closes the file once. Where that fails, HDF5 has freed it all the same but still knows its
  /// number, and closing it again would end the process: the object is then given up, not
  /// destroyed.
  void close() {
    H5::H5File* file = file_.release();
    file->close();
    delete file;
  }

  /// What a tensor takes in the file, its groups and attributes generously counted.
  static std::uint64_t bytesOf(const ExportTensor& tensor) {
    const GroupLayout& layout = tensor.quantized.parameters.layout;
    const std::uint64_t codes =
        std::visit([](const auto& values) { return values.size() * sizeof(values[0]); },
                   tensor.quantized.codes);
    const std::uint64_t perGroup = sizeof(float) + sizeof(std::int32_t) + sizeof(double);
    const std::uint64_t values =
        tensor.dequantized ? tensor.dequantized->values.size() * sizeof(float) : 0;
    return kOverhead + codes + perGroup * layout.groups() + values;
  }

  void write(const ExportTensor& tensor) {
    const std::string path = groupPathOf(tensor.info.name, names_);
    H5::Group group = createGroups(path);
    const GroupParameters& parameters = tensor.quantized.parameters;
    const GroupLayout& layout = parameters.layout;
    const Extents matrix = {layout.rows, layout.cols};
    const Extents groups = {layout.rows, layout.groupsPerRow()};

    std::visit([&](const auto& codes) { writeArray(path + "/codes", matrix, codes); },
               tensor.quantized.codes);
    writeArray(path + "/scale", groups, parameters.decoding());
    if (!parameters.zeroPoint.empty()) {
      const std::vector<std::int32_t> zeroPoint(parameters.zeroPoint.begin(),
                                                parameters.zeroPoint.end());
      writeArray(path + "/zero_point", groups, zeroPoint);
    }
    if (const Codebook* codebook = codecOf(tensor.quantized.spec).codebook) {
      writeArray(path + "/codebook", {codebook->levels.size()}, codebook->levels);
      writeArray(path + "/codebook_codes", {codebook->codes.size()},
                 std::vector<std::int32_t>(codebook->codes.begin(), codebook->codes.end()));
    }
    writeRatios(path + "/clip_ratio", groups, layout, tensor.quantized.ratios);
    if (tensor.dequantized) {
      const StoredValues stored = inStoredOrder(tensor.info, *tensor.dequantized);
      writeArray(path + "/dequantized", stored.extents, stored.values);
    }

    setAttribute(group, "source_name", tensor.info.name);
    setShape(group, tensor.info.shape);
    setAttribute(group, "source_dtype", tensor.info.dtype);
    setAttribute(group, "orientation",
                 nameOf(tensor.info.transposed ? Orientation::Columns : Orientation::Rows));
    setAxes(group, tensor.info.axes);
    setSpecAttributes(group, tensor.quantized.spec);
    if (tensor.metrics) {
      for (const MetricRow& row : kMetrics) setNumber(group, row.key, row.of(*tensor.metrics));
    }
    if (tensor.storage) setNumber(group, "bits_per_weight", tensor.storage->bitsPerWeight());
  }

  void writeRatios(const std::string& path, const Extents& groups, const GroupLayout& layout,
                   const ClipRatios& ratios) {
    if (ratios.granularity == ClipRatios::Granularity::Tensor) {
      writeArray(path, {}, ratios.values);
      return;
    }
    std::vector<double> spread;
    spread.reserve(layout.groups());
    for (std::size_t r = 0; r < layout.rows; ++r) {
      for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
        spread.push_back(ratios.at(r, g, layout.groupsPerRow()));
      }
    }
    writeArray(path, groups, spread);
  }

  /// Creates the group at `path` and its parents where they are missing.
  H5::Group createGroups(const std::string& path) {
    const H5::PropList links(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links.getId(), 1);
    const H5::PropList settings = withoutTimes(H5::PropList(H5P_GROUP_CREATE));
    const hid_t id =
        H5Gcreate2(file_->getId(), path.c_str(), links.getId(), settings.getId(), H5P_DEFAULT);
    if (id < 0) {
      // One tensor's name may lead through another's group; that group then exists already.
      return file_->openGroup(path);
    }
    H5::Group group(id);
    H5Idec_ref(id);  // the object holds a reference of its own
    return group;
  }

  template <typename T>
  void writeArray(const std::string& path, const Extents& extents, const std::vector<T>& values) {
    file_
        ->createDataSet(path, Hdf5Types<T>::file(), spaceOf(extents),
                        withoutTimes(H5::DSetCreatPropList()))
        .write(values.data(), Hdf5Types<T>::memory());
    written_.push_back({path.substr(1), sha256OfBytes(values.data(), values.size() * sizeof(T))});
  }

  std::unique_ptr<PendingFile> pending_;
  std::unique_ptr<H5::H5File> file_;    ///< null once closed
  std::set<std::string> names_;         ///< of all tensors, added or not yet
  std::uint64_t reserved_ = kOverhead;  ///< bytes set aside on the disk so far
  std::vector<WrittenArray> written_;
};

/// Names that HDF5 cannot hold, or that stand for the same group when they are escaped.
Findings checkNames(const ModelHeader& header) {
  Findings findings;
  std::map<std::string, const std::string*> taken;
  std::set<std::string> names;
  for (const TensorInfo& info : header.tensors) names.insert(info.name);
  for (const TensorInfo& info : header.tensors) {
    const auto refuse = [&](const std::string& why) {
      findings.push_back({Finding::Severity::Refusal, info.name, why});
    };
    if (info.name.find('\0') != std::string::npos) {
      refuse("its name holds a NUL character; names in an HDF5 file end there");
      continue;
    }
    const auto [there, isNew] = taken.emplace(groupPathOf(info.name, names), &info.name);
    if (!isNew) {
      refuse("its place in the file, " + there->first + ", is that of " + *there->second +
             "; allowed is one tensor a place");
    }
  }
  return findings;
}

/// HDF5 opens its file by name, and so does the process that reads it back: another process'
/// nameless file can only be reached through /proc, which Landlock denies it.
Result<std::unique_ptr<TensorSink>> createNative(const OutputPath& path,
                                                 const ModelHeader& header) {
  // Created here first: HDF5's own words for a folder that is missing or read-only are a riddle.
  auto pending = std::make_unique<PendingFile>(path);
  if (auto status = pending->create(); !status) return status.error();
  if (auto status = pending->reserve(kOverhead); !status) return status.error();
  auto sink = atHdf5Border(path.path, [&]() -> Result<std::unique_ptr<TensorSink>> {
    return std::unique_ptr<TensorSink>(std::make_unique<NativeSink>(std::move(pending), header));
  });
  if (!sink) return Error{ErrorCode::OutputFailed, sink.error().message};
  return sink;
}

}  // namespace

ExportFormat nativeFormat() {
  return {"native",
          "Quantoscope HDF5",
          ".h5",
          "Codes, scales and zero points as plain HDF5 arrays, for h5py and for Quantoscope",
          ExportContent::Tensors,
          checkNames,
          createNative};
}

}  // namespace quantoscope
