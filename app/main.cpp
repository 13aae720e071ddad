// quantoscope: the desktop application.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

#include <QApplication>
#include <QCommandLineParser>
#include <QDir>
#include <QFile>
#include <QIcon>
#include <QRegularExpression>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTextStream>
#include <QThreadPool>

#include "app/exit_status.h"
#include "app/picture.h"
#include "core/io/reader/remote_container.h"
#include "core/kernels/kernels.h"
#include "ui/main_window/main_window.h"
#include "ui/panels/appearance.h"
#include "ui/panels/text_size.h"
#include "ui/session/autosave.h"
#include "ui/session/log_file.h"
#include "ui/session/session.h"
#include "ui/session/session_document.h"
#include "ui/session/settings.h"
#include "ui/session/shown_text.h"

namespace quantoscope {

namespace {

/// For app/run: exits with 0 where a window can be shown; Qt aborts where it cannot.
constexpr auto kCheckDisplay = "--check-display";
constexpr auto kSample = "samples/sample_transformer.h5";

/// The parsed command line.
struct Arguments {
  QStringList files;
  QString tensor;
  QString picture;
  std::optional<QSize> size;
  std::optional<ui::Appearance> appearance;
  std::optional<ui::Perspective> perspective;
};

std::optional<QSize> parseSize(const QString& text) {
  static const QRegularExpression kPattern(QStringLiteral("^([1-9][0-9]{1,4})x([1-9][0-9]{1,4})$"));
  const auto match = kPattern.match(text);
  if (!match.hasMatch()) return std::nullopt;
  constexpr int kLargest = 16384;  // a picture of it takes 1 GB
  const QSize size(match.captured(1).toInt(), match.captured(2).toInt());
  if (size.width() > kLargest || size.height() > kLargest) return std::nullopt;
  return size;
}

[[noreturn]] void refuse(const QString& message) {
  QTextStream(stderr) << "quantoscope: " << ui::shownText(message) << '\n';
  std::exit(kWrongUsage);
}

QString perspectiveNames() {
  QStringList names;
  for (const ui::PerspectiveRow& row : ui::kPerspectives) names << QLatin1String(row.name);
  return names.join(QLatin1String(", "));
}

ui::Perspective parsePerspective(const QString& name) {
  for (const ui::PerspectiveRow& row : ui::kPerspectives) {
    if (name == QLatin1String(row.name)) return row.perspective;
  }
  refuse(QStringLiteral("--perspective %1: allowed are %2").arg(name, perspectiveNames()));
}

Arguments parseArguments(const QApplication& application) {
  QCommandLineParser parser;
  parser.setApplicationDescription(
      QStringLiteral("See and tune what quantization does to neural-network weights.\n"
                     "Without a file it opens a small trained model."));
  const QCommandLineOption tensor(QStringLiteral("tensor"),
                                  QStringLiteral("Show this tensor of the first file."),
                                  QStringLiteral("NAME"));
  const QCommandLineOption picture(
      QStringLiteral("picture"),
      QStringLiteral(
          "Save an image of the window when everything is computed, and quit; needs no display."),
      QStringLiteral("OUT.png"));
  const QCommandLineOption size(QStringLiteral("size"), QStringLiteral("Size of the window."),
                                QStringLiteral("WxH"));
  const QCommandLineOption light(QStringLiteral("light"), QStringLiteral("Light colours."));
  const QCommandLineOption dark(QStringLiteral("dark"), QStringLiteral("Dark colours."));
  const QCommandLineOption contrast(QStringLiteral("high-contrast"),
                                    QStringLiteral("White on black."));
  const QCommandLineOption perspective(
      QStringLiteral("perspective"),
      QStringLiteral("Arrangement of the window: %1.").arg(perspectiveNames()),
      QStringLiteral("NAME"));
  parser.addOptions({tensor, picture, size, light, dark, contrast, perspective});
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(
      QStringLiteral("files"),
      QStringLiteral(
          "Weight files, folders that hold a model, FILE::TENSOR, or a session; the first "
          "is shown."),
      QStringLiteral("[FILE ...]"));
  // Not process(): it exits with status 1 for wrong usage.
  if (!parser.parse(application.arguments())) refuse(parser.errorText());
  if (parser.isSet(QStringLiteral("version"))) parser.showVersion();
  if (parser.isSet(QStringLiteral("help"))) parser.showHelp();

  Arguments arguments;
  arguments.files = parser.positionalArguments();
  arguments.tensor = parser.value(tensor);
  arguments.picture = parser.value(picture);
  if (parser.isSet(picture) && arguments.picture.isEmpty())
    refuse(QStringLiteral("--picture needs a file name"));
  if (parser.isSet(light) + parser.isSet(dark) + parser.isSet(contrast) > 1) {
    refuse(QStringLiteral("use only one of --light, --dark and --high-contrast"));
  }
  if (parser.isSet(light)) arguments.appearance = ui::Appearance::Light;
  if (parser.isSet(dark)) arguments.appearance = ui::Appearance::Dark;
  if (parser.isSet(contrast)) arguments.appearance = ui::Appearance::HighContrast;
  if (parser.isSet(perspective))
    arguments.perspective = parsePerspective(parser.value(perspective));
  if (parser.isSet(size)) {
    arguments.size = parseSize(parser.value(size));
    if (!arguments.size) {
      refuse(QStringLiteral("--size %1: must be WIDTHxHEIGHT, for example 1280x800")
                 .arg(parser.value(size)));
    }
  }
  return arguments;
}

/// The sample model that comes with the program: where an installation has it, of which a build
/// tree is an image, else among the data that is installed anywhere. Empty where it is missing.
QString samplePath() {
  const QString nearby =
      QDir::cleanPath(QCoreApplication::applicationDirPath() +
                      QStringLiteral("/../share/quantoscope/") + QLatin1String(kSample));
  if (QFile::exists(nearby)) return nearby;
  return QStandardPaths::locate(QStandardPaths::GenericDataLocation,
                                QStringLiteral("quantoscope/") + QLatin1String(kSample));
}

/// Neither a picture nor a line of text needs a display: use none for them.
void chooseHeadlessPlatform(int argc, char** argv) {
  static constexpr const char* kHeadless[] = {"--picture", "--help", "--version", "-h", "-v"};
  const bool headless = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return std::any_of(std::begin(kHeadless), std::end(kHeadless), [=](const char* option) {
      return std::strncmp(argument, option, std::strlen(option)) == 0;
    });
  });
  if (headless && !qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
}

/// The user's settings; the defaults for a picture, so that it looks the same everywhere.
std::unique_ptr<ui::Settings> settingsFor(const Arguments& arguments,
                                          const QTemporaryDir& scratch) {
  if (arguments.picture.isEmpty()) return std::make_unique<ui::Settings>();
  auto settings = std::make_unique<ui::Settings>(std::make_unique<QSettings>(
      scratch.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
  settings->setHintsDismissed(true);
  return settings;
}

QString requestedTensor(const Arguments& arguments) {
  if (!arguments.tensor.isEmpty() || arguments.files.isEmpty()) return arguments.tensor;
  const FileAndPath parts = splitFileAndPath(arguments.files.first().toStdString());
  const QString path = QString::fromStdString(parts.path);
  return path.startsWith(QLatin1Char('/')) ? path.mid(1) : path;
}

/// Saves the session while the program runs, and restores the one that a killed program left.
void keepSession(std::optional<ui::Autosave>& autosave, ui::Session& session,
                 ui::MainWindow& window) {
  ui::SessionDocument* const document = window.document();
  const QString folder = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
  autosave.emplace(&session, folder, [document] { return document->snapshot(false); });
  QObject::connect(&*autosave, &ui::Autosave::failed, &session, &ui::Session::failed);
  QObject::connect(document, &ui::SessionDocument::missingChanged, &*autosave,
                   &ui::Autosave::touch);
  QObject::connect(QCoreApplication::instance(), &QCoreApplication::aboutToQuit, &*autosave,
                   &ui::Autosave::finish);
  window.offerLastSession(ui::Autosave::lastSession(folder));
  if (autosave->found()) document->restore(*autosave->found());
}

/// The log lies beside the saved session, for bug reports.
void beginLog(ui::Session& session) {
  ui::LogFile::begin(QStandardPaths::writableLocation(QStandardPaths::AppDataLocation));
  ui::LogFile::write(QStringLiteral("Quantoscope %1, Qt %2, %3 on %4, %5 kernels, %6 threads")
                         .arg(QCoreApplication::applicationVersion(),
                              QString::fromLatin1(qVersion()), QGuiApplication::platformName(),
                              QSysInfo::prettyProductName(),
                              QString::fromLatin1(kernels::activeKernels().name))
                         .arg(session.threads()));
  // Asking starts a process: not while the window is being built.
  QThreadPool::globalInstance()->start([] {
    const auto report = sandboxOfReader();
    ui::LogFile::write(QStringLiteral("sandbox of the reader: ") +
                       QString::fromStdString(report ? describe(*report) : report.error().message));
  });
  ui::LogFile::follow(session);
}

/// Warns where the window needs more than the requested size.
void resizeTo(ui::MainWindow& window, const QSize& size) {
  const QSize least = window.minimumSizeHint();
  if (size.expandedTo(least) != size) {
    QTextStream(stderr) << QStringLiteral("quantoscope: --size %1x%2: the window needs %3x%4\n")
                               .arg(size.width())
                               .arg(size.height())
                               .arg(least.width())
                               .arg(least.height());
  }
  window.resize(size.expandedTo(least));
  window.resetLayout();
}

/// Opens what the command line names; the sample where nothing is named and nothing was restored.
void openAtStart(const Arguments& arguments, ui::Session& session, ui::MainWindow& window,
                 bool restored) {
  QStringList files = arguments.files;
  if (files.isEmpty() && !restored && !samplePath().isEmpty()) files << samplePath();
  if (files.isEmpty()) return;
  if (arguments.tensor.isEmpty()) return window.openFiles(files);
  session.openFile(files.takeFirst(), arguments.tensor);
  for (const QString& file : files) session.openBeside(file);
}

int run(int argc, char** argv) {
  chooseHeadlessPlatform(argc, argv);
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("Quantoscope"));
  QApplication::setApplicationName(QStringLiteral("Quantoscope"));
  QApplication::setApplicationVersion(QStringLiteral(QUANTOSCOPE_VERSION));
  QApplication::setDesktopFileName(QStringLiteral("org.quantoscope.Quantoscope"));
  QApplication::setWindowIcon(QIcon(QStringLiteral(":/icons/quantoscope.svg")));

  if (application.arguments().value(1) == QLatin1String(kCheckDisplay)) return 0;
  const Arguments arguments = parseArguments(application);
  const QTemporaryDir scratch;
  const auto settings = settingsFor(arguments, scratch);
  const auto appearance = arguments.appearance.value_or(
      arguments.picture.isEmpty() ? settings->appearance() : ui::Appearance::Light);
  if (appearance != ui::Appearance::System) ui::applyAppearance(appearance);

  if (arguments.picture.isEmpty()) ui::applyTextSize(settings->textPercent());

  ui::Session session;
  ui::MainWindow window(&session, settings.get());
  if (arguments.perspective) window.showPerspective(*arguments.perspective);
  if (arguments.size) resizeTo(window, *arguments.size);
  if (!arguments.picture.isEmpty()) {
    new Picture(&window, &session, arguments.picture, requestedTensor(arguments));
  }
  std::optional<ui::Autosave> autosave;
  if (arguments.picture.isEmpty()) {
    beginLog(session);
    keepSession(autosave, session, window);
  }
  openAtStart(arguments, session, window, autosave && autosave->found());
  window.show();
  return QApplication::exec();
}

}  // namespace

}  // namespace quantoscope

int main(int argc, char** argv) {
  return quantoscope::run(argc, argv);
}
