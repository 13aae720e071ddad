// Presets that a person made.
#pragma once

#include <optional>
#include <vector>

#include <QObject>

#include "ui/session/presets.h"
#include "ui/session/session.h"
#include "ui/session/settings.h"

namespace quantoscope::ui {

/// The user's specifications by name, kept in the settings, in the order of their names.
/// Every change is an undoable step of the file that is shown; without a file it is final.
class PresetStore : public QObject {
  Q_OBJECT

 public:
  /// Both must outlive the store. What cannot be read of the settings is left out.
  PresetStore(Session* session, Settings* settings, QObject* parent = nullptr);

  const std::vector<Preset>& own() const { return own_; }
  /// Keeps a spec under a name, in place of one that has it. Refused: an empty name, and that of a
  /// preset that comes with the program; `problem` then says why.
  bool save(const QString& name, const QuantSpec& spec, QString* problem = nullptr);
  /// Refused for the same reasons, and where another has the new name.
  bool rename(const QString& name, const QString& newName, QString* problem = nullptr);
  void remove(const QString& name);

 Q_SIGNALS:
  void changed();

 private:
  class Step;
  /// What a name stood for and stands for; nothing where it does not exist.
  struct Change {
    QString name;
    std::optional<QuantSpec> before;
    std::optional<QuantSpec> after;
  };

  bool allowed(const QString& name, QString* problem) const;
  const Preset* find(const QString& name) const;
  void push(const QString& step, std::vector<Change> changes);
  void set(const QString& name, const std::optional<QuantSpec>& spec);
  void keep();

  Session* session_;
  Settings* settings_;
  std::vector<Preset> own_;
};

}  // namespace quantoscope::ui
