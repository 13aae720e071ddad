#include "tests/support/long_work.h"

#include <utility>

#include "core/engine/detail.h"
#include "core/engine/win_rate.h"
#include "core/quant/quantizer.h"
#include "core/tensor/group_layout.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

namespace quantoscope::test {

namespace {

using Kind = ClipPolicy::Kind;
using Tensor = std::shared_ptr<const WeightTensor>;

QuantSpec withClip(QuantSpec spec, Kind kind) {
  spec.clip.kind = kind;
  return spec;
}

QuantSpec eightBits(Scheme scheme, long long groupSize) {
  QuantSpec spec;
  spec.bits = 8;
  spec.scheme = scheme;
  spec.groupSize = groupSize;
  return spec;
}

template <typename T>
Status statusOf(const Result<T>& result) {
  return result ? ok() : Status(result.error());
}

std::uint64_t blocksOf(const Tensor& tensor) {
  return RowBlocks::of(tensor->rows(), tensor->cols()).count();
}

/// Few rows: about 4096 weights or a single row.
std::uint64_t piecesOf(const Tensor& tensor) {
  const std::size_t rows = std::max<std::size_t>(1, 4096 / tensor->cols());
  return tensor->rows() / rows;
}

std::uint64_t stepsOf(const Tensor& tensor, const QuantSpec& spec, bool importance) {
  const std::uint64_t ratios = spec.grid.ratios().size();
  const std::uint64_t groups = layoutOf(spec, tensor->rows(), tensor->cols()).groups();
  const std::uint64_t pieces = piecesOf(tensor);
  // What measures the chosen scales: parameters and errors.
  const std::uint64_t measuring = 2 * pieces;
  if (spec.clip.kind == Kind::None) return measuring;
  if (spec.clip.kind == Kind::Optimal) return measuring + groups;
  if (importance || spec.doubleQuant) return measuring + ratios * pieces;
  if (spec.dtype != Dtype::Int) return measuring + ratios * blocksOf(tensor);
  if (spec.clip.kind == Kind::SearchRows) return measuring + tensor->rows();
  if (spec.clip.kind == Kind::SearchGroups) return measuring + groups;
  return measuring + pieces;
}

LongWork analysing(const std::string& name, const Tensor& tensor, const QuantSpec& spec,
                   const std::shared_ptr<const Importance>& importance = nullptr) {
  const auto run = [=](const TaskControl& control) {
    AnalysisRequest request;
    request.tensor = tensor;
    request.spec = spec;
    request.importance = importance;
    return statusOf(analyse(request, Executor(1), control));
  };
  return {name, run, stepsOf(tensor, spec, importance != nullptr)};
}

LongWork detailing(const std::string& name, const Tensor& tensor, const QuantSpec& spec) {
  const auto run = [=](const TaskControl& control) {
    DetailRequest request;
    request.tensor = tensor;
    request.spec = spec;
    return statusOf(analyseDetail(request, Executor(1), control));
  };
  return {name, run, stepsOf(tensor, spec, false) / 2 + 2 * blocksOf(tensor)};
}

std::vector<LongWork> policies(const Tensor& tensor) {
  const QuantSpec int4;
  std::vector<float> h(tensor->cols(), 1);
  h[7] = 3;
  const auto importance =
      std::make_shared<const Importance>(*Importance::of(h, tensor->cols(), "h"));
  std::vector<LongWork> all;
  for (const auto& [name, kind] : {std::pair<std::string, Kind>{"search", Kind::SearchTensor},
                                   {"rows", Kind::SearchRows},
                                   {"groups", Kind::SearchGroups},
                                   {"optimal", Kind::Optimal}}) {
    all.push_back(analysing("int4 " + name, tensor, withClip(int4, kind)));
    all.push_back(
        analysing("fp8 " + name, tensor, withClip(QuantSpec{}.withDtype(Dtype::Fp8E4m3fn), kind)));
    all.push_back(
        analysing("int8 asym " + name, tensor, withClip(eightBits(Scheme::Asym, 32), kind)));
    all.push_back(
        analysing("groups of 1 " + name, tensor, withClip(eightBits(Scheme::Sym, 1), kind)));
    all.push_back(analysing("importance " + name, tensor, withClip(int4, kind), importance));
  }
  return all;
}

std::vector<LongWork> specialSpecs(const Tensor& tensor, const Tensor& longRows) {
  const QuantSpec int4;
  const QuantSpec fp8 = QuantSpec{}.withDtype(Dtype::Fp8E4m3fn);
  QuantSpec twice = withClip(int4, Kind::SearchTensor);
  twice.doubleQuant = DoubleQuant{};
  QuantSpec wide = withClip(fp8, Kind::SearchTensor);
  wide.grid = {1, 0.5, 101};
  QuantSpec wholeRows = withClip(fp8, Kind::Optimal);
  wholeRows.groupSize = -1;
  return {analysing("int4", tensor, int4),
          analysing("double quantization", tensor, twice),
          analysing("wide grid", tensor, wide),
          analysing("int8 asym, whole rows, optimal", tensor,
                    withClip(eightBits(Scheme::Asym, -1), Kind::Optimal)),
          analysing("fp8, whole rows, optimal", tensor, wholeRows),
          analysing("long rows", longRows, withClip(fp8, Kind::SearchTensor)),
          analysing("long rows, groups", longRows, withClip(int4, Kind::SearchGroups)),
          analysing("long rows, optimal", longRows,
                    withClip(eightBits(Scheme::Asym, 32), Kind::Optimal))};
}

}  // namespace

std::shared_ptr<const WeightTensor> repeatedTensor(std::size_t rows, std::size_t cols) {
  const auto some = normalValues(100003, 1);
  std::vector<float> values(rows * cols);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = some[i % some.size()];
  return std::make_shared<const WeightTensor>(tensorOf(rows, cols, std::move(values)));
}

std::vector<LongWork> longWork(const Tensor& tensor, const Tensor& longRows) {
  std::vector<LongWork> all = policies(tensor);
  for (LongWork& work : specialSpecs(tensor, longRows)) all.push_back(std::move(work));
  all.push_back(detailing("detail", tensor, {}));
  all.push_back(
      detailing("detail optimal", tensor, withClip(eightBits(Scheme::Asym, 32), Kind::Optimal)));
  all.push_back({"compare",
                 [=](const TaskControl& control) {
                   ComparisonRequest request;
                   request.original = tensor;
                   request.other = tensor;
                   return statusOf(compareTensors(request, Executor(1), control));
                 },
                 2 * blocksOf(tensor)});
  all.push_back({"win rate",
                 [=](const TaskControl& control) {
                   WinRateRequest request;
                   request.tensor = tensor;
                   request.second.bits = 3;
                   return statusOf(winRate(request, Executor(1), control));
                 },
                 2 * blocksOf(tensor)});
  all.push_back({"quantize",
                 [=](const TaskControl& control) {
                   return statusOf(quantizedAt(*tensor, {}, {}, Executor(1), control));
                 },
                 2 * piecesOf(tensor)});
  return all;
}

}  // namespace quantoscope::test
