#include "core/io/hdf5/hdf5_order.h"

#include <H5Cpp.h>
#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>

#include "core/base/text.h"
#include "core/io/hdf5/hdf5_file.h"

namespace quantoscope {

namespace {

/// A list of names that is longer, or takes more bytes, is no list of names.
constexpr std::uint64_t kMostNames = 1'000'000;
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;

/// Takes the first component away.
std::string_view takeComponent(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view component = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return component;
}

bool isCalledLikeAList(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower.find("key") != std::string::npos || lower.find("name") != std::string::npos;
}

bool isListOfNames(const StoredArray& array) {
  return array.dtype == "string" && array.obstacle.empty() && array.shape.size() == 1 &&
         array.shape[0] > 1 && array.shape[0] <= kMostNames &&
         array.elementBytes <= kMostBytes / array.shape[0] &&
         array.path.find('/') == std::string::npos && isCalledLikeAList(array.path);
}

std::vector<std::string> textsOf(const H5::DataSet& array, std::size_t count) {
  const H5::StrType type = array.getStrType();
  std::vector<std::string> texts;
  if (type.isVariableStr()) {
    hsize_t bytes = 0;  // many may share one text, each a copy of it
    const H5::DataSpace all = array.getSpace();
    if (H5Dvlen_get_buf_size(array.getId(), type.getId(), all.getId(), &bytes) < 0 ||
        bytes > kMostBytes) {
      return texts;
    }
    std::vector<char*> pointers(count, nullptr);
    array.read(pointers.data(), type);
    for (const char* pointer : pointers) texts.emplace_back(pointer ? pointer : "");
    H5Dvlen_reclaim(type.getId(), array.getSpace().getId(), H5P_DEFAULT, pointers.data());
    return texts;
  }
  const std::size_t size = type.getSize();
  std::vector<char> bytes(count * size);
  array.read(bytes.data(), type);
  for (std::size_t i = 0; i < count; ++i) {
    const char* text = bytes.data() + i * size;
    texts.emplace_back(text, strnlen(text, size));
  }
  return texts;
}

/// The paths that most of the names lead to; empty where most lead nowhere.
std::vector<std::string> pathsNamed(const std::vector<std::string>& names,
                                    const std::set<std::string_view>& paths) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    for (const char separator : {'.', '/', '+'}) {
      std::string path = name;
      std::replace(path.begin(), path.end(), '.', separator);
      if (!paths.contains(path)) continue;
      found.push_back(std::move(path));
      break;
    }
  }
  if (found.size() * 2 <= names.size()) found.clear();
  return found;
}

}  // namespace

void CreationOrder::note(const std::string& group, std::map<std::string, std::int64_t> numbers) {
  groups_.emplace(group, std::move(numbers));
}

bool CreationOrder::isBefore(const std::string& a, const std::string& b) const {
  std::string_view restA = a;
  std::string_view restB = b;
  while (!restA.empty() && !restB.empty()) {
    const std::size_t above = a.size() - restA.size();
    const std::string_view group = std::string_view(a).substr(0, above == 0 ? 0 : above - 1);
    const std::string nameA(takeComponent(restA));
    const std::string nameB(takeComponent(restB));
    if (nameA == nameB) continue;
    const auto numbers = groups_.find(group);
    if (numbers == groups_.end()) return naturalLess(nameA, nameB);
    const auto numberA = numbers->second.find(nameA);
    const auto numberB = numbers->second.find(nameB);
    const bool hasA = numberA != numbers->second.end();
    const bool hasB = numberB != numbers->second.end();
    if (hasA != hasB) return hasA;
    // A damaged file gives no or equal numbers: names still tell the paths apart.
    if (!hasA || numberA->second == numberB->second) return naturalLess(nameA, nameB);
    return numberA->second < numberB->second;
  }
  return restA.empty() && !restB.empty();
}

std::vector<std::string> CreationOrder::sorted(std::vector<std::string> paths) const {
  if (groups_.empty()) return {};
  std::stable_sort(paths.begin(), paths.end(),
                   [this](const std::string& a, const std::string& b) { return isBefore(a, b); });
  return paths;
}

std::vector<std::string> orderByListOfNames(const H5::H5File& file,
                                            const std::vector<StoredArray>& arrays) {
  std::set<std::string_view> paths;
  for (const StoredArray& array : arrays) paths.insert(array.path);
  for (const StoredArray& array : arrays) {
    if (!isListOfNames(array)) continue;
    try {
      const H5::DataSet list = openHdf5Array(file, "/" + array.path);
      auto found = pathsNamed(textsOf(list, static_cast<std::size_t>(array.shape[0])), paths);
      if (!found.empty()) return found;
    } catch (const std::exception&) {  // then the names tell the order
    } catch (const H5::Exception&) {
    }
  }
  return {};
}

}  // namespace quantoscope
