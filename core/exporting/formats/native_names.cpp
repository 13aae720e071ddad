#include "core/exporting/formats/native_names.h"

#include <algorithm>
#include <map>

namespace quantoscope {

namespace {

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
                                     {"clip_ratio_grid", "%63lip_ratio_grid"},
                                     {"dequantized", "%64equantized"}};

std::string besideArrays(const std::string& component) {
  for (const ArrayName& array : kArrayNames) {
    if (component == array.name) return array.escaped;
  }
  return escapedComponent(component);
}

/// Puts a path together of a name's components: each by part(component, whether what stands before
/// it is one of `names` itself).
template <typename Part>
std::string placeOf(std::string path, const std::string& name, const std::set<std::string>& names,
                    Part part) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const bool inside = begin > 0 && names.contains(name.substr(0, begin - 1));
    path += part(name.substr(begin, end - begin), inside);
    begin = end + 1;
  }
  return path;
}

/// The findings of one kind of tensors or arrays, each at placeOf(name).
template <typename PlaceOf>
void addFindings(const std::vector<TensorInfo>& infos, PlaceOf placeOf, Findings& findings) {
  std::map<std::string, const std::string*> taken;
  for (const TensorInfo& info : infos) {
    const auto refuse = [&](const std::string& why) {
      findings.push_back({Finding::Severity::Refusal, info.name, why});
    };
    if (info.name.find('\0') != std::string::npos) {
      refuse("its name holds a NUL character; names in an HDF5 file end there");
      continue;
    }
    const auto [there, isNew] = taken.emplace(placeOf(info.name), &info.name);
    if (!isNew) {
      refuse("its place in the file, " + there->first + ", is that of " + *there->second +
             "; allowed is one tensor a place");
    }
  }
}

}  // namespace

std::string nativeGroupOf(const std::string& tensor, const std::set<std::string>& tensors) {
  return placeOf("/tensors", tensor, tensors, [](const std::string& component, bool inside) {
    return '/' + (inside ? besideArrays(component) : escapedComponent(component));
  });
}

std::string nativePassedPath(const std::string& name, const std::set<std::string>& passed) {
  return placeOf("/passed", name, passed, [](const std::string& component, bool inside) {
    return (inside ? "%2F" : "/") + escapedComponent(component);
  });
}

Findings nativeNameFindings(const ModelHeader& header) {
  const std::set<std::string> tensors = namesOf(header.tensors);
  const std::set<std::string> passed = namesOf(header.passed);
  Findings findings;
  addFindings(
      header.tensors, [&](const std::string& name) { return nativeGroupOf(name, tensors); },
      findings);
  addFindings(
      header.passed, [&](const std::string& name) { return nativePassedPath(name, passed); },
      findings);
  return findings;
}

std::set<std::string> namesOf(const std::vector<TensorInfo>& infos) {
  std::set<std::string> names;
  for (const TensorInfo& info : infos) names.insert(info.name);
  return names;
}

}  // namespace quantoscope
