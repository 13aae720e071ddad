// A file that tells what happened, for reports of bugs.
#pragma once

#include <QString>

namespace quantoscope::ui {

class Session;

/// One file for the program: lines with the time, of ours and of Qt's. It holds names of files and
/// tensors, settings, durations and messages, never a weight. All functions are thread-safe.
class LogFile {
 public:
  static constexpr qint64 kLargest = 1 << 20;  ///< beyond it the file is put aside
  static constexpr int kKept = 3;              ///< files put aside: NAME.1, the newest, to NAME.3

  /// Begins to write to the folder's quantoscope.log, after what is there, and to pass on Qt's
  /// messages, which still reach where they went before. Without a folder that can be written it
  /// does nothing. A second call moves to another folder.
  static void begin(const QString& folder);
  /// Writes nothing more, and lets Qt's messages go where they went.
  static void end();
  /// The file; empty where none is written.
  static QString path();
  /// A line; breaks in it become spaces.
  static void write(const QString& line);
  /// From now on a line for each file that is opened, each failure, each export.
  static void follow(Session& session);
};

}  // namespace quantoscope::ui
