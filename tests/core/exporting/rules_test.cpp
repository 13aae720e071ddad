// What rules of targets are made of.
#include "core/exporting/rules.h"

#include <QtTest>

using namespace quantoscope;

namespace {

TensorInfo weight(const std::string& name, std::vector<std::size_t> shape = {64, 128}) {
  TensorInfo info;
  info.name = name;
  info.shape = std::move(shape);
  info.dtype = "bfloat16";
  info.quantizable = true;
  setAxes(info, AxisMap::rows(info.shape.size()));
  return info;
}

QuantSpec bits(int count) {
  QuantSpec spec;
  spec.bits = count;
  return spec;
}

std::string signature(const PlannedTensor& tensor) {
  return describe(tensor.spec);
}

const std::string kAttention = "model.layers.0.self_attn.";

}  // namespace

class RulesTest : public QObject {
  Q_OBJECT

 private slots:
  void namesTellRoles_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("axes");
    QTest::addColumn<int>("role");
    const auto row = [](const char* name, int axes, TensorRole role) {
      QTest::newRow(name) << name << axes << static_cast<int>(role);
    };
    row("model.layers.0.mlp.up_proj.weight", 2, TensorRole::Linear);
    row("lm_head.weight", 2, TensorRole::Head);
    row("output.weight", 2, TensorRole::Head);
    row("layers.3.output.weight", 2, TensorRole::Linear);
    row("model.embed_tokens.weight", 2, TensorRole::Embedding);
    row("transformer.wte.weight", 2, TensorRole::Embedding);
    row("embeddings.word_embeddings.weight", 2, TensorRole::Embedding);
    row("conv1.weight", 4, TensorRole::Convolution);
    row("transformer/h/0/mlp/c_fc/kernel", 2, TensorRole::Linear);
  }
  void namesTellRoles() {
    QFETCH(QString, name);
    QFETCH(int, axes);
    QFETCH(int, role);
    const auto info =
        weight(name.toStdString(), std::vector<std::size_t>(static_cast<std::size_t>(axes), 8));
    QCOMPARE(static_cast<int>(roleOf(info)), role);
  }

  void headsEmbeddingsAndConvolutionsStayInFloat() {
    ModelHeader header;
    header.tensors = {weight("lm_head.weight"), weight("a.q_proj.weight"), weight("wte.weight"),
                      weight("c.weight", {8, 4, 3, 3})};
    RuleBook book(header);
    keepUsualInFloat(book, "somebody");
    const Findings found = book.take();
    QCOMPARE(found.size(), std::size_t{3});
    for (const Finding& finding : found) {
      QVERIFY(finding.severity == Finding::Severity::Usual);
      QCOMPARE(finding.rule, std::string("somebody"));
      QVERIFY(finding.remedies == std::vector<Remedy>{Remedy::keepFloat()});
    }
    QCOMPARE(found[0].line(),
             std::string("lm_head.weight: an output head, which loaders expect in float"));
    QCOMPARE(found[2].subject, std::string("c.weight"));
  }

  void fusedLayersMustAgree() {
    ModelHeader header;
    header.tensors = {weight(kAttention + "q_proj.weight"), weight(kAttention + "k_proj.weight"),
                      weight(kAttention + "v_proj.weight"), weight("m.gate_proj.weight"),
                      weight("m.up_proj.weight")};
    {
      RuleBook book(header);
      agreeWithinFused(book, signature, "vLLM");
      QVERIFY(book.take().empty());
    }
    header.plan.tensors[kAttention + "v_proj.weight"].spec = bits(8);
    RuleBook book(header);
    agreeWithinFused(book, signature, "vLLM");
    const Findings found = book.take();
    QCOMPARE(found.size(), std::size_t{1});
    QCOMPARE(found[0].subject, kAttention + "v_proj.weight");
    QVERIFY(found[0].severity == Finding::Severity::Refusal);
    QVERIFY(found[0].text.find("qkv_proj") != std::string::npos);
    QVERIFY(found[0].remedies.front() == Remedy::use(bits(4)));
  }

  void aFusedLayerIsQuantizedWholeOrNotAtAll() {
    ModelHeader header;
    header.tensors = {weight("m.gate_proj.weight")};
    header.passed = {weight("m.up_proj.weight")};
    RuleBook book(header);
    agreeWithinFused(book, signature, "vLLM");
    const Findings found = book.take();
    QCOMPARE(found.size(), std::size_t{1});
    QCOMPARE(found[0].subject, std::string("m.gate_proj.weight"));
    QVERIFY(found[0].remedies.front() == Remedy::keepFloat());
  }

  void setsOfFusedLayersAreNamed() {
    ModelHeader header;
    header.tensors = {weight("m.gate_proj.weight"), weight("m.down_proj.weight"),
                      weight("m.up_proj.weight"), weight("n.up_proj.weight")};
    const auto sets = fusedSets(header);
    QCOMPARE(sets.size(), std::size_t{1});
    QVERIFY((sets[0] == std::vector<std::string>{"m.gate_proj.weight", "m.up_proj.weight"}));
    QCOMPARE(fusedModuleOf("a.b.k_proj"), std::string("a.b.qkv_proj"));
    QCOMPARE(fusedModuleOf("a.b.o_proj"), std::string());
  }

  void twoTensorsOfOneNameAreRefused() {
    ModelHeader header;
    header.tensors = {weight("a/b.weight"), weight("a.b.weight"), weight("weight")};
    RuleBook book(header);
    refuseSharedNames(book);
    const Findings found = book.take();
    QCOMPARE(found.size(), std::size_t{2});
    QCOMPARE(found[0].subject, std::string("a.b.weight"));
    QVERIFY(found[0].text.find("a/b.weight") != std::string::npos);
    QCOMPARE(found[1].subject, std::string("weight"));
  }

  void whatIsNoWeightOfAModuleStaysAsItIs() {
    ModelHeader header;
    header.tensors = {weight("lstm.weight_ih"), weight("layers/dense/vars/0"),
                      weight("a/dense/kernel")};
    RuleBook book(header);
    refuseSharedNames(book);
    const Findings found = book.take();
    QCOMPARE(found.size(), std::size_t{2});
    for (const Finding& finding : found) {
      QVERIFY(finding.severity == Finding::Severity::Usual);
      QVERIFY(finding.remedies == std::vector<Remedy>{Remedy::keepFloat()});
    }
    QCOMPARE(found[1].subject, std::string("layers/dense/vars/0"));
  }

  void theNearestSpecKeepsWhatItCan() {
    const auto only4And8Sym = [](const QuantSpec& spec) {
      return spec.scheme == Scheme::Sym && (spec.bits == 4 || spec.bits == 8) &&
             (spec.groupSize == 128 || spec.groupSize == 32);
    };
    QuantSpec spec = bits(3);
    spec.groupSize = 64;
    const auto found = nearestSpec(spec, 256, only4And8Sym);
    QVERIFY(found);
    QCOMPARE(describe(*found), std::string("int4 g32 sym"));
    const auto tail = nearestSpec(spec, 200, only4And8Sym);  // no allowed size divides 200
    QVERIFY(!tail);
    QVERIFY(remediesFor(spec, 200, only4And8Sym) == std::vector<Remedy>{Remedy::keepFloat()});
  }
};

QTEST_GUILESS_MAIN(RulesTest)
#include "rules_test.moc"
