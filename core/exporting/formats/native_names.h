// Where tensors and arrays stand in a native file: names that HDF5 cannot hold are escaped.
#pragma once

#include <set>
#include <string>

#include "core/exporting/export_format.h"

namespace quantoscope {

/// The group of a tensor, "/tensors/<name>". `tensors` are the names of all that are in the file,
/// since the group of `w/scale` stands in that of `w`, if there is one, and must not be called as
/// one of its arrays. Of a component that is empty, "." or "..", HDF5 makes nothing: it is "%",
/// "%2E" or "%2E%2E".
std::string nativeGroupOf(const std::string& tensor, const std::set<std::string>& tensors);

/// Where an array stands that is passed as it is, "/passed/<name>", escaped alike. `passed` are the
/// names of all: below one that is an array itself a '/' is "%2F".
std::string nativePassedPath(const std::string& name, const std::set<std::string>& passed);

/// Names that HDF5 cannot hold, or that stand for the same place when they are escaped.
Findings nativeNameFindings(const ModelHeader& header);

/// The names of these.
std::set<std::string> namesOf(const std::vector<TensorInfo>& infos);

}  // namespace quantoscope
