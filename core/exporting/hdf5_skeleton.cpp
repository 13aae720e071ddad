#include "core/exporting/hdf5_skeleton.h"

#include <H5Cpp.h>
#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/checked.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/hdf5/hdf5_pages.h"

namespace quantoscope {

namespace {

constexpr hsize_t kAlignedFrom = 1024;
constexpr hsize_t kAlignment = 64;

struct NamedType {
  std::string_view dtype;
  std::size_t bytes;
};
constexpr NamedType kTypes[] = {{"float64", 8}, {"float32", 4}, {"float16", 2}, {"bfloat16", 2},
                                {"int64", 8},   {"int32", 4},   {"int16", 2},   {"int8", 1},
                                {"uint64", 8},  {"uint32", 4},  {"uint16", 2},  {"uint8", 1}};

std::size_t elementBytes(const std::string& dtype) {
  for (const NamedType& type : kTypes) {
    if (type.dtype == dtype) return type.bytes;
  }
  return 0;
}

/// IEEE's half: a sign, 5 bits of exponent, 10 of mantissa.
H5::DataType halfType() {
  H5::FloatType type(H5::PredType::IEEE_F32LE);
  type.setFields(15, 10, 5, 0, 10);
  type.setSize(2);
  type.setEbias(15);
  return type;
}

H5::DataType typeOf(const std::string& dtype) {
  if (dtype == "float16") return halfType();
  if (dtype == "bfloat16") return H5::DataType(H5T_OPAQUE, 2);
  if (dtype == "float64") return H5::PredType::IEEE_F64LE;
  if (dtype == "float32") return H5::PredType::IEEE_F32LE;
  if (dtype == "int64") return H5::PredType::STD_I64LE;
  if (dtype == "int32") return H5::PredType::STD_I32LE;
  if (dtype == "int16") return H5::PredType::STD_I16LE;
  if (dtype == "int8") return H5::PredType::STD_I8LE;
  if (dtype == "uint64") return H5::PredType::STD_U64LE;
  if (dtype == "uint32") return H5::PredType::STD_U32LE;
  if (dtype == "uint16") return H5::PredType::STD_U16LE;
  if (dtype == "uint8") return H5::PredType::STD_U8LE;
  throw Hdf5Failure("no type is called " + dtype);
}

/// Settings of this class under which an object does not tell when it was made.
template <typename Settings>
Settings withoutTimes(Settings settings) {
  H5Pset_obj_track_times(settings.getId(), false);
  return settings;
}

void setText(H5::H5Object& object, const char* name, const std::string& text) {
  const H5::StrType type(H5::PredType::C_S1, H5T_VARIABLE);
  H5Tset_cset(type.getId(), H5T_CSET_UTF8);
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, text);
}

H5::FileAccPropList accessSettings() {
  H5::FileAccPropList access;
  H5Pset_file_locking(access.getId(), false, true);
  access.setAlignment(kAlignedFrom, kAlignment);
  return access;
}

/// The group at a path; it and its parents are created where they are missing.
H5::Group groupAt(const H5::H5File& file, const std::string& path) {
  std::string made;
  H5::Group group = file.openGroup("/");
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    made += '/' + path.substr(begin, end - begin);
    begin = end + 1;
    if (H5Lexists(file.getId(), made.c_str(), H5P_DEFAULT) > 0) {
      group = file.openGroup(made);
      continue;
    }
    const H5::PropList settings = withoutTimes(H5::PropList(H5P_GROUP_CREATE));
    const hid_t id =
        H5Gcreate2(file.getId(), made.c_str(), H5P_DEFAULT, settings.getId(), H5P_DEFAULT);
    if (id < 0) throw Hdf5Failure(made + " cannot be created: " + hdf5Complaint());
    group = H5::Group(id);
    H5Idec_ref(id);  // the object holds a reference of its own
  }
  return group;
}

H5::DataSpace spaceOf(const std::vector<std::uint64_t>& shape) {
  if (shape.empty()) return H5::DataSpace(H5S_SCALAR);
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  return H5::DataSpace(static_cast<int>(extents.size()), extents.data());
}

/// Creates an array whose elements have their place at once, and are not written. Returns the
/// place.
std::uint64_t createArray(const H5::H5File& file, const SkeletonArray& array) {
  const std::size_t slash = array.path.rfind('/');
  if (slash != std::string::npos) groupAt(file, array.path.substr(0, slash));
  const H5::DSetCreatPropList settings = withoutTimes(H5::DSetCreatPropList());
  settings.setLayout(H5D_CONTIGUOUS);
  settings.setAllocTime(H5D_ALLOC_TIME_EARLY);
  settings.setFillTime(H5D_FILL_TIME_NEVER);
  H5::DataSet made =
      file.createDataSet("/" + array.path, typeOf(array.dtype), spaceOf(array.shape), settings);
  if (array.dtype == "bfloat16") setText(made, "dtype", array.dtype);
  const haddr_t offset = H5Dget_offset(made.getId());
  return offset == HADDR_UNDEF ? 0 : offset;
}

void takePiece(const Hdf5Pages& pages, std::uint64_t begin, std::uint64_t end,
               std::vector<Hdf5Skeleton::Piece>& pieces) {
  if (begin >= end) return;
  Hdf5Skeleton::Piece piece{begin, std::string(static_cast<std::size_t>(end - begin), '\0')};
  pages.read(begin, piece.bytes.data(), piece.bytes.size());
  pieces.push_back(std::move(piece));
}

/// All that lies between the elements.
void takePieces(const Hdf5Pages& pages, const std::vector<SkeletonArray>& arrays,
                Hdf5Skeleton& skeleton) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> elements;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const std::uint64_t bytes = arrays[i].bytes().value_or(0);
    if (bytes != 0) elements.emplace_back(skeleton.offsets[i], skeleton.offsets[i] + bytes);
  }
  std::sort(elements.begin(), elements.end());
  std::uint64_t begin = 0;
  for (const auto& [first, last] : elements) {
    takePiece(pages, begin, first, skeleton.pieces);
    begin = last;
  }
  takePiece(pages, begin, skeleton.bytes, skeleton.pieces);
}

}  // namespace

std::optional<std::uint64_t> SkeletonArray::bytes() const {
  const std::size_t each = elementBytes(dtype);
  return each == 0 ? std::nullopt : checkedVolume(shape, each);
}

bool hasHdf5Type(const std::string& dtype) {
  return elementBytes(dtype) != 0;
}

Result<Hdf5Skeleton> layOutHdf5(const std::vector<SkeletonArray>& arrays,
                                const std::map<std::string, std::string>& groupNames,
                                const std::string& about) {
  Hdf5Skeleton skeleton;
  Hdf5Pages pages;
  const Status made = atHdf5Border(about, [&]() -> Status {
    H5::H5File file =
        createHdf5InPages(pages, withoutTimes(H5::FileCreatPropList()), accessSettings());
    for (const auto& [path, text] : groupNames) {
      H5::Group group = groupAt(file, path);
      setText(group, "name", text);
    }
    for (const SkeletonArray& array : arrays) {
      skeleton.offsets.push_back(createArray(file, array));
    }
    file.close();
    return ok();
  });
  if (!made) return Error{ErrorCode::OutputFailed, made.error().message};
  skeleton.bytes = pages.bytes;
  takePieces(pages, arrays, skeleton);
  return skeleton;
}

}  // namespace quantoscope
