// The files that a reader process is given: opened by this process, which has looked at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/descriptor.h"
#include "core/base/file_identity.h"
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

  /// The state of a file when beside() last handed it out; nullptr where it never did.
  const FileIdentity* stateOf(const std::string& name) const {
    const auto found = given_.find(name);
    return found == given_.end() ? nullptr : &found->second;
  }

  std::string pathBeside(const std::string& name) const;

  /// Of all that was handed out, those given twice counted twice.
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<Descriptor> handed(Descriptor file, const std::string& path);
  Result<Descriptor> openLinked(const std::string& path) const;

  std::string path_;
  std::map<std::string, FileIdentity> given_;  ///< what was handed out, by name
  std::uint64_t bytes_ = 0;
};

}  // namespace quantoscope
