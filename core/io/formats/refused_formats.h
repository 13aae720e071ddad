// Formats that are recognized and refused.
#pragma once

#include "core/io/container/container_format.h"

namespace quantoscope {

extern const ContainerFormat kPyTorchFormat;     ///< a zip archive or a pickle by torch.save
extern const ContainerFormat kPickleFormat;      ///< of anything: joblib's, older PyTorch's
extern const ContainerFormat kGgufFormat;        ///< llama.cpp's
extern const ContainerFormat kOnnxFormat;        ///< a protobuf message
extern const ContainerFormat kTfLiteFormat;      ///< a FlatBuffer
extern const ContainerFormat kLfsPointerFormat;  ///< stands for a file in a Git checkout
extern const ContainerFormat kZipFormat;         ///< an archive of no other format

}  // namespace quantoscope
