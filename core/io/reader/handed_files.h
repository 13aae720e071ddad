// The files that a reader process is given: opened by this process, which has looked at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "core/base/descriptor.h"
#include "core/base/result.h"

namespace quantoscope {

/// A model's file and those beside it that its index names, as descriptors for reading. Opening
/// never waits: pipes and devices are errors. Not thread-safe.
class HandedFiles {
 public:
  explicit HandedFiles(std::string path) : path_(std::move(path)) {}

  /// The file itself, wherever links lead. UnreadableFile names it.
  Result<Descriptor> model();

  /// The file of this name beside it. A link must stay in the folder, or in the one that the
  /// model's file really lies in, if that is a link itself (as in caches of downloaded models).
  /// UnreadableFile names the file and, where a link leads out, where to.
  Result<Descriptor> beside(const std::string& name);

  /// Whether beside() has ever handed out the file of this name.
  bool has(const std::string& name) const { return names_.contains(name); }

  std::string pathBeside(const std::string& name) const;

  /// Of all that was handed out, those given twice counted twice.
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<Descriptor> handed(Descriptor file, const std::string& path);
  Result<Descriptor> openLinked(const std::string& path) const;

  std::string path_;
  std::set<std::string> names_;  ///< of those that were handed out
  std::uint64_t bytes_ = 0;
};

}  // namespace quantoscope
