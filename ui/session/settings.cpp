#include "ui/session/settings.h"

#include <algorithm>
#include <utility>

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>

#include "core/base/input_file.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr auto kLayoutVersion = "window/version";
constexpr auto kGeometry = "window/geometry";
constexpr auto kState = "window/state";
constexpr auto kSplitters = "window/splitters";
constexpr auto kDirectory = "files/directory";
constexpr auto kRecent = "files/recent";
constexpr auto kAppearance = "view/appearance";
constexpr auto kTextPercent = "view/textPercent";
constexpr auto kHintsDismissed = "view/hintsDismissed";
constexpr auto kLogCounts = "view/logCounts";
constexpr auto kPins = "comparison/pins";
constexpr auto kPresets = "presets/own";
constexpr auto kLastPerspective = "window/perspective";

constexpr const char* kAppearanceNames[] = {"system", "light", "dark", "high-contrast"};

/// QSettings would wait for a named pipe, and read a file of any size.
QString problemOfUsersSettings() {
  constexpr qint64 kMostBytes = 64 << 20;
  const QString folder = QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation);
  const QString organization = QCoreApplication::organizationName();
  const QString application = QCoreApplication::applicationName();
  for (const QString& name : {QStringLiteral("%1.conf").arg(organization),
                              QStringLiteral("%1/%2.conf").arg(organization, application)}) {
    const QFileInfo info(QDir(folder).filePath(name));
    if (!info.exists()) continue;
    if (const auto file = openRegularFile(info.filePath().toStdString()); !file) {
      return messageOf(file.error());
    }
    if (info.size() > kMostBytes) {
      return shownText(QStringLiteral("%1: too large; allowed are at most %2 bytes")
                           .arg(info.filePath())
                           .arg(kMostBytes));
    }
  }
  return {};
}

}  // namespace

Settings::Settings() : problem_(problemOfUsersSettings()) {
  if (problem_.isEmpty()) {
    store_ = std::make_unique<QSettings>();
    return;
  }
  scratch_ = std::make_unique<QTemporaryDir>();
  store_ = std::make_unique<QSettings>(scratch_->filePath(QStringLiteral("settings.ini")),
                                       QSettings::IniFormat);
}

Settings::Settings(std::unique_ptr<QSettings> store) : store_(std::move(store)) {}

std::optional<WindowLayout> Settings::windowLayout(int version) const {
  if (store_->value(kLayoutVersion).toInt() != version) return std::nullopt;
  WindowLayout layout{
      store_->value(kGeometry).toByteArray(), store_->value(kState).toByteArray(), {}};
  for (const QVariant& splitter : store_->value(kSplitters).toList()) {
    layout.splitters << splitter.toByteArray();
  }
  return layout;
}

void Settings::setWindowLayout(int version, const WindowLayout& layout) {
  store_->setValue(kLayoutVersion, version);
  store_->setValue(kGeometry, layout.geometry);
  store_->setValue(kState, layout.state);
  store_->setValue(kSplitters, QVariantList(layout.splitters.begin(), layout.splitters.end()));
}

QByteArray Settings::perspective(int number, int version) const {
  return store_->value(QStringLiteral("perspective/%1.%2").arg(version).arg(number)).toByteArray();
}

void Settings::setPerspective(int number, int version, const QByteArray& state) {
  store_->setValue(QStringLiteral("perspective/%1.%2").arg(version).arg(number), state);
}

int Settings::lastPerspective() const {
  return store_->value(kLastPerspective).toInt();
}

void Settings::setLastPerspective(int number) {
  store_->setValue(kLastPerspective, number);
}

QString Settings::lastDirectory() const {
  const QString directory = store_->value(kDirectory).toString();
  return !directory.isEmpty() && QDir(directory).exists() ? directory : QDir::homePath();
}

void Settings::rememberDirectoryOf(const QString& file) {
  store_->setValue(kDirectory, QFileInfo(file).absolutePath());
}

QStringList Settings::recentFiles() const {
  return store_->value(kRecent).toStringList().mid(0, kRecentFiles);
}

void Settings::addRecentFile(const QString& file) {
  const QString path = QFileInfo(file).absoluteFilePath();
  QStringList files = recentFiles();
  files.removeAll(path);
  files.prepend(path);
  store_->setValue(kRecent, files.mid(0, kRecentFiles));
}

void Settings::clearRecentFiles() {
  store_->remove(kRecent);
}

Appearance Settings::appearance() const {
  const QString name = store_->value(kAppearance).toString();
  for (const Appearance appearance :
       {Appearance::Light, Appearance::Dark, Appearance::HighContrast}) {
    if (name == QLatin1String(kAppearanceNames[static_cast<int>(appearance)])) return appearance;
  }
  return Appearance::System;
}

void Settings::setAppearance(Appearance appearance) {
  store_->setValue(kAppearance,
                   QString::fromLatin1(kAppearanceNames[static_cast<int>(appearance)]));
}

int Settings::textPercent() const {
  return std::clamp(store_->value(kTextPercent, 100).toInt(), kLeastText, kMostText);
}

void Settings::setTextPercent(int percent) {
  store_->setValue(kTextPercent, percent);
}

bool Settings::hintsDismissed() const {
  return store_->value(kHintsDismissed, false).toBool();
}

void Settings::setHintsDismissed(bool dismissed) {
  store_->setValue(kHintsDismissed, dismissed);
}

QString Settings::pins() const {
  return store_->value(kPins).toString();
}

void Settings::setPins(const QString& json) {
  store_->setValue(kPins, json);
}

QString Settings::presets() const {
  return store_->value(kPresets).toString();
}

void Settings::setPresets(const QString& json) {
  store_->setValue(kPresets, json);
}

QByteArray Settings::tableState(const QString& table) const {
  return store_->value(QStringLiteral("tables/") + table).toByteArray();
}

void Settings::setTableState(const QString& table, const QByteArray& state) {
  store_->setValue(QStringLiteral("tables/") + table, state);
}

bool Settings::logCounts() const {
  return store_->value(kLogCounts, false).toBool();
}

void Settings::setLogCounts(bool on) {
  store_->setValue(kLogCounts, on);
}

}  // namespace quantoscope::ui
