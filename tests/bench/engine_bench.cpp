// How long the engine takes, beside a pass that only reads the same weights.
//
// Every benchmark works on one 4096x4096 float32 tensor (QUANTOSCOPE_BENCH_ROWS changes the rows)
// and reports ns/element; /threads:N runs on N threads, 8 being more than many machines have cores.
// Kernel tables are chosen with QUANTOSCOPE_BENCH_KERNELS; jobs that begin with AVX2/ use that
// table whatever was chosen, so that both can be compared in one run. tests/bench/beside_torch.py
// runs it beside torch and prints the table.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <memory>

#include "core/base/text.h"
#include "core/engine/analysis.h"
#include "core/engine/detail.h"
#include "core/kernels/kernels.h"
#include "core/quant/error_histogram.h"
#include "core/quant/fast_search.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

namespace {

using namespace quantoscope;
using namespace quantoscope::test;

std::size_t rows() {
  const char* chosen = std::getenv("QUANTOSCOPE_BENCH_ROWS");
  const auto number = chosen != nullptr ? parseInteger(chosen) : std::nullopt;
  return number && *number > 0 ? static_cast<std::size_t>(*number) : 4096;
}

constexpr std::size_t kCols = 4096;

/// N(0, 0.02), made once.
const WeightTensor& weights() {
  static const WeightTensor tensor = test::normalTensor(rows(), kCols, 1);
  return tensor;
}

/// Twice the elements for the read pass: 128 MiB do not fit into a cache that 64 MiB may run from.
const WeightTensor& doubled() {
  static const WeightTensor tensor = test::normalTensor(2 * rows(), kCols, 2);
  return tensor;
}

void report(benchmark::State& state, std::size_t elements) {
  state.counters["ns_per_element"] = benchmark::Counter(
      static_cast<double>(elements) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

QuantSpec specOf(const std::string& name, long long groupSize) {
  QuantSpec spec;
  spec.groupSize = groupSize;
  if (const auto bits = parseInteger(name)) {
    spec.bits = static_cast<int>(*bits);
  } else {
    spec.dtype = *parseDtype(name);
  }
  return spec;
}

void readPass(benchmark::State& state) {
  const Executor executor(static_cast<int>(state.range(0)));
  const WeightTensor& tensor = doubled();
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  std::vector<float> sums(blocks.count());
  for (auto _ : state) {
    benchmark::DoNotOptimize(executor.forEachBlock(blocks.count(), [&](std::size_t b) {
      std::vector<float> scratch;
      const auto values = tensor.block(blocks.first(b), blocks.size(b), scratch).all();
      sums[b] = kernels::readThrough(values.data(), values.size());
    }));
  }
  report(state, tensor.elements());
}

void quantizeDequantize(benchmark::State& state, const std::string& dtype, long long groupSize) {
  const Executor executor(static_cast<int>(state.range(0)));
  const QuantSpec spec = specOf(dtype, groupSize);
  const WeightTensor& tensor = weights();
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  const GroupLayout layout = layoutOf(spec, tensor.rows(), tensor.cols());
  std::vector<float> scratch;
  const auto all = tensor.block(0, tensor.rows(), scratch).all();
  std::vector<float> values(all.begin(), all.end());
  const Codec codec = codecOf(spec);
  const auto& kernels = kernels::activeKernels();
  for (auto _ : state) {  // in place: the second pass quantizes what the first has left
    benchmark::DoNotOptimize(executor.forEachBlock(blocks.count(), [&](std::size_t b) {
      thread_local std::vector<float> scale;
      thread_local std::vector<float> zeroPoint;
      scale.resize(layout.groupsPerRow());
      zeroPoint.resize(layout.groupsPerRow());
      const double ratio = 1;
      for (std::size_t r = blocks.first(b); r < blocks.first(b) + blocks.size(b); ++r) {
        float* row = values.data() + r * kCols;
        const kernels::BlockShape shape{1, kCols, layout.groupSize};
        kernels.groupParameters(codec, shape, row, &ratio, 0, scale.data(), zeroPoint.data());
        kernels.quantizeDequantize(codec, shape, row, scale.data(), zeroPoint.data(), scale.data(),
                                   row);
      }
    }));
  }
  report(state, tensor.elements());
}

void search(benchmark::State& state, const std::string& dtype, long long groupSize,
            ClipPolicy::Kind kind) {
  const Executor executor(static_cast<int>(state.range(0)));
  QuantSpec spec = specOf(dtype, groupSize);
  spec.clip.kind = kind;
  for (auto _ : state) {
    auto choice = chooseClip(weights(), coded(weights(), spec), executor);
    benchmark::DoNotOptimize(choice);
  }
  report(state, weights().elements());
}

void errorSums(benchmark::State& state) {
  const Executor executor(static_cast<int>(state.range(0)));
  const QuantSpec spec = specOf("4", 128);
  for (auto _ : state) {
    auto measured =
        measureQuantization(weights(), coded(weights(), spec), ClipRatios::whole(1), executor);
    benchmark::DoNotOptimize(measured);
  }
  report(state, weights().elements());
}

/// errorSums and a histogram of 512 bins.
void errorHistogram(benchmark::State& state) {
  const Executor executor(static_cast<int>(state.range(0)));
  const QuantSpec spec = specOf("4", 128);
  for (auto _ : state) {
    auto counted = countQuantizationErrors(weights(), coded(weights(), spec), ClipRatios::whole(1),
                                           512, executor);
    benchmark::DoNotOptimize(counted);
  }
  report(state, weights().elements());
}

/// All codes, as an export writes them.
void quantize(benchmark::State& state) {
  const Executor executor(static_cast<int>(state.range(0)));
  const QuantSpec spec = specOf("4", 128);
  for (auto _ : state) {
    auto codes = quantizedAt(weights(), spec, ClipRatios::whole(1), executor);
    benchmark::DoNotOptimize(codes);
  }
  report(state, weights().elements());
}

/// The reports beside an analysis: by row, column, group and code.
void detail(benchmark::State& state) {
  const Executor executor(static_cast<int>(state.range(0)));
  DetailRequest request;
  request.tensor = std::make_shared<const WeightTensor>(weights());
  request.spec = specOf("4", 128);
  for (auto _ : state) {
    auto found = analyseDetail(request, executor);
    benchmark::DoNotOptimize(found);
  }
  report(state, weights().elements());
}

void wholeAnalysis(benchmark::State& state) {
  const Executor executor(static_cast<int>(state.range(0)));
  AnalysisRequest request;
  request.tensor = std::make_shared<const WeightTensor>(weights());
  request.spec = specOf("4", 128);
  for (auto _ : state) {
    auto result = analyse(request, executor);
    benchmark::DoNotOptimize(result);
  }
  report(state, weights().elements());
}

/// A job with the AVX2 kernels, whatever table the others use.
template <typename Job>
auto onAvx2(Job job) {
  return [job](benchmark::State& state) {
    const std::string_view chosen = kernels::activeKernels().name;
    if (!kernels::useKernels("AVX2")) {
      state.SkipWithError("this machine has no AVX2");
      return;
    }
    job(state);
    kernels::useKernels(chosen);
  };
}

void registerAll() {
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)
        ->ArgName("threads")
        ->Arg(1)
        ->Arg(2)
        ->Arg(8)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("read", readPass);
  for (const char* dtype : {"4", "nf4", "fp4"}) {
    add(std::string("qdq/") + dtype + "/g128",
        [dtype](benchmark::State& s) { quantizeDequantize(s, dtype, 128); });
  }
  add("qdq/4/g32", [](benchmark::State& s) { quantizeDequantize(s, "4", 32); });
  for (const auto& [dtype, group] :
       {std::pair{"4", 128}, {"4", 32}, {"nf4", 128}, {"fp4", 128}, {"3", 128}, {"8", 128}}) {
    add(std::string("search/") + dtype + "/g" + std::to_string(group),
        [dtype = dtype, group = group](benchmark::State& s) {
          search(s, dtype, group, ClipPolicy::Kind::SearchTensor);
        });
  }
  for (const int group : {128, 32}) {
    add("search_groups/4/g" + std::to_string(group),
        [group](benchmark::State& s) { search(s, "4", group, ClipPolicy::Kind::SearchGroups); });
  }
  add("search_rows/4/g128",
      [](benchmark::State& s) { search(s, "4", 128, ClipPolicy::Kind::SearchRows); });
  add("optimal/4/g128",
      [](benchmark::State& s) { search(s, "4", 128, ClipPolicy::Kind::Optimal); });
  for (const auto& [dtype, group] :
       {std::pair{"4", 128}, {"4", 32}, {"8", 128}, {"nf4", 128}, {"fp4", 128}}) {
    const auto one = [dtype = dtype, group = group](benchmark::State& s) {
      search(s, dtype, group, ClipPolicy::Kind::SearchTensor);
    };
    add(std::string("AVX2/search/") + dtype + "/g" + std::to_string(group), onAvx2(one));
  }
  for (const char* dtype : {"4", "nf4", "fp4"}) {
    const auto one = [dtype](benchmark::State& s) { quantizeDequantize(s, dtype, 128); };
    add(std::string("AVX2/qdq/") + dtype + "/g128", onAvx2(one));
  }
  add("error_sums/4/g128", errorSums);
  add("error_histogram/4/g128", errorHistogram);
  add("quantize/4/g128", quantize);
  add("detail/4/g128", detail);
  add("analysis/4/g128", wholeAnalysis);
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* chosen = std::getenv("QUANTOSCOPE_BENCH_KERNELS")) {
    if (!quantoscope::kernels::useKernels(chosen)) {
      std::fprintf(stderr, "engine_bench: %s: no such kernel table\n", chosen);
      return 2;
    }
  }
  benchmark::AddCustomContext("kernels", quantoscope::kernels::activeKernels().name);
  weights();  // made before the first job begins, not in it
  registerAll();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
