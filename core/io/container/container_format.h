// One format of weight files.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/container/file_head.h"
#include "core/io/container/open_options.h"

namespace quantoscope {

/// How certain a format is by the first bytes.
enum class Likeness {
  None,
  Weak,    ///< a few bytes that other files may have by chance, or a damaged file
  Strong,  ///< a signature, or numbers that fit each other
};

/// Opens a file that another one names as a part of the model; empty where that is not allowed. It
/// may be kept, and called whenever the file is needed.
using PartOpener =
    std::function<Result<SharedContainer>(const std::string& path, const OpenOptions& options)>;

/// A row of containerFormats() (core/io/registry.h). The format's own pair of files defines it.
struct ContainerFormat {
  const char* name;         ///< as in a list: "HDF5"
  const char* description;  ///< as in a sentence: "an HDF5 file"

  /// With their dot, the usual one first. Only dialogs and folders go by them.
  std::span<const char* const> suffixes;

  /// Those that the desktop entry and the list of MIME types declare for the suffixes.
  std::span<const char* const> mimeTypes;

  /// Must not trust the file: it runs outside the sandbox.
  Likeness (*sniff)(const FileHead& head);

  /// Parses the file in this process. Errors name it. A null container says that the file has this
  /// format and yet is no weight file. Null for formats that are recognized and refused.
  Result<SharedContainer> (*open)(const std::string& path, const OpenOptions& options,
                                  const PartOpener& openPart);

  /// For a format that is refused: what to do instead, "convert it ..."; else empty.
  const char* remedy = "";

  /// Whether weights are in files beside the one that is opened, which must be readable then.
  bool namesFilesBeside = false;
};

}  // namespace quantoscope
