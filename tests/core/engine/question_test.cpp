// Questions: which of them share an answer.
#include "core/engine/question.h"

#include <functional>
#include <unordered_map>
#include <vector>

#include <QtTest>

namespace quantoscope {

namespace {

Question plainQuestion() {
  Question question;
  question.file = 1;
  question.tensor = "dense/kernel";
  question.axes = AxisMap::rows(2);
  return question;
}

Question withLevels(const std::vector<double>& levels, std::vector<int> codes = {}) {
  Question question = plainQuestion();
  question.spec = question.spec.withDtype(Dtype::Codebook,
                                          *makeNamedCodebook("mine", levels, std::move(codes)));
  return question;
}

}  // namespace

class QuestionTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalQuestionsAreOneKey();
  void whateverDiffersIsAnotherQuestion();
  void codebooksOfOneNameAreToldApartByContent();
  void theFileOfACodebookIsNoPartOfTheQuestion();
};

void QuestionTest::equalQuestionsAreOneKey() {
  std::unordered_map<Question, int, QuestionHash> answers;
  answers[plainQuestion()] = 1;
  answers[plainQuestion()] = 2;
  QCOMPARE(answers.size(), 1u);
  // Levels that were read twice are the same ones.
  QCOMPARE(withLevels({-1, 0, 1}), withLevels({-1, 0, 1}));
  QCOMPARE(QuestionHash{}(withLevels({-1, 0, 1})), QuestionHash{}(withLevels({-1, 0, 1})));
}

void QuestionTest::whateverDiffersIsAnotherQuestion() {
  const std::vector<std::function<void(Question&)>> changes = {
      [](Question& question) { question.file = 2; },
      [](Question& question) { question.tensor = "dense/kernel:0"; },
      [](Question& question) { question.axes = AxisMap::columns(2); },
      [](Question& question) { question.axes.rowAxes = 2; },
      [](Question& question) { question.axes.slice = 0; },
      [](Question& question) { question.spec.dtype = Dtype::Nf4; },
      [](Question& question) { question.spec.bits = 3; },
      [](Question& question) { question.spec.groupSize = 64; },
      [](Question& question) { question.spec.scheme = Scheme::Sym; },
      [](Question& question) { question.spec.fullRange = true; },
      [](Question& question) { question.spec.halfRange = true; },
      [](Question& question) { question.spec.compute = Compute::Stored; },
      [](Question& question) { question.spec.clip = ClipPolicy::fixed(0.9); },
      [](Question& question) { question.spec.grid.to = 0.5; },
      [](Question& question) { question.spec.grid.count = 41; },
      [](Question& question) { question.spec.doubleQuant = DoubleQuant{}; }};
  std::unordered_map<Question, int, QuestionHash> answers;
  answers[plainQuestion()] = 0;
  for (const auto& change : changes) {
    Question changed = plainQuestion();
    change(changed);
    QVERIFY(answers.emplace(changed, 1).second);
  }
  QCOMPARE(answers.size(), changes.size() + 1);
}

void QuestionTest::codebooksOfOneNameAreToldApartByContent() {
  QVERIFY(withLevels({-1, 0, 1}) != withLevels({-1, 0, 0.5}));
  QVERIFY(withLevels({-1, 0, 1}) != withLevels({-1, 0, 1}, {0, 2, 1}));
}

void QuestionTest::theFileOfACodebookIsNoPartOfTheQuestion() {
  Question moved = withLevels({-1, 0, 1});
  moved.spec.codebook.source = "/elsewhere/mine.json";
  QCOMPARE(moved, withLevels({-1, 0, 1}));
}

}  // namespace quantoscope

QTEST_APPLESS_MAIN(quantoscope::QuestionTest)
#include "question_test.moc"
