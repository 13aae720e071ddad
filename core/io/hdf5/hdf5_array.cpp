#include "core/io/hdf5/hdf5_array.h"

#include <H5Cpp.h>
#include <algorithm>
#include <limits>

#include "core/base/text.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/hdf5/hdf5_file.h"
#include "core/io/hdf5/hdf5_filters.h"

namespace quantoscope {

namespace {

/// A claim of more than this many times the stored bytes is hardly a compressed model.
constexpr std::uint64_t kMostCompression = 1000;
constexpr std::uint64_t kHarmlessBytes = std::uint64_t{4} << 30;

/// Where the parts of a binary float lie, as HDF5 describes it.
struct FloatLayout {
  StoredType type;
  std::size_t bytes;
  std::size_t sign;
  std::size_t exponent;
  std::size_t exponentBits;
  std::size_t mantissaBits;
  std::size_t bias;
};

constexpr FloatLayout kFloatLayouts[] = {
    {StoredType::Float32, 4, 31, 23, 8, 23, 127},
    {StoredType::Float64, 8, 63, 52, 11, 52, 1023},
    {StoredType::Float16, 2, 15, 10, 5, 10, 15},
    {StoredType::BFloat16, 2, 15, 7, 8, 7, 127},
};

/// Which of the four formats a float type is, whatever it is called or however it was made.
std::optional<StoredType> floatTypeOf(const H5::FloatType& type) {
  std::size_t sign = 0;
  std::size_t exponent = 0;
  std::size_t exponentBits = 0;
  std::size_t mantissa = 0;
  std::size_t mantissaBits = 0;
  type.getFields(sign, exponent, exponentBits, mantissa, mantissaBits);
  H5std_string order;
  const H5T_order_t byteOrder = type.getOrder(order);
  H5std_string norm;
  if (type.getNorm(norm) != H5T_NORM_IMPLIED) return std::nullopt;
  if (byteOrder != H5T_ORDER_LE && byteOrder != H5T_ORDER_BE) return std::nullopt;
  if (mantissa != 0 || type.getOffset() != 0) return std::nullopt;
  for (const FloatLayout& layout : kFloatLayouts) {
    if (type.getSize() == layout.bytes && sign == layout.sign && exponent == layout.exponent &&
        exponentBits == layout.exponentBits && mantissaBits == layout.mantissaBits &&
        type.getEbias() == layout.bias) {
      return layout.type;
    }
  }
  return std::nullopt;
}

Hdf5Element floatElement(const H5::DataSet& array) {
  const H5::FloatType type = array.getFloatType();
  Hdf5Element element;
  element.bytes = type.getSize();
  element.floatType = floatTypeOf(type);
  element.name = element.floatType ? nameOf(*element.floatType)
                                   : "float" + std::to_string(8 * element.bytes) + " (custom)";
  H5std_string order;
  element.bigEndian = element.floatType && type.getOrder(order) == H5T_ORDER_BE;
  return element;
}

Hdf5Element integerElement(const H5::DataSet& array) {
  const H5::IntType type = array.getIntType();
  const char* sign = type.getSign() == H5T_SGN_NONE ? "uint" : "int";
  Hdf5Element element;
  element.bytes = type.getSize();
  element.name = sign + std::to_string(8 * element.bytes);
  element.integer = true;
  H5std_string order;
  element.bigEndian = type.getOrder(order) == H5T_ORDER_BE;
  return element;
}

/// Keras 3 writes bfloat16 as two opaque bytes and says so in an attribute; so do native files with
/// 8-bit floats.
Hdf5Element opaqueElement(const H5::DataSet& array, std::size_t bytes) {
  Hdf5Element element;
  element.bytes = bytes;
  element.name = "opaque" + std::to_string(8 * bytes);
  if (bytes == 2 && textOf(array, "dtype") == "bfloat16") {
    element.floatType = StoredType::BFloat16;
    element.name = nameOf(StoredType::BFloat16);
  }
  if (bytes != 1) return element;
  const std::string told = textOf(array, "dtype");
  for (const ElementType type :
       {ElementType::Float8E4M3, ElementType::Float8E5M2, ElementType::Float8E8M0}) {
    const StoredElement read = elementOfType(type);
    if (told != read.name) continue;
    element.name = read.name;
    element.floatType = read.floatType;
    element.narrow = type;
  }
  return element;
}

/// What h5py writes booleans as: 0 and 1 in a byte, called FALSE and TRUE.
bool isBoolean(const H5::DataSet& array) {
  const H5::EnumType type = array.getEnumType();
  if (type.getSize() != 1 || type.getNmembers() != 2) return false;
  for (const unsigned member : {0U, 1U}) {
    std::int8_t value = -1;
    type.getMemberValue(member, &value);
    if (type.nameOf(&value, 8) != (member == 0 ? "FALSE" : "TRUE")) return false;
    if (value != static_cast<std::int8_t>(member)) return false;
  }
  return true;
}

Hdf5Element elementOf(const H5::DataSet& array) {
  const H5::DataType type = array.getDataType();
  const auto named = [&type](const char* name) {
    Hdf5Element element;
    element.name = name;
    element.bytes = type.getSize();
    return element;
  };
  switch (type.getClass()) {
    case H5T_FLOAT:
      return floatElement(array);
    case H5T_INTEGER:
      return integerElement(array);
    case H5T_OPAQUE:
      return opaqueElement(array, type.getSize());
    case H5T_STRING:
      return named("string");
    case H5T_COMPOUND:
      return named("compound");
    case H5T_ENUM: {
      Hdf5Element element = named("enumeration");
      element.integer = isBoolean(array);
      if (element.integer) element.name = elementOfType(ElementType::Bool).name;
      return element;
    }
    case H5T_VLEN:
      return named("variable-length list");
    case H5T_ARRAY:
      return named("array");
    case H5T_REFERENCE:
      return named("reference");
    case H5T_BITFIELD:
      return named("bitfield");
    default:
      return named("unknown type");
  }
}

std::vector<hsize_t> shapeOf(const H5::DataSpace& space) {
  if (!space.isSimple()) return {};
  std::vector<hsize_t> shape(static_cast<std::size_t>(space.getSimpleExtentNdims()));
  if (!shape.empty()) space.getSimpleExtentDims(shape.data());
  return shape;
}

/// The bytes that the shape claims; the greatest number there is where it claims more.
std::uint64_t claimedBytes(const StoredArray& array) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t bytes = std::max<std::uint64_t>(1, array.elementBytes);
  for (const std::uint64_t side : array.shape) {
    if (side == 0) return 0;
    bytes = bytes > kMost / side ? kMost : bytes * side;
  }
  return bytes;
}

std::string bytesText(std::uint64_t bytes) {
  return formatBytes(static_cast<double>(bytes));
}

/// Why an array cannot be read, and whether the user may allow it.
struct Obstacle {
  std::string text;
  bool refused = false;
};

bool isTooLarge(std::uint64_t claimed, std::uint64_t stored) {
  return claimed > kHarmlessBytes && claimed / stored > kMostCompression;
}

/// The chunks that an array of this shape has; the greatest number there is where it has more.
std::uint64_t chunkCount(const H5::DataSet& array, const std::vector<std::uint64_t>& shape) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::vector<hsize_t> chunk(shape.size(), 1);
  array.getCreatePlist().getChunk(static_cast<int>(chunk.size()), chunk.data());
  std::uint64_t chunks = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::uint64_t side = std::max<hsize_t>(1, chunk[axis]);
    const std::uint64_t count = shape[axis] / side + (shape[axis] % side != 0);
    chunks = count != 0 && chunks > kMost / count ? kMost : chunks * count;
  }
  return chunks;
}

std::uint64_t writtenChunks(const H5::DataSet& array) {
  hsize_t written = 0;
  const H5::DataSpace space = array.getSpace();
  if (H5Dget_num_chunks(array.getId(), space.getId(), &written) < 0) {
    throw Hdf5Failure("the index of its chunks is damaged (" + hdf5Complaint() + ")");
  }
  return written;
}

/// Why the stored bytes cannot be what the shape says; empty if they can.
Obstacle storageObstacle(const H5::DataSet& array, const StoredArray& described,
                         H5D_layout_t layout, const Hdf5Surroundings& surroundings) {
  const std::uint64_t claimed = claimedBytes(described);
  if (claimed == 0) return {};  // no elements: told by its shape
  const std::uint64_t stored = array.getStorageSize();
  if (stored == 0) return {"no data has ever been written to it"};
  if (stored > surroundings.bytes && !surroundings.allowOutside) {
    return {"claims " + bytesText(stored) + " in a file of " + bytesText(surroundings.bytes)};
  }
  const bool canDiffer = layout == H5D_CHUNKED;
  if (canDiffer && !surroundings.allowOutside) {
    const std::uint64_t chunks = chunkCount(array, described.shape);
    const std::uint64_t written = writtenChunks(array);
    if (written < chunks && !isTooLarge(claimed, stored)) {
      return {std::to_string(chunks - written) + " of its " + std::to_string(chunks) +
                  " chunks have never been written and would read as the fill value",
              true};
    }
  }
  if (!canDiffer && stored < claimed) {
    return {"its shape claims " + bytesText(claimed) + ", but only " + bytesText(stored) +
            " are stored"};
  }
  if (isTooLarge(claimed, stored) && !surroundings.allowOutside) {
    return {"its shape claims " + bytesText(claimed) + ", but only " + bytesText(stored) +
                " are stored, too few for any compression",
            true};
  }
  return {};
}

using VirtualName = ssize_t (*)(hid_t, std::size_t, char*, std::size_t);

/// The file or the array that a part of a virtual array is taken from.
std::string virtualName(VirtualName ask, const H5::DSetCreatPropList& properties,
                        std::size_t part) {
  const ssize_t size = ask(properties.getId(), part, nullptr, 0);
  if (size < 0) throw Hdf5Failure("a virtual array that is damaged");
  std::string name(static_cast<std::size_t>(size) + 1, '\0');
  ask(properties.getId(), part, name.data(), name.size());
  name.pop_back();
  return name;
}

/// How many elements of a virtual array have a source; negative where that is not settled.
hssize_t mappedElements(const H5::DSetCreatPropList& properties, std::size_t part) {
  const hid_t space = H5Pget_virtual_vspace(properties.getId(), part);
  const hssize_t elements = H5Sget_select_npoints(space);
  H5Sclose(space);
  return elements;
}

/// Why a virtual array is not opened. Its parts must lie in plain arrays of the same file and cover
/// it: whatever is missing would silently read as the fill value.
Obstacle virtualObstacle(const H5::DSetCreatPropList& properties,
                         const Hdf5Surroundings& surroundings, std::uint64_t elements) {
  std::size_t parts = 0;
  H5Pget_virtual_count(properties.getId(), &parts);
  std::uint64_t covered = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::string file = virtualName(H5Pget_virtual_filename, properties, part);
    if (file != ".") {
      return {"a virtual array: it is put together from another file, " + file +
                  ", which is not followed",
              true};
    }
    const std::string name = virtualName(H5Pget_virtual_dsetname, properties, part);
    const auto target = findHdf5Target(surroundings.file, name);
    if (!target || target->kind != Hdf5Target::Kind::Array) {
      return {"a virtual array: its source " + name + " is missing", true};
    }
    const H5::DataSet source = openHdf5Array(surroundings.file, name);
    if (source.getCreatePlist().getLayout() == H5D_VIRTUAL) {
      return {"a virtual array: its source " + name + " is virtual, too", true};
    }
    const StoredArray described = describeHdf5Array(source, name, surroundings);
    if (!described.obstacle.empty()) {
      return {"a virtual array: its source " + name + ": " + described.obstacle, true};
    }
    covered += static_cast<std::uint64_t>(std::max<hssize_t>(0, mappedElements(properties, part)));
  }
  if (covered < elements) return {"a virtual array: parts of it have no source", true};
  return {};
}

H5::DataSpace selection(const H5::DataSpace& whole, const Box& box) {
  if (box.count.empty()) return whole;  // a scalar
  H5::DataSpace space;
  space.copy(whole);
  const std::vector<hsize_t> start(box.start.begin(), box.start.end());
  const std::vector<hsize_t> count(box.count.begin(), box.count.end());
  space.selectHyperslab(H5S_SELECT_SET, count.data(), start.data());
  return space;
}

}  // namespace

StoredArray describeHdf5Array(const H5::DataSet& array, const std::string& path,
                              const Hdf5Surroundings& surroundings) {
  StoredArray described;
  described.path = path;
  const Hdf5Element element = elementOf(array);
  described.dtype = element.name;
  described.elementBytes = element.bytes;
  // Of what may be weights, whatever is in the way is a gap.
  const bool weights = element.floatType || element.name == "opaque16" || element.name == "uint16";
  const auto refuse = [&](const Obstacle& obstacle) {
    described.obstacle = obstacle.text;
    described.refused = obstacle.refused;
    described.incomplete = weights && !obstacle.text.empty();
  };

  const H5::DSetCreatPropList properties = array.getCreatePlist();
  const H5D_layout_t layout = properties.getLayout();
  if (layout == H5D_VIRTUAL && !surroundings.allowOutside) {
    // Asking for its shape may already open other files, so they are ruled out first.
    refuse(virtualObstacle(properties, surroundings, 0));
    if (!described.obstacle.empty()) return described;
  }
  const H5::DataSpace space = array.getSpace();
  const std::vector<hsize_t> shape = shapeOf(space);
  described.shape.assign(shape.begin(), shape.end());
  if (layout == H5D_CHUNKED) {
    described.filters = filterNames(properties);
    std::vector<hsize_t> chunk(shape.size());
    properties.getChunk(static_cast<int>(chunk.size()), chunk.data());
    described.chunk.assign(chunk.begin(), chunk.end());
  }
  const bool elsewhere = layout == H5D_CONTIGUOUS && properties.getExternalCount() > 0;
  if (space.getSimpleExtentType() == H5S_NULL) {
    described.obstacle = "empty: it has no elements";
  } else if (layout == H5D_VIRTUAL) {
    const std::uint64_t elements =
        claimedBytes(described) / std::max<std::size_t>(1, element.bytes);
    if (!surroundings.allowOutside) refuse(virtualObstacle(properties, surroundings, elements));
  } else if (elsewhere && !surroundings.allowOutside) {
    refuse({"its data lie in another file, which is not followed", true});
  } else if (!elsewhere) {
    refuse({missingFilter(properties)});
    if (described.obstacle.empty() && (element.floatType || element.integer)) {
      refuse(storageObstacle(array, described, layout, surroundings));
    }
  }
  return described;
}

namespace {

/// Whether an array was not reached through a link to another file.
bool liesIn(const H5::H5File& file, const H5::DataSet& array) {
  H5O_info_t root;
  H5O_info_t own;
  return H5Oget_info2(file.getId(), &root, H5O_INFO_BASIC) >= 0 &&
         H5Oget_info2(array.getId(), &own, H5O_INFO_BASIC) >= 0 && root.fileno == own.fileno;
}

}  // namespace

/// What stays open while an array is read.
struct Hdf5ArrayReader::State {
  std::shared_ptr<const H5::H5File> file;
  std::string subject;
  H5::DataSet array;
  H5::DataType type;
  H5::DataSpace space;
  Hdf5Element element;
  std::vector<std::size_t> shape;
  std::vector<std::size_t> chunk;
  std::optional<std::uint64_t> offset;
  std::optional<Hdf5ChunkReader> chunks;
};

Result<Hdf5ArrayReader> Hdf5ArrayReader::open(const std::shared_ptr<const H5::H5File>& file,
                                              const std::string& path, const std::string& subject,
                                              bool allowOutside) {
  return atHdf5Border(subject, [&]() -> Result<Hdf5ArrayReader> {
    const std::shared_ptr<State> state(new State, [](State* closed) {
      const Hdf5Lock lock;
      delete closed;
    });
    state->file = file;
    state->subject = subject;
    state->array = openHdf5Array(*file, path, allowOutside);
    state->type = state->array.getDataType();
    state->space = state->array.getSpace();
    state->element = elementOf(state->array);
    const std::vector<hsize_t> shape = shapeOf(state->space);
    state->shape.assign(shape.begin(), shape.end());
    state->chunk.assign(shape.size(), 1);
    const H5::DSetCreatPropList properties = state->array.getCreatePlist();
    if (properties.getLayout() == H5D_CHUNKED) {
      std::vector<hsize_t> chunk(shape.size());
      properties.getChunk(static_cast<int>(chunk.size()), chunk.data());
      for (std::size_t a = 0; a < chunk.size(); ++a) {
        state->chunk[a] = std::max<hsize_t>(1, chunk[a]);  // 0 in damaged files
      }
    }
    if (properties.getLayout() == H5D_CONTIGUOUS && properties.getExternalCount() == 0 &&
        liesIn(*file, state->array)) {
      const haddr_t offset = H5Dget_offset(state->array.getId());
      if (offset != HADDR_UNDEF) state->offset = offset;
    }
    state->chunks =
        Hdf5ChunkReader::of(state->array, state->shape, state->chunk, state->element.bytes);
    return Hdf5ArrayReader(state);
  });
}

const Hdf5ChunkReader* Hdf5ArrayReader::chunks() const {
  return state_->chunks ? &*state_->chunks : nullptr;
}

std::optional<std::uint64_t> Hdf5ArrayReader::offset() const {
  return state_->offset;
}

const Hdf5Element& Hdf5ArrayReader::element() const {
  return state_->element;
}

const std::vector<std::size_t>& Hdf5ArrayReader::shape() const {
  return state_->shape;
}

const std::vector<std::size_t>& Hdf5ArrayReader::chunk() const {
  return state_->chunk;
}

Status Hdf5ArrayReader::readStored(const Box& box, void* bytes) const {
  return read(box, bytes, false);
}

Status Hdf5ArrayReader::readAsFloat(const Box& box, float* values) const {
  return read(box, values, true);
}

Status Hdf5ArrayReader::read(const Box& box, void* to, bool asFloat) const {
  return atHdf5Border(state_->subject, [&]() -> Status {
    const std::vector<hsize_t> count(box.count.begin(), box.count.end());
    const H5::DataSpace inFile = selection(state_->space, box);
    const H5::DataSpace inMemory(static_cast<int>(count.size()), count.data());
    const H5::DataType& type = asFloat ? H5::PredType::NATIVE_FLOAT : state_->type;
    try {
      state_->array.read(to, type, inMemory, inFile);
    } catch (const H5::Exception&) {
      throw Hdf5Failure("its data are damaged (" + hdf5Complaint() + ")");
    }
    return ok();
  });
}

}  // namespace quantoscope
