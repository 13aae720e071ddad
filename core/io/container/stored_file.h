// What a container file holds, told without any file format's types.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_identity.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// More than any array has. One with more axes, or with a longer name of its type, is listed as
/// one that cannot be read.
inline constexpr std::size_t kMostAxes = 64;
inline constexpr std::size_t kLongestTypeName = 256;

/// Stands in the type of an array between that of its codes and what its scales are, where it is
/// decoded as their product: "float8_e4m3fn x 128x128 block scales".
inline constexpr std::string_view kTimesScales = " x ";

/// StoredFile::format of this program's own files, and where the arrays are in them that are no
/// parts of quantized tensors.
inline constexpr const char* kNativeFormat = "quantoscope";
inline constexpr std::string_view kNativePassed = "passed/";

/// One array as the container describes it.
struct StoredArray {
  std::string path;                  ///< without a leading slash
  std::vector<std::uint64_t> shape;  ///< empty for a scalar
  std::string dtype;                 ///< "float32", "int64", "string", ...; empty if unknown
  std::uint64_t elementBytes = 0;    ///< of one element; 0 if unknown
  std::string obstacle;              ///< why its elements cannot be read; empty if they can
  std::string alias;                 ///< "another name of ..." where it is listed twice; else empty
  bool refused = false;  ///< the obstacle is one that OpenOptions::allowOutside takes away
  std::vector<std::string> filters = {};  ///< that its elements went through, in that order
  std::vector<std::uint64_t> chunk = {};  ///< the sides of a chunk; empty where it is in one piece
  /// Whether the obstacle is that the model has this array and the file has it not, not whole, or
  /// in a way that cannot be read: what leaves it out leaves out a part of the model.
  bool incomplete = false;
  std::uint64_t part = 0;  ///< the file it lies in: 0 the opened one, n the n-th of the parts
  /// Why it is no weight although its elements can be read: codes or parameters of a tensor that is
  /// quantized already; else empty.
  std::string quantized = {};
  /// What it was decoded from where the file has it as codes: "GPTQ, 4 bits, groups of 128"; its
  /// parts may lie in any of the files. Else empty.
  std::string quantizedAs = {};
  bool inputsFirst = false;  ///< of a decoded matrix: its rows are input channels

  bool operator==(const StoredArray&) const = default;
};

/// What a native file says of a quantized tensor, as it stands there: nothing of it is checked.
/// Texts that are absent are empty, numbers 0.
struct NativeAttributes {
  std::string packing;      ///< "dense", "none"; absent in files of version 1
  std::string dtype;        ///< "int", "nf4", ...
  std::string compute;      ///< "stored": every step is rounded to the type of the source
  std::string sourceDtype;  ///< "bfloat16"
  std::vector<std::uint64_t> sourceShape;
  std::int64_t groupSize = 0;
  std::int64_t cols = 0;
  std::int64_t codeBits = 0;
  std::int64_t codeOffset = 0;

  bool operator==(const NativeAttributes&) const = default;
};

/// The attributes of one group that tell frameworks apart. In native files also those of an array
/// that is passed as it is.
struct GroupAttributes {
  std::optional<std::vector<std::string>> layerNames;   ///< Keras: the layers in order
  std::optional<std::vector<std::string>> weightNames;  ///< Keras: a layer's arrays in order
  std::string kerasVersion;
  std::string name;                 ///< Keras 3: the layer that a `vars` group belongs to
  std::string orientation;          ///< native files: "rows" or how else the source was read
  std::string sourceName;           ///< native files: the tensor that this one was made of
  std::vector<std::uint64_t> axes;  ///< native files: AxisMap::order; empty if not told
  std::uint64_t rowAxes = 0;        ///< native files: AxisMap::rowAxes
  NativeAttributes native = {};

  bool operator==(const GroupAttributes&) const = default;
};

/// What the attributes of a native file say of an array's axes, where they fit one of so many.
std::optional<AxisMap> axesTold(const GroupAttributes& group, std::size_t rank);

/// A file that an index names: a plain name beside it.
struct StoredPart {
  std::string name;
  std::optional<FileIdentity> identity = {};  ///< as it was listed; nothing where it was not

  bool operator==(const StoredPart&) const = default;
};

/// A checksum over a piece of a file, which nobody has compared yet; or a piece that is known not
/// to match its own.
struct StoredCheck {
  std::string name;  ///< "model.weights.h5 in the zip archive"
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t crc32 = 0;
  std::uint64_t part = 0;  ///< as of StoredArray
  bool isDamaged = false;  ///< known already

  bool operator==(const StoredCheck&) const = default;
};

/// A file inside an archive, as the directory of the archive tells it.
struct StoredMember {
  std::string name;
  std::uint64_t offset = 0;       ///< of its bytes in the archive
  std::uint64_t storedBytes = 0;  ///< that it takes there
  std::uint64_t bytes = 0;        ///< decompressed
  std::uint32_t crc32 = 0;        ///< of the decompressed bytes, as it is told
  bool isDeflated = false;        ///< else stored as it is
  bool isUtf8 = false;            ///< how its name is written

  bool operator==(const StoredMember&) const = default;
};

/// Everything that recognising a model needs.
struct StoredFile {
  std::vector<StoredArray> arrays;                ///< in any order
  std::vector<std::string> order;                 ///< paths in the file's own order, if it has one
  std::map<std::string, GroupAttributes> groups;  ///< by path, the root as ""; those with any
  std::string modelConfig;                        ///< Keras: the root's model_config, JSON
  std::string configProblem;  ///< why the configuration could not be read; else empty
  /// HDF5: "quantoscope" if the root says so, "keras" inside an archive, else empty; otherwise the
  /// format's name: "safetensors", "NumPy", ...
  std::string format;
  std::vector<StoredPart> parts = {};      ///< the other files that an index names, in their order
  std::vector<StoredCheck> checks = {};    ///< what is still to be compared
  std::string quantization = {};           ///< "quantized by GPTQ", ...; empty where no tensor is
  std::vector<StoredMember> members = {};  ///< .keras: all files of the archive, in their order
  /// What the configuration beside the file says of quantization (see config_beside.h), JSON; empty
  /// where there is none, or where no array looks like codes.
  std::string quantizationConfig = {};
  std::string quantizationProblem = {};  ///< why that could not be read; else empty

  bool operator==(const StoredFile&) const = default;
};

/// Whether this is the name of a file in the same folder, not a path that leads out of it.
inline bool isPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

}  // namespace quantoscope
