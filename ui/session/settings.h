// What the application remembers from one start to the next.
#pragma once

#include <memory>
#include <optional>

#include <QByteArray>
#include <QList>
#include <QSettings>
#include <QString>
#include <QStringList>
#include <QTemporaryDir>

namespace quantoscope::ui {

/// Which colours the window has.
enum class Appearance { System, Light, Dark, HighContrast };

/// Where the window was and how its parts were arranged.
struct WindowLayout {
  QByteArray geometry;
  QByteArray state;
  QList<QByteArray> splitters;  ///< those between the plots
};

/// Typed access to QSettings; nothing else in the program knows the keys. Values that make no sense
/// read as their defaults.
class Settings {
 public:
  /// The user's settings, under the application's organization and name.
  Settings();
  /// Settings kept elsewhere, for instance in a file of a test.
  explicit Settings(std::unique_ptr<QSettings> store);

  /// Why the settings of the user cannot be read, so that the defaults hold and nothing is kept;
  /// empty where they can.
  const QString& problem() const { return problem_; }

  /// The layout that was saved by a window whose parts have this version; nothing for another
  /// version, whose state would misplace the parts.
  std::optional<WindowLayout> windowLayout(int version) const;
  void setWindowLayout(int version, const WindowLayout& layout);

  /// How the docks of a perspective were left, by its number; empty for another version.
  QByteArray perspective(int number, int version) const;
  void setPerspective(int number, int version, const QByteArray& state);
  /// The number of the perspective that was shown last; 0 at first.
  int lastPerspective() const;
  void setLastPerspective(int number);

  /// Where the last file was opened or written; the home directory at first.
  QString lastDirectory() const;
  /// Remembers the directory of a file.
  void rememberDirectoryOf(const QString& file);

  /// Absolute paths, the newest first, at most kRecentFiles; they need not exist any more.
  QStringList recentFiles() const;
  void addRecentFile(const QString& file);
  void clearRecentFiles();
  static constexpr int kRecentFiles = 10;

  Appearance appearance() const;
  void setAppearance(Appearance appearance);

  /// Size of the text in percent of the system's, kLeastText to kMostText; 100 at first.
  int textPercent() const;
  void setTextPercent(int percent);
  static constexpr int kLeastText = 70;
  static constexpr int kMostText = 200;

  /// Whether the hints of the first start were dismissed.
  bool hintsDismissed() const;
  void setHintsDismissed(bool dismissed);

  /// The pinned configurations as JSON text; empty at first.
  QString pins() const;
  void setPins(const QString& json);

  /// The user's presets as JSON text; empty at first.
  QString presets() const;
  void setPresets(const QString& json);

  /// How the columns of a table were left, by the table's name; empty at first.
  QByteArray tableState(const QString& table) const;
  void setTableState(const QString& table, const QByteArray& state);

  bool logCounts() const;
  void setLogCounts(bool on);

 private:
  QString problem_;
  std::unique_ptr<QTemporaryDir> scratch_;  ///< for a store that is thrown away
  std::unique_ptr<QSettings> store_;
};

}  // namespace quantoscope::ui
