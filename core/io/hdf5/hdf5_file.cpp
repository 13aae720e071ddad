#include "core/io/hdf5/hdf5_file.h"

#include <H5Cpp.h>
#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/io/hdf5/hdf5_border.h"
#include "core/io/hdf5/hdf5_bytes.h"
#include "core/io/hdf5/hdf5_filters.h"

namespace quantoscope {

namespace {

/// A list of names that is larger than this is no list of names.
constexpr std::size_t kMostAttributeBytes = std::size_t{256} << 20;

/// More than any array has axes.
constexpr hssize_t kMostNumbers = 64;

/// Called when a path leads into another file: a negative answer ends the traversal.
herr_t refuseExternalLink(const char*, const char*, const char*, const char*, unsigned*, hid_t,
                          void*) {
  return -1;
}

/// Link and array access that stays inside the file, unless it need not. Made once each and never
/// closed: making one takes longer than opening an array.
hid_t accessTo(bool outside) {
  static const hid_t anywhere = [] {
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_efile_prefix(access, "${ORIGIN}");
    H5Pset_virtual_prefix(access, "${ORIGIN}");
    return access;
  }();
  static const hid_t inside = [] {
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_elink_cb(access, refuseExternalLink, nullptr);
    return access;
  }();
  return outside ? anywhere : inside;
}

/// How HDF5 pads a text of fixed length: with zeros or with spaces.
std::string unpadded(const char* text, std::size_t size, H5T_str_t padding) {
  std::string result(text, strnlen(text, size));
  if (padding == H5T_STR_SPACEPAD) result.erase(result.find_last_not_of(' ') + 1);
  return result;
}

std::vector<std::string> fixedStrings(const H5::Attribute& attribute, const H5::StrType& type,
                                      std::size_t count) {
  const std::size_t size = type.getSize();
  if (size == 0 || count > kMostAttributeBytes / size) {
    throw Hdf5Failure("the attribute " + attribute.getName() + " claims too many bytes");
  }
  std::vector<char> bytes(count * size);
  attribute.read(type, bytes.data());
  std::vector<std::string> texts;
  texts.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(unpadded(bytes.data() + i * size, size, type.getStrpad()));
  }
  return texts;
}

std::vector<std::string> variableStrings(const H5::Attribute& attribute, const H5::StrType& type,
                                         const H5::DataSpace& space, std::size_t count) {
  if (count > kMostAttributeBytes / sizeof(char*)) {
    throw Hdf5Failure("the attribute " + attribute.getName() + " claims too many texts");
  }
  std::vector<char*> pointers(count, nullptr);
  attribute.read(type, pointers.data());
  std::vector<std::string> texts;
  texts.reserve(count);
  for (const char* pointer : pointers) texts.emplace_back(pointer ? pointer : "");
  H5Dvlen_reclaim(type.getId(), space.getId(), H5P_DEFAULT, pointers.data());
  return texts;
}

}  // namespace

H5::H5File openHdf5ReadOnly(const std::string& path) {
  const auto bytes = openFileBytes(path);
  if (!bytes) throw Hdf5Failure("cannot be opened");
  return openHdf5ReadOnly(path, *bytes);
}

H5::H5File openHdf5ReadOnly(const std::string& name, const SharedByteSource& bytes) {
  registerOwnFilters();
  return openHdf5Bytes(name, bytes);
}

H5::DataSet openHdf5Array(const H5::H5File& file, const std::string& path, bool allowOutside) {
  const hid_t id = H5Dopen2(file.getId(), path.c_str(), accessTo(allowOutside));
  if (id < 0) throw Hdf5Failure("HDF5 cannot open it (" + hdf5Complaint() + ")");
  H5::DataSet array(id);
  H5Dclose(id);  // the object counts for itself
  return array;
}

std::optional<Hdf5Target> findHdf5Target(const H5::H5File& file, const std::string& path,
                                         bool allowOutside) {
  H5O_info_t info;
  if (H5Oget_info_by_name2(file.getId(), path.c_str(), &info, H5O_INFO_BASIC,
                           accessTo(allowOutside)) < 0) {
    return std::nullopt;
  }
  using Kind = Hdf5Target::Kind;
  const Kind kind = info.type == H5O_TYPE_GROUP     ? Kind::Group
                    : info.type == H5O_TYPE_DATASET ? Kind::Array
                                                    : Kind::Other;
  return Hdf5Target{kind, {info.fileno, info.addr}};
}

std::optional<std::vector<std::string>> stringsOf(const H5::H5Object& object,
                                                  const std::string& name) {
  if (!object.attrExists(name)) return std::nullopt;
  const H5::Attribute attribute = object.openAttribute(name);
  if (attribute.getTypeClass() != H5T_STRING) return std::vector<std::string>{};
  const H5::StrType type = attribute.getStrType();
  const H5::DataSpace space = attribute.getSpace();
  const auto count =
      static_cast<std::size_t>(std::max<hssize_t>(0, space.getSimpleExtentNpoints()));
  if (count == 0) return std::vector<std::string>{};
  if (type.isVariableStr()) return variableStrings(attribute, type, space, count);
  return fixedStrings(attribute, type, count);
}

std::optional<std::vector<std::string>> splitStringsOf(const H5::H5Object& object,
                                                       const std::string& name) {
  if (auto whole = stringsOf(object, name)) return whole;
  std::optional<std::vector<std::string>> joined;
  for (std::size_t part = 0; auto texts = stringsOf(object, name + std::to_string(part)); ++part) {
    if (!joined) joined.emplace();
    joined->insert(joined->end(), std::make_move_iterator(texts->begin()),
                   std::make_move_iterator(texts->end()));
  }
  return joined;
}

std::vector<std::uint64_t> numbersOf(const H5::H5Object& object, const std::string& name) {
  if (!object.attrExists(name)) return {};
  const H5::Attribute attribute = object.openAttribute(name);
  const hssize_t count = attribute.getSpace().getSimpleExtentNpoints();
  if (attribute.getTypeClass() != H5T_INTEGER || count < 1 || count > kMostNumbers) return {};
  std::vector<std::uint64_t> numbers(static_cast<std::size_t>(count));
  attribute.read(H5::PredType::NATIVE_UINT64, numbers.data());
  return numbers;
}

std::int64_t numberOf(const H5::H5Object& object, const std::string& name) {
  if (!object.attrExists(name)) return 0;
  const H5::Attribute attribute = object.openAttribute(name);
  if (attribute.getTypeClass() != H5T_INTEGER ||
      attribute.getSpace().getSimpleExtentNpoints() != 1) {
    return 0;
  }
  std::int64_t number = 0;
  attribute.read(H5::PredType::NATIVE_INT64, &number);
  return number;
}

std::string textOf(const H5::H5Object& object, const std::string& name) {
  const auto texts = stringsOf(object, name);
  return texts && !texts->empty() ? texts->front() : std::string{};
}

}  // namespace quantoscope
