// What a user allows when a file is opened, and who watches.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/parallel/task_control.h"

namespace quantoscope {

struct OpenOptions {
  /// Opens what is refused by default, for this file: links and data in other files, virtual arrays
  /// (parts whose source is missing then read as the fill value), arrays of which chunks have never
  /// been written (these read as the fill value, too), and shapes that claim far more than is
  /// stored.
  bool allowOutside = false;

  /// Takes arrays of unsigned 16-bit integers and of two opaque bytes for bfloat16, which some
  /// writers store so without saying it.
  bool wordsAreBFloat16 = false;

  /// Lists the arrays of quantized tensors as they are stored, rather than what they decode to.
  bool asStored = false;

  /// Progress counts what has been looked at; how much there is in all is not known, so `total` is
  /// 0.
  TaskControl control;

  /// Called with names of arrays as soon as they are known, some time before what they are: maybe
  /// several times, each name once, in no order; by the thread that opens. May be empty.
  std::function<void(const std::vector<std::string>&)> onNames;
};

}  // namespace quantoscope
