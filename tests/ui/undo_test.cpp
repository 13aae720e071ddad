// Ten thousand random steps, all undone and all redone.
#include <random>

#include <QtTest>

#include "core/exporting/plan_file.h"
#include "tests/support/fake_source.h"
#include "ui/session/pin_store.h"
#include "ui/session/preset_store.h"

namespace quantoscope::ui {

namespace {

constexpr int kSteps = 10000;

/// Everything of one program that can be undone.
struct Program {
  QTemporaryDir folder;
  std::unique_ptr<Settings> settings;
  std::unique_ptr<Session> session;
  std::unique_ptr<PinStore> pins;
  std::unique_ptr<PresetStore> presets;

  Program() {
    Session::Environment environment;
    environment.executor = Executor(1);
    environment.overview = false;
    environment.open = [](const std::string& path, const OpenOptions&) -> Result<SharedSource> {
      auto source = std::make_shared<test::FakeSource>(path);
      source->add("a/kernel", 8, 64);
      source->add("b/kernel", 4, 32);
      return SharedSource(source);
    };
    settings = std::make_unique<Settings>(std::make_unique<QSettings>(
        folder.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    session = std::make_unique<Session>(environment);
    pins = std::make_unique<PinStore>(session.get());
    presets = std::make_unique<PresetStore>(session.get(), settings.get());
    session->openFile(QStringLiteral("/fake/one.h5"));
    QTRY_VERIFY(session->settled());
    // What is measured takes no part in undo, and would only take time.
    session->cancel();
  }
  QUndoStack* stack() const { return session->undoGroup()->activeStack(); }

  QString state() const {
    QString text = QString::fromStdString(planToJson(session->fileStates()[0].plan).text());
    for (const Pin& pin : pins->pins()) {
      Pin chosen = pin;
      chosen.measure.reset();
      text += QString::fromStdString(toJson(chosen, chosen.file).text());
      if (&pin == pins->baseline()) text += QStringLiteral("baseline");
    }
    for (const Preset& preset : presets->own()) {
      text += preset.name + QString::fromStdString(toJson(preset.spec).text());
    }
    return text;
  }
};

/// One step of a person who tries everything.
void step(Program& program, std::mt19937& random) {
  Session& session = *program.session;
  PinStore& pins = *program.pins;
  PresetStore& own = *program.presets;
  const auto below = [&random](std::size_t count) {
    return random() % std::max<std::size_t>(count, 1);
  };
  const auto anyPin = [&] {
    return pins.pins().empty() ? 0 : pins.pins()[below(pins.pins().size())].id;
  };
  const auto anyName = [&] { return QStringLiteral("own %1").arg(below(5)); };
  QuantSpec spec = session.spec();
  switch (below(18)) {
    case 0:
      return session.applyToAll();
    case 1:
      return session.dropOwnSpec();
    case 2:
      return session.editSpec(presets()[below(presets().size())].spec, QStringLiteral("preset"));
    case 3:
      return session.selectTensor(below(2) == 0 ? QStringLiteral("a/kernel")
                                                : QStringLiteral("b/kernel"));
    case 4:
      return session.adoptPlan(session.plan());
    case 5:
    case 6:
      return program.stack()->undo();
    case 7:
      return program.stack()->redo();
    case 8:
      spec.groupSize = static_cast<long long>(1 + below(64));
      return session.editSpec(spec, QStringLiteral("group size"));
    case 9: {  // a drag
      const int gesture = session.newGesture();
      for (int i = 0; i < 3; ++i) {
        spec.clip = ClipPolicy::fixed(0.5 + static_cast<double>(below(50)) / 100);
        session.editSpec(spec, QStringLiteral("clip ratio"), gesture);
      }
      return;
    }
    case 10:
      pins.pinCurrent();
      return;
    case 11:
      return pins.remove(anyPin());
    case 12:
      return pins.rename(anyPin(), anyName());
    case 13:
      return pins.setBaseline(anyPin());
    case 14:
      return below(2) == 0 ? pins.setColor(anyPin(), static_cast<int>(below(8)))
                           : pins.setShown(anyPin(), below(2) == 0);
    case 15:
      return below(10) == 0 ? pins.removeAll() : own.remove(anyName());
    case 16:
      own.save(anyName(), spec);
      return;
    default:
      own.rename(anyName(), anyName());
      return;
  }
}

}  // namespace

class UndoTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void tenThousandStepsAreUndoneAndRedone_data();
  void tenThousandStepsAreUndoneAndRedone();
  void everyStepHasAName();
};

void UndoTest::tenThousandStepsAreUndoneAndRedone_data() {
  QTest::addColumn<unsigned>("seed");
  QTest::newRow("seed 7") << 7U;
}

void UndoTest::tenThousandStepsAreUndoneAndRedone() {
  QFETCH(unsigned, seed);
  Program program;
  QUndoStack* stack = program.stack();
  const QString before = program.state();
  std::mt19937 random(seed);
  for (int i = 0; i < kSteps; ++i) step(program, random);
  const QString after = program.state();
  const int reached = stack->index();
  QVERIFY(reached > kSteps / 10);
  QVERIFY(after != before);

  // On the way back each state is noted, on the way forth each must come again.
  std::vector<size_t> states;
  while (stack->canUndo()) {
    states.push_back(qHash(program.state()));
    stack->undo();
  }
  QCOMPARE(program.state(), before);
  while (stack->index() < reached) {
    stack->redo();
    QCOMPARE(qHash(program.state()), states.back());
    states.pop_back();
  }
  QCOMPARE(program.state(), after);
}

void UndoTest::everyStepHasAName() {
  Program program;
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) step(program, random);
  const QUndoStack* stack = program.stack();
  for (int i = 0; i < stack->count(); ++i) QVERIFY(!stack->text(i).isEmpty());
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::UndoTest)
#include "undo_test.moc"
