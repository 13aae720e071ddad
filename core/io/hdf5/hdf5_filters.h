// The decompression that HDF5 arrays need, by name.
#pragma once

#include <string>
#include <vector>

namespace H5 {
class DSetCreatPropList;
}  // namespace H5

namespace quantoscope {

/// Why an array with these properties cannot be decompressed: names the filter, its number and what
/// to install. Empty if all its filters are there. Must be asked before reading: with some plugins
/// that fail to load, HDF5 hands out empty data without an error. Needs the Hdf5Lock; throws.
std::string missingFilter(const H5::DSetCreatPropList& properties);

/// The filters that chunks of an array with these properties went through when they were written,
/// in that order: "shuffle", "gzip". Needs the Hdf5Lock; throws.
std::vector<std::string> filterNames(const H5::DSetCreatPropList& properties);

/// Adds our own LZF decoder (32000), which h5py's files need and HDF5 lacks. Further calls do
/// nothing. Needs the Hdf5Lock.
void registerOwnFilters();

}  // namespace quantoscope
