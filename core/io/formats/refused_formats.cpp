#include "core/io/formats/refused_formats.h"

#include <string>
#include <string_view>

namespace quantoscope {

namespace {

using std::string_view_literals::operator""sv;

constexpr const char* kPyTorchSuffixes[] = {".pt", ".pth", ".bin", ".ckpt"};
constexpr const char* kPickleSuffixes[] = {".pkl", ".pickle", ".joblib"};
constexpr const char* kGgufSuffixes[] = {".gguf"};
constexpr const char* kOnnxSuffixes[] = {".onnx"};
constexpr const char* kTfLiteSuffixes[] = {".tflite"};
constexpr const char* kZipSuffixes[] = {".zip"};

Likeness strongIf(bool condition) {
  return condition ? Likeness::Strong : Likeness::None;
}

/// Where a pickle begins with its opcode PROTO and the version, what follows; else nothing.
std::string_view behindPickleStart(std::string_view start) {
  const bool pickle = start.size() > 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
  return pickle ? start.substr(2) : std::string_view();
}

/// An archive, or the pickle of a number that torch.save wrote first before there were archives.
Likeness sniffPyTorch(const FileHead& head) {
  for (const std::string_view member : {"data.pkl", ".format_version", "constants.pkl"}) {
    if (beginsZipWith(head, member)) return Likeness::Strong;
  }
  constexpr auto kMagicNumber = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
  return strongIf(behindPickleStart(head.start).starts_with(kMagicNumber));
}

/// Weak: three bytes, which lengths of other formats may begin with.
Likeness sniffPickle(const FileHead& head) {
  return behindPickleStart(head.start).empty() ? Likeness::None : Likeness::Weak;
}

Likeness sniffGguf(const FileHead& head) {
  return strongIf(head.start.starts_with("GGUF"));
}

/// A protobuf message whose first field is a small ir_version, followed by one of the texts and
/// messages that exporters write next.
Likeness sniffOnnx(const FileHead& head) {
  const std::string& start = head.start;
  const bool message = start.size() > 2 && start[0] == 0x08 && start[1] > 0 && start[1] < 32 &&
                       "\x12\x1a\x22\x2a\x32\x3a\x42"sv.find(start[2]) != std::string_view::npos;
  return message ? Likeness::Weak : Likeness::None;
}

Likeness sniffTfLite(const FileHead& head) {
  return strongIf(head.start.size() > 8 && head.start.compare(4, 4, "TFL3") == 0);
}

Likeness sniffLfsPointer(const FileHead& head) {
  return strongIf(head.start.starts_with("version https://git-lfs"));
}

/// Weak: formats that are archives come first.
Likeness sniffZip(const FileHead& head) {
  return beginsZip(head) ? Likeness::Weak : Likeness::None;
}

}  // namespace

constinit const ContainerFormat kPyTorchFormat = {
    .name = "PyTorch",
    .description = "a PyTorch file",
    .suffixes = kPyTorchSuffixes,
    .mimeTypes = {},
    .sniff = sniffPyTorch,
    .open = nullptr,
    .remedy =
        "convert it in Python: f = h5py.File('weights.h5', 'w'); [f.create_dataset(k, "
        "data=v.float().numpy()) for k, v in torch.load('FILE', map_location='cpu').items()]",
};

constinit const ContainerFormat kPickleFormat = {
    .name = "Python pickle",
    .description = "a Python pickle, perhaps PyTorch's",
    .suffixes = kPickleSuffixes,
    .mimeTypes = {},
    .sniff = sniffPickle,
    .open = nullptr,
    .remedy =
        "if you trust it (a pickle may run any program), load it with what wrote it, and save its "
        "arrays as HDF5 or safetensors",
};

constinit const ContainerFormat kGgufFormat = {
    .name = "GGUF",
    .description = "a GGUF file",
    .suffixes = kGgufSuffixes,
    .mimeTypes = {},
    .sniff = sniffGguf,
    .open = nullptr,
    .remedy =
        "convert it in Python: f = h5py.File('weights.h5', 'w'); [f.create_dataset(t.name, "
        "data=gguf.dequantize(t.data, t.tensor_type)) for t in "
        "gguf.GGUFReader('FILE').tensors]",
};

constinit const ContainerFormat kOnnxFormat = {
    .name = "ONNX",
    .description = "an ONNX model",
    .suffixes = kOnnxSuffixes,
    .mimeTypes = {},
    .sniff = sniffOnnx,
    .open = nullptr,
    .remedy =
        "convert it in Python: f = h5py.File('weights.h5', 'w'); [f.create_dataset(t.name, "
        "data=onnx.numpy_helper.to_array(t)) for t in onnx.load('FILE').graph.initializer]",
};

constinit const ContainerFormat kTfLiteFormat = {
    .name = "TensorFlow Lite",
    .description = "a TensorFlow Lite model",
    .suffixes = kTfLiteSuffixes,
    .mimeTypes = {},
    .sniff = sniffTfLite,
    .open = nullptr,
};

constinit const ContainerFormat kLfsPointerFormat = {
    .name = "Git LFS pointer",
    .description = "a Git LFS pointer, not the file itself",
    .suffixes = {},
    .mimeTypes = {},
    .sniff = sniffLfsPointer,
    .open = nullptr,
    .remedy = "fetch the file with: git lfs pull",
};

constinit const ContainerFormat kZipFormat = {
    .name = "zip archive",
    .description = "a zip archive",
    .suffixes = kZipSuffixes,
    .mimeTypes = {},
    .sniff = sniffZip,
    .open = nullptr,
};

}  // namespace quantoscope
