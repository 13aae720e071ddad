#include "core/exporting/formats/native_file.h"

#include <H5Cpp.h>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/checked.h"
#include "core/base/file_output.h"
#include "core/base/sha256.h"
#include "core/exporting/formats/native_arrays.h"
#include "core/exporting/formats/native_names.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/hdf5/hdf5_pages.h"

namespace quantoscope {

namespace {

constexpr int kFormatVersion = 2;

/// Room for the groups and attributes of a tensor, and for those of the file: more than they need.
constexpr std::uint64_t kOverhead = 64 * 1024;

using Extents = std::vector<hsize_t>;

/// HDF5's file type and memory type of an attribute's number.
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
struct Hdf5Types<std::int64_t> {
  static const H5::PredType& file() { return H5::PredType::STD_I64LE; }
  static const H5::PredType& memory() { return H5::PredType::NATIVE_INT64; }
};

const H5::PredType& fileTypeOf(NativeType type) {
  switch (type) {
    case NativeType::UInt8:
      return H5::PredType::STD_U8LE;
    case NativeType::UInt16:
      return H5::PredType::STD_U16LE;
    case NativeType::Int32:
      return H5::PredType::STD_I32LE;
    case NativeType::Float32:
      return H5::PredType::IEEE_F32LE;
    case NativeType::Float64:
      break;
  }
  return H5::PredType::IEEE_F64LE;
}

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
H5::EnumType booleanType() {
  H5::EnumType type(H5::PredType::STD_I8LE);
  std::int8_t member = 0;
  type.insert("FALSE", &member);
  member = 1;
  type.insert("TRUE", &member);
  return type;
}

void setFlag(H5::H5Object& object, const char* name, bool value) {
  const H5::EnumType type = booleanType();
  const std::int8_t stored = value ? 1 : 0;
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, &stored);
}

void setNumbers(H5::H5Object& object, const char* name, const std::vector<std::int64_t>& values) {
  object.createAttribute(name, Hdf5Types<std::int64_t>::file(), spaceOf({values.size()}))
      .write(Hdf5Types<std::int64_t>::memory(), values.data());
}

/// How `dequantized` is read as the matrix of codes; without the axis of a stack, which it lacks.
void setAxes(H5::H5Object& object, const AxisMap& axes) {
  std::vector<std::int64_t> order(axes.order.begin(), axes.order.end());
  if (axes.slice) {
    for (std::int64_t& axis : order) --axis;
  }
  setNumbers(object, "axes", order);
  setNumber<std::int64_t>(object, "row_axes", axes.rowAxes);
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

void setPacking(H5::H5Object& group, const NativeOutline& outline) {
  setAttribute(group, "packing", outline.packing.dense ? "dense" : "none");
  setNumber<std::int64_t>(group, "cols", static_cast<std::int64_t>(outline.layout.cols));
  if (!outline.packing.dense) return;
  setNumber<std::int64_t>(group, "code_bits", outline.packing.bits);
  setNumber<std::int64_t>(group, "code_offset", outline.packing.offset);
}

/// What is said of a tensor beside its specification.
struct Measured {
  std::optional<ErrorMetrics> metrics;
  std::optional<double> bitsPerWeight;
  float tensorScale = 1;
};

void setTensorAttributes(H5::H5Object& group, const NativeOutline& outline,
                         const Measured& measured) {
  const TensorInfo& info = outline.info;
  setAttribute(group, "source_name", info.name);
  setNumbers(group, "source_shape", {info.shape.begin(), info.shape.end()});
  setAttribute(group, "source_dtype", info.dtype);
  setAttribute(group, "orientation",
               nameOf(info.transposed ? Orientation::Columns : Orientation::Rows));
  setAxes(group, info.axes);
  setSpecAttributes(group, outline.spec);
  setPacking(group, outline);
  if (formatOf(outline.spec.dtype).tensorBits > 0) {
    setNumber(group, "tensor_scale", measured.tensorScale);
  }
  if (measured.metrics) {
    for (const MetricRow& row : kMetrics) setNumber(group, row.key, row.of(*measured.metrics));
  }
  if (measured.bitsPerWeight) setNumber(group, "bits_per_weight", *measured.bitsPerWeight);
}

// ---- arrays that are passed

H5::DataType half() {
  H5::FloatType type(H5::PredType::IEEE_F32LE);
  type.setFields(15, 10, 5, 0, 10);
  type.setSize(2);
  type.setEbias(15);
  return type;
}

template <std::size_t bytes>
H5::DataType opaque() {
  return H5::DataType(H5T_OPAQUE, bytes);
}

/// An element type that can be passed. What HDF5 has no type for are opaque bytes, and the
/// attribute dtype says what they are, as Keras does it for bfloat16.
struct PassedType {
  const char* dtype;
  std::size_t bytes;
  H5::DataType (*make)();
  bool named = false;
};

const PassedType kPassedTypes[] = {
    {"float32", 4, [] { return H5::DataType(H5::PredType::IEEE_F32LE); }},
    {"float64", 8, [] { return H5::DataType(H5::PredType::IEEE_F64LE); }},
    {"float16", 2, half},
    {"bfloat16", 2, opaque<2>, true},
    {"float8_e4m3fn", 1, opaque<1>, true},
    {"float8_e5m2", 1, opaque<1>, true},
    {"float8_e8m0fnu", 1, opaque<1>, true},
    {"int8", 1, [] { return H5::DataType(H5::PredType::STD_I8LE); }},
    {"int16", 2, [] { return H5::DataType(H5::PredType::STD_I16LE); }},
    {"int32", 4, [] { return H5::DataType(H5::PredType::STD_I32LE); }},
    {"int64", 8, [] { return H5::DataType(H5::PredType::STD_I64LE); }},
    {"uint8", 1, [] { return H5::DataType(H5::PredType::STD_U8LE); }},
    {"uint16", 2, [] { return H5::DataType(H5::PredType::STD_U16LE); }},
    {"uint32", 4, [] { return H5::DataType(H5::PredType::STD_U32LE); }},
    {"uint64", 8, [] { return H5::DataType(H5::PredType::STD_U64LE); }},
    {"bool", 1, [] { return H5::DataType(booleanType()); }},
    {"opaque16", 2, opaque<2>},
};

const PassedType* passedTypeOf(const std::string& dtype) {
  const auto* found = std::find_if(std::begin(kPassedTypes), std::end(kPassedTypes),
                                   [&](const PassedType& type) { return dtype == type.dtype; });
  return found == std::end(kPassedTypes) ? nullptr : found;
}

/// Writes an array's elements as they come, in row-major order, with no more than an element kept.
/// Throws; needs the Hdf5Lock, also when it goes.
class ElementWriter {
 public:
  ElementWriter(const H5::DataSet& array, Extents extents)
      : array_(array),
        type_(array_.getDataType()),
        extents_(std::move(extents)),
        elementBytes_(type_.getSize()),
        remaining_(*checkedVolume(extents_)) {}

  /// Whether these are not more than the array has.
  bool take(const std::byte* bytes, std::size_t count) {
    while (count > 0) {
      if (part_.empty() && count >= elementBytes_) {
        const std::size_t whole = count / elementBytes_;
        if (whole > remaining_) return false;
        write(bytes, whole);
        bytes += whole * elementBytes_;
        count -= whole * elementBytes_;
        continue;
      }
      const std::size_t more = std::min(count, elementBytes_ - part_.size());
      part_.insert(part_.end(), bytes, bytes + more);
      bytes += more;
      count -= more;
      if (part_.size() < elementBytes_) break;
      if (remaining_ == 0) return false;
      write(part_.data(), 1);
      part_.clear();
    }
    return true;
  }

  bool isComplete() const { return remaining_ == 0 && part_.empty(); }

 private:
  /// A run of elements, as boxes.
  void write(const std::byte* bytes, std::uint64_t count) {
    while (count > 0) {
      // The outermost axis along which the run goes on for a whole step; `step` elements.
      std::size_t axis = extents_.size();
      std::uint64_t step = 1;
      while (axis > 1 && next_ % (step * extents_[axis - 1]) == 0 &&
             count >= step * extents_[axis - 1]) {
        step *= extents_[--axis];
      }
      const std::uint64_t done = writeBox(bytes, axis, step, count);
      bytes += done * elementBytes_;
      next_ += done;
      remaining_ -= done;
      count -= done;
    }
  }

  /// Steps of `step` elements along the axis before `axis`, as many as there are up to its end.
  std::uint64_t writeBox(const std::byte* bytes, std::size_t axis, std::uint64_t step,
                         std::uint64_t count) {
    if (extents_.empty()) {
      array_.write(bytes, type_);
      return 1;
    }
    Extents start(extents_.size(), 0);
    Extents sides(extents_);
    std::uint64_t rest = next_ / step;
    for (std::size_t a = axis; a-- > 0;) {
      start[a] = rest % extents_[a];
      rest /= extents_[a];
      sides[a] = 1;
    }
    const std::uint64_t steps =
        std::min<std::uint64_t>(count / step, extents_[axis - 1] - start[axis - 1]);
    sides[axis - 1] = steps;
    const hsize_t elements = steps * step;
    H5::DataSpace inFile = array_.getSpace();
    inFile.selectHyperslab(H5S_SELECT_SET, sides.data(), start.data());
    array_.write(bytes, type_, H5::DataSpace(1, &elements), inFile);
    return elements;
  }

  H5::DataSet array_;
  H5::DataType type_;
  Extents extents_;
  std::size_t elementBytes_;
  std::uint64_t next_ = 0;
  std::uint64_t remaining_;
  std::vector<std::byte> part_;  ///< of an element
};

// ---- the file

/// Settings of this class under which an object does not tell when it was made: the same input
/// gives the same bytes.
template <typename Settings>
Settings withoutTimes(Settings settings) {
  H5Pset_obj_track_times(settings.getId(), false);
  return settings;
}

/// In one piece, whose place is known before anything is written, and which nobody fills.
H5::DSetCreatPropList inOnePiece() {
  H5::DSetCreatPropList settings = withoutTimes(H5::DSetCreatPropList());
  settings.setAllocTime(H5D_ALLOC_TIME_EARLY);
  settings.setFillTime(H5D_FILL_TIME_NEVER);
  return settings;
}

/// Ours is locked in another way, and file systems that share their locks would refuse a second.
H5::FileAccPropList withoutLock() {
  H5::FileAccPropList access;
  H5Pset_file_locking(access.getId(), false, true);
  return access;
}

/// The HDF5 file itself. The calls alone decide where everything in it goes, not the elements: a
/// file that gets none is as long as one that gets them. Throws; needs the Hdf5Lock.
class NativeLayout {
 public:
  NativeLayout(const std::string& path, const ModelHeader& header)
      : NativeLayout(
            H5::H5File(path, H5F_ACC_TRUNC, withoutTimes(H5::FileCreatPropList()), withoutLock()),
            header) {}

  /// In memory: only what is written takes room there.
  NativeLayout(Hdf5Pages& pages, const ModelHeader& header)
      : NativeLayout(createHdf5InPages(pages, withoutTimes(H5::FileCreatPropList()), withoutLock()),
                     header) {}

  NativeLayout(const H5::H5File& file, const ModelHeader& header)
      : file_(std::make_unique<H5::H5File>(file)),
        tensors_(namesOf(header.tensors)),
        passed_(namesOf(header.passed)) {
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

  ~NativeLayout() {
    const Hdf5Lock lock;
    if (!file_) return;
    try {
      close();
    } catch (const H5::Exception&) {  // what could not be flushed is removed with the file
    }
  }

  /// Called once for each array, with its path.
  using Fill = std::function<void(const NativeArray&, const std::string&, const H5::DataSet&)>;

  void addTensor(const NativeOutline& outline, const Measured& measured, const Fill& fill) {
    const std::string path = nativeGroupOf(outline.info.name, tensors_);
    H5::Group group = createGroups(path);
    for (const NativeArray& array : nativeArraysOf(outline)) {
      const std::string name = path + "/" + array.name;
      const Extents extents(array.shape.begin(), array.shape.end());
      fill(array, name,
           file_->createDataSet(name, fileTypeOf(array.type), spaceOf(extents), inOnePiece()));
    }
    setTensorAttributes(group, outline, measured);
  }

  std::string passedPath(const std::string& name) const { return nativePassedPath(name, passed_); }

  H5::DataSet addPassed(const TensorInfo& info, const PassedType& type) {
    const std::string path = passedPath(info.name);
    createGroups(path.substr(0, path.rfind('/')));
    const Extents extents(info.shape.begin(), info.shape.end());
    H5::DataSet array = file_->createDataSet(path, type.make(), spaceOf(extents), inOnePiece());
    setAttribute(array, "source_name", info.name);
    if (type.named) setAttribute(array, "dtype", type.dtype);
    return array;
  }

  void finish() {
    file_->flush(H5F_SCOPE_GLOBAL);
    close();
  }

 private:
  /// Closes the file once. Where that fails, HDF5 has freed it all the same but still knows its
  /// number, and closing it again would end the process: the object is then given up, not
  /// destroyed.
  void close() {
    H5::H5File* file = file_.release();
    file->close();
    delete file;
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

  std::unique_ptr<H5::H5File> file_;  ///< null once closed
  std::set<std::string> tensors_;     ///< the names of all, added or not yet
  std::set<std::string> passed_;
};

class NativeSink : public TensorSink {
 public:
  NativeSink(std::unique_ptr<PendingFile> pending, const ModelHeader& header,
             const Executor& executor)
      : pending_(std::move(pending)),
        layout_(pending_->temporaryPath(), header),
        executor_(executor) {}

  Status add(const ExportTensor& tensor) override {
    return guarded([&]() -> Status {
      const NativeOutline outline = outlineOf(tensor);
      std::uint64_t bytes = kOverhead;
      for (const NativeArray& array : nativeArraysOf(outline)) bytes += array.bytes();
      if (auto status = reserve(bytes); !status) return status;
      Measured measured{tensor.metrics, {}, tensor.quantized.parameters.tensorScale};
      if (tensor.storage) measured.bitsPerWeight = tensor.storage->bitsPerWeight();
      layout_.addTensor(outline, measured,
                        [&](const NativeArray& array, const std::string& path,
                            const H5::DataSet& place) { write(tensor, array, path, place); });
      if (outline.packing.dense) decoded_.push_back(tensor.info.name);
      return ok();
    });
  }

  /// Whoever reads takes the lock of HDF5 itself, perhaps on another thread.
  Status pass(const TensorInfo& info, const ArrayReader& read) override {
    std::optional<ElementWriter> writer;
    Sha256 digest;
    Status done = guarded([&]() -> Status {
      const PassedType* type = passedTypeOf(info.dtype);
      if (type == nullptr) throw Hdf5Failure(info.name + ": cannot hold " + info.dtype);
      const auto bytes = checkedVolume(info.shape, type->bytes);
      if (!bytes) throw Hdf5Failure(info.name + ": claims more than can exist");
      if (auto status = reserve(kOverhead + *bytes); !status) return status;
      writer.emplace(layout_.addPassed(info, *type), Extents(info.shape.begin(), info.shape.end()));
      return ok();
    });
    if (!done) return done;
    done = read([&](const std::byte* piece, std::size_t count) {
      return guarded([&] {
        if (!writer->take(piece, count)) {
          throw Hdf5Failure(info.name + ": there is more of it than its shape says");
        }
        digest.add(piece, count);
        return ok();
      });
    });
    const Status closed = guarded([&] {
      const bool complete = writer->isComplete();
      writer.reset();
      if (done && !complete) {
        throw Hdf5Failure(info.name + ": there is less of it than its shape says");
      }
      written_.push_back({layout_.passedPath(info.name).substr(1), digest.text()});
      return ok();
    });
    return done ? closed : done;
  }

  Result<FinishedFile> finish() override {
    auto status = guarded([&] {
      layout_.finish();
      return ok();
    });
    if (!status) return status.error();
    return FinishedFile{pending_->temporaryPath(), std::move(written_), std::move(decoded_)};
  }

  Status commit() override { return pending_->commit(); }

 private:
  template <typename Work>
  Status guarded(Work work) {
    auto status = atHdf5Border(pending_->path(), work);
    if (status) return status;
    return Error{ErrorCode::OutputFailed, status.error().message};
  }

  Status reserve(std::uint64_t bytes) {
    reserved_ += bytes;
    return pending_->reserve(reserved_);
  }

  void write(const ExportTensor& tensor, const NativeArray& array, const std::string& path,
             const H5::DataSet& place) {
    const std::vector<std::byte> bytes = array.fill(tensor, executor_);
    if (bytes.size() != array.bytes()) {
      throw Hdf5Failure(path + ": " + std::to_string(bytes.size()) + " bytes do not fill it");
    }
    place.write(bytes.data(), fileTypeOf(array.type));
    written_.push_back({path.substr(1), sha256OfBytes(bytes.data(), bytes.size())});
  }

  std::unique_ptr<PendingFile> pending_;
  NativeLayout layout_;
  Executor executor_;
  std::uint64_t reserved_ = kOverhead;  ///< bytes set aside on the disk so far
  std::vector<WrittenArray> written_;
  std::vector<std::string> decoded_;  ///< the names of tensors that can be decoded
};

// ---- the row

Findings checkNative(const ModelHeader& header) {
  Findings findings = nativeNameFindings(header);
  for (const TensorInfo& info : header.passed) {
    if (passedTypeOf(info.dtype) != nullptr) continue;
    std::string allowed;
    for (const PassedType& type : kPassedTypes) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(type.dtype);
    }
    findings.push_back({Finding::Severity::Refusal, info.name,
                        "its elements are " + (info.dtype.empty() ? "unknown" : info.dtype) +
                            "; allowed are " + allowed});
  }
  return findings;
}

/// HDF5 opens its file by name, and so does the process that reads it back: another process'
/// nameless file can only be reached through /proc, which Landlock denies it.
Result<std::unique_ptr<TensorSink>> createNative(const OutputPath& path, const ModelHeader& header,
                                                 const Executor& executor) {
  // Created here first: HDF5's own words for a folder that is missing or read-only are a riddle.
  auto pending = std::make_unique<PendingFile>(path);
  if (auto status = pending->create(); !status) return status.error();
  if (auto status = pending->reserve(kOverhead); !status) return status.error();
  auto sink = atHdf5Border(path.path, [&]() -> Result<std::unique_ptr<TensorSink>> {
    return std::unique_ptr<TensorSink>(
        std::make_unique<NativeSink>(std::move(pending), header, executor));
  });
  if (!sink) return Error{ErrorCode::OutputFailed, sink.error().message};
  return sink;
}

/// What is said of a tensor takes the same room whatever it is.
Measured anyMeasured() {
  return {ErrorMetrics::unknown(), 0.0, 1};
}

/// Lays the file out without its elements, which take no room then.
Result<std::uint64_t> nativeSize(const ModelHeader& header) {
  return atHdf5Border(header.sourceFile, [&]() -> Result<std::uint64_t> {
    Hdf5Pages pages;
    ModelHeader known = header;
    constexpr std::size_t kDigestLength = 64;
    if (known.sourceSha256.empty()) known.sourceSha256.assign(kDigestLength, '0');
    NativeLayout layout(pages, known);
    for (const TensorInfo& info : header.tensors) {
      const QuantSpec spec = header.plan.specFor(info.name);
      layout.addTensor(outlineOf(info, spec), anyMeasured(),
                       [](const NativeArray&, const std::string&, const H5::DataSet&) {});
    }
    for (const TensorInfo& info : header.passed) {
      const PassedType* type = passedTypeOf(info.dtype);
      if (type == nullptr || !checkedVolume(info.shape, type->bytes)) {
        return Error{ErrorCode::DoesNotFit, info.name + ": cannot hold " + info.dtype};
      }
      layout.addPassed(info, *type);
    }
    layout.finish();
    return pages.bytes;
  });
}

}  // namespace

ExportFormat nativeFormat() {
  return {.id = "native",
          .title = "Quantoscope HDF5",
          .suffix = ".h5",
          .tip = "Codes, scales and zero points as plain HDF5 arrays, for h5py and for Quantoscope",
          .content = ExportContent::Tensors,
          .check = checkNative,
          .create = createNative,
          .wholeModel = true,
          .sizeOf = nativeSize};
}

}  // namespace quantoscope
