#include "core/exporting/export_format.h"

namespace quantoscope {

std::string Remedy::text() const {
  return kind == Kind::KeepFloat ? "leave it as it is" : "use " + describe(spec);
}

Status TensorSink::pass(const TensorInfo& info, const ArrayReader&) {
  return Error{ErrorCode::InvalidArgument, info.name + ": the format holds quantized tensors only"};
}

Status TensorSink::addFile(const std::string& name, const std::string&) {
  return Error{ErrorCode::InvalidArgument, name + ": the format is one file"};
}

}  // namespace quantoscope
