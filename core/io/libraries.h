// The libraries that the programs are built with, apart from Qt.
#pragma once

#include <string>
#include <vector>

namespace quantoscope {

struct Library {
  std::string name;
  std::string version;  ///< the one in use where the library tells it, else that of the build
  std::string licence;  ///< by its SPDX identifier
};

/// Every library but those of the window that one of the programs links or compiles in by itself.
std::vector<Library> coreLibraries();

}  // namespace quantoscope
