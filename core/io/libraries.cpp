#include "core/io/libraries.h"

#include <zlib.h>

#include "core/io/hdf5/hdf5_border.h"
#include "core/io/library_versions.h"
#include "core/parallel/executor.h"

namespace quantoscope {

std::vector<Library> coreLibraries() {
  return {{"HDF5", hdf5Version(), "BSD-3-Clause"},
          {"oneTBB", tbbVersion(), "Apache-2.0"},
          {"Highway", kHighwayVersion, "Apache-2.0 OR BSD-3-Clause"},
          {"zlib", zlibVersion(), "Zlib"},
          {"libdeflate", kDeflateVersion, "MIT"},
          {"libseccomp", kSeccompVersion, "LGPL-2.1-only"},
          {"OpenSSL", kOpenSslVersion, "Apache-2.0"},
          {"JSON for Modern C++", kJsonVersion, "MIT"},
          {"CLI11", kCli11Version, "BSD-3-Clause"}};
}

}  // namespace quantoscope
