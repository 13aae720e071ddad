#include "core/io/container/file_kind.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "core/base/text.h"

namespace quantoscope {

namespace {

using std::string_view_literals::operator""sv;

constexpr auto kHdf5Signature = "\x89HDF\r\n\x1a\n"sv;
constexpr std::uint64_t kLongestSafetensorsHeader = 100'000'000;

/// Enough for the names of the first members of a zip archive.
constexpr std::size_t kHeadBytes = 4096;

/// Up to `size` bytes from `offset`; fewer at the file's end.
std::string bytesAt(std::ifstream& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return bytes;
}

/// A user block doubles from 512 bytes on; HDF5 itself looks no further than the file's end.
bool hasHdf5Signature(std::ifstream& file, std::uint64_t fileBytes) {
  for (std::uint64_t at = 0; at < fileBytes; at = at == 0 ? 512 : 2 * at) {
    if (bytesAt(file, at, kHdf5Signature.size()) == kHdf5Signature) return true;
  }
  return false;
}

/// An 8-byte length, then the JSON object of that length.
bool isSafetensors(std::string_view head, std::uint64_t fileBytes) {
  if (head.size() < 9 || head[8] != '{') return false;
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(head[i]);
  return length <= kLongestSafetensorsHeader && length <= fileBytes - 8;
}

/// The same with a length that cannot be, behind which a JSON object of arrays begins all the same.
bool isDamagedSafetensors(std::string_view head) {
  return head.size() >= 10 && head[8] == '{' && (head[9] == '"' || head[9] == '}');
}

/// A protobuf message whose first field is a small ir_version, followed by one of the texts and
/// messages that exporters write next.
bool isOnnx(std::string_view head) {
  return head.size() > 2 && head[0] == 0x08 && head[1] > 0 && head[1] < 32 &&
         "\x12\x1a\x22\x2a\x32\x3a\x42"sv.find(head[2]) != std::string_view::npos;
}

FileKind kindOfZip(std::string_view head) {
  const auto has = [head](std::string_view text) {
    return head.find(text) != std::string_view::npos;
  };
  if (has("data.pkl") || has(".format_version") || has("constants.pkl")) return FileKind::PyTorch;
  if (has(".weights.h5") || has("metadata.json")) return FileKind::Keras;
  if (has(".npy")) return FileKind::NumPy;
  return FileKind::Zip;
}

FileKind kindOfHead(std::string_view head, std::uint64_t fileBytes) {
  if (head.starts_with("PK\x03\x04"sv)) return kindOfZip(head);
  if (head.starts_with("GGUF"sv)) return FileKind::Gguf;
  if (head.starts_with("\x93NUMPY"sv)) return FileKind::NumPy;
  if (head.starts_with("version https://git-lfs"sv)) return FileKind::LfsPointer;
  if (head.size() > 8 && head.substr(4, 4) == "TFL3"sv) return FileKind::TfLite;
  if (isSafetensors(head, fileBytes)) return FileKind::Safetensors;
  if (head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    return FileKind::PyTorch;
  }
  if (isOnnx(head)) return FileKind::Onnx;
  const std::size_t text = head.find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos && head[text] == '{') return FileKind::Json;
  if (isDamagedSafetensors(head)) return FileKind::Safetensors;
  return FileKind::Unknown;
}

/// What keeps `path` from being read at all; empty if nothing does.
std::string accessProblem(const std::string& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) {
    return code && code != std::errc::no_such_file_or_directory ? code.message() : "no such file";
  }
  if (std::filesystem::is_directory(status)) return "a directory, not a file";
  if (!std::filesystem::is_regular_file(status)) return "not a regular file";
  return {};
}

const char* descriptionOf(FileKind kind) {
  switch (kind) {
    case FileKind::Hdf5:
      return "an HDF5 file";
    case FileKind::Keras:
      return "a .keras archive";
    case FileKind::PyTorch:
      return "a PyTorch file";
    case FileKind::NumPy:
      return "a NumPy file";
    case FileKind::Zip:
      return "a zip archive";
    case FileKind::Safetensors:
      return "a safetensors file";
    case FileKind::Gguf:
      return "a GGUF file";
    case FileKind::Onnx:
      return "an ONNX model";
    case FileKind::TfLite:
      return "a TensorFlow Lite model";
    case FileKind::LfsPointer:
      return "a Git LFS pointer, not the file itself";
    case FileKind::Json:
      return "a JSON text";
    case FileKind::Unknown:
      break;
  }
  return "not a weight file that is known";
}

const char* remedyFor(FileKind kind) {
  switch (kind) {
    case FileKind::PyTorch:
      return "; convert it in Python: f = h5py.File('weights.h5', 'w'); [f.create_dataset(k, "
             "data=v.float().numpy()) for k, v in torch.load('FILE', map_location='cpu').items()]";
    case FileKind::Gguf:
      return "; convert it in Python: f = h5py.File('weights.h5', 'w'); [f.create_dataset(t.name, "
             "data=gguf.dequantize(t.data, t.tensor_type)) for t in "
             "gguf.GGUFReader('FILE').tensors]";
    case FileKind::Onnx:
      return "; convert it in Python: f = h5py.File('weights.h5', 'w'); [f.create_dataset(t.name, "
             "data=onnx.numpy_helper.to_array(t)) for t in onnx.load('FILE').graph.initializer]";
    case FileKind::LfsPointer:
      return "; fetch the file with: git lfs pull";
    default:
      return "";
  }
}

}  // namespace

Result<FileKind> fileKindOf(const std::string& path) {
  const auto unreadable = [&path](const std::string& why) {
    return Error{ErrorCode::UnreadableFile, path + ": " + why};
  };
  if (const std::string problem = accessProblem(path); !problem.empty()) return unreadable(problem);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return unreadable(errno != 0 ? std::generic_category().message(errno) : "cannot be opened");
  }
  std::error_code code;
  const std::uint64_t bytes = std::filesystem::file_size(path, code);
  if (code) return unreadable(code.message());
  if (bytes == 0) return unreadable("an empty file");
  if (hasHdf5Signature(file, bytes)) return FileKind::Hdf5;
  return kindOfHead(bytesAt(file, 0, kHeadBytes), bytes);
}

std::vector<std::string> openableFormats() {
  return {"HDF5 (.h5, .hdf5)", ".keras", "safetensors", "NumPy files (.npy, .npz)"};
}

Error unsupportedKindError(const std::string& path, FileKind kind) {
  std::vector<std::string> formats = openableFormats();
  const std::string last = formats.back();
  formats.pop_back();
  return {ErrorCode::UnreadableFile, path + ": " + descriptionOf(kind) + "; allowed are " +
                                         join(formats, ", ") + " and " + last + remedyFor(kind)};
}

}  // namespace quantoscope
