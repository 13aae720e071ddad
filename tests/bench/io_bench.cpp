// How fast weights come out of files, beside what HDF5 itself takes for the same in the same run.
//
// Every figure that matters is a ratio of two lines of one run, and printed below them with the bar
// that it is held to. Each is measured several times, in turns, and the medians count: the machine
// may be busy. The files are made in $TMPDIR. QUANTOSCOPE_BENCH_MIB changes the size of the large
// tensor (1024).
#include <H5Cpp.h>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <unistd.h>

#include "core/base/half.h"
#include "core/base/text.h"
#include "core/engine/analysis.h"
#include "core/io/container_source.h"
#include "core/io/reader/remote_container.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/support/test_data.h"

namespace {

using namespace quantoscope;
using test::Hdf5Fixture;

constexpr std::size_t kCols = 4096;
constexpr std::size_t kPackedRows = 8192;  // 128 MiB
constexpr int kManyArrays = 20000;

std::size_t largeRows() {
  const char* chosen = std::getenv("QUANTOSCOPE_BENCH_MIB");
  const auto mib = chosen != nullptr ? parseInteger(chosen) : std::nullopt;
  return (mib && *mib > 0 ? static_cast<std::size_t>(*mib) : 1024) * 64;
}

/// The files of one run, removed at its end.
class Files {
 public:
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "io_bench_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
  }
  ~Files() { std::filesystem::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }

  /// Made once each; the write of fresh pages is part of no measurement.
  const std::string& large() {
    static const std::string file = [this] {
      const std::size_t rows = largeRows();
      const std::vector<float> values = test::normalValues(rows * kCols, 1);
      Hdf5Fixture fixture(path("large.h5"));
      fixture.array("weight", {rows, kCols}, values.data());
      return path("large.h5");
    }();
    return file;
  }
  const std::string& packed() {
    static const std::string file = [this] {
      const std::vector<float> values = test::normalValues(kPackedRows * kCols, 2);
      Hdf5Fixture fixture(path("packed.h5"));
      fixture.array("weight", {kPackedRows, kCols}, values.data(),
                    {.chunk = {256, 1024}, .more = [](hid_t p) {
                       H5Pset_shuffle(p);
                       H5Pset_deflate(p, 4);
                     }});
      return path("packed.h5");
    }();
    return file;
  }
  const std::string& float16() {
    static const std::string file = [this] {
      return words("float16.h5", halfFromFloat, test::makeFloat16Type(H5T_ORDER_LE));
    }();
    return file;
  }
  const std::string& bfloat16() {
    static const std::string file = [this] {
      return words("bfloat16.h5", bfloat16FromFloat, test::makeBfloat16Type());
    }();
    return file;
  }
  const std::string& many() {
    static const std::string file = [this] {
      Hdf5Fixture fixture(path("many.h5"));
      for (int i = 0; i < kManyArrays; ++i) {
        fixture.counting("layers." + std::to_string(i) + ".weight", {2, 2});
      }
      return path("many.h5");
    }();
    return file;
  }

 private:
  std::string words(const char* name, std::uint16_t (*convert)(float), hid_t type) const {
    std::vector<std::uint16_t> values(kPackedRows * kCols);
    const std::vector<float> floats = test::normalValues(values.size(), 3);
    std::transform(floats.begin(), floats.end(), values.begin(), convert);
    Hdf5Fixture fixture(path(name));
    fixture.array("weight", {kPackedRows, kCols}, values.data(),
                  {.fileType = type, .memoryType = type});
    H5Tclose(type);
    return path(name);
  }

  std::filesystem::path folder_;
};

Files& files() {
  static Files all;
  return all;
}

SharedSource opened(const std::string& path) {
  auto source = openTensorSource(path);
  if (!source) std::abort();
  return *source;
}

WeightTensor loaded(const SharedSource& source, Orientation orientation = Orientation::Rows) {
  auto tensor = source->load(source->tensors().at(0), orientation);
  if (!tensor) std::abort();
  return *std::move(tensor);
}

/// Into memory that is fresh, as a tensor's is, and filled once.
void readByLibrary(benchmark::State& state, const std::string& path, std::size_t rows) {
  for (auto _ : state) {
    const std::unique_ptr<float[]> values(new float[rows * kCols]);
    H5::FileAccPropList access;
    H5Pset_file_locking(access.getId(), false, true);
    const H5::H5File file(path, H5F_ACC_RDONLY, H5::FileCreatPropList::DEFAULT, access);
    file.openDataSet("weight").read(values.get(), H5::PredType::NATIVE_FLOAT);
    benchmark::DoNotOptimize(values.get());
  }
}

void contiguousByLibrary(benchmark::State& state) {
  readByLibrary(state, files().large(), largeRows());
}
void contiguousMapped(benchmark::State& state) {
  const SharedSource source = opened(files().large());
  for (auto _ : state) benchmark::DoNotOptimize(loaded(source).rows());
}

void analyseOnce(benchmark::State& state, const std::shared_ptr<const WeightTensor>& tensor,
                 const Executor& executor) {
  AnalysisRequest request;
  request.tensor = tensor;
  if (!analyse(request, executor)) state.SkipWithError("the analysis failed");
}

void analysisOfResident(benchmark::State& state) {
  const Executor executor(2);
  const WeightTensor mapped = loaded(opened(files().large()));
  std::vector<float> scratch;
  const auto all = mapped.block(0, mapped.rows(), scratch).all();
  const auto tensor = std::make_shared<const WeightTensor>(
      mapped.info(), std::vector<float>(all.begin(), all.end()));
  for (auto _ : state) analyseOnce(state, tensor, executor);
}
void mappingAndAnalysis(benchmark::State& state) {
  const Executor executor(2);
  const SharedSource source = opened(files().large());
  for (auto _ : state) {
    analyseOnce(state, std::make_shared<const WeightTensor>(loaded(source)), executor);
  }
}

void packedByLibrary(benchmark::State& state) {
  readByLibrary(state, files().packed(), kPackedRows);
}
void packedByUs(benchmark::State& state) {
  const SharedSource source = opened(files().packed());
  for (auto _ : state) benchmark::DoNotOptimize(loaded(source).rows());
}

/// Reads words and makes float32 of them, in memory that is used again.
void convertByLibrary(benchmark::State& state, const std::string& path) {
  std::vector<float> values(kPackedRows * kCols);
  const H5::H5File file(path, H5F_ACC_RDONLY);
  const H5::DataSet array = file.openDataSet("weight");
  for (auto _ : state) {
    array.read(values.data(), H5::PredType::NATIVE_FLOAT);
    benchmark::DoNotOptimize(values.data());
  }
}
void convertByUs(benchmark::State& state, const std::string& path) {
  const SharedSource source = opened(path);
  std::vector<float> scratch;
  for (auto _ : state) {
    const WeightTensor tensor = loaded(source);
    const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
    for (std::size_t b = 0; b < blocks.count(); ++b) {
      benchmark::DoNotOptimize(tensor.block(blocks.first(b), blocks.size(b), scratch).data);
    }
  }
}
void float16ByLibrary(benchmark::State& state) {
  convertByLibrary(state, files().float16());
}
void float16ByUs(benchmark::State& state) {
  convertByUs(state, files().float16());
}
void bfloat16ByLibrary(benchmark::State& state) {
  convertByLibrary(state, files().bfloat16());
}
void bfloat16ByUs(benchmark::State& state) {
  convertByUs(state, files().bfloat16());
}

void listingOfManyArrays(benchmark::State& state) {
  const std::string& path = files().many();
  for (auto _ : state) {
    if (opened(path)->tensors().size() != kManyArrays) state.SkipWithError("not all were listed");
  }
}

void namesOfManyArrays(benchmark::State& state) {
  const std::string& path = files().many();
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    std::chrono::duration<double> untilNames{0};
    std::size_t names = 0;
    OpenOptions options;
    options.onNames = [&](const std::vector<std::string>& part) {
      names += part.size();
      untilNames = std::chrono::steady_clock::now() - begin;
    };
    if (!openTensorSource(path, options) || names != kManyArrays) {
      state.SkipWithError("not all were named");
    }
    state.SetIterationTime(untilNames.count());
  }
}

BENCHMARK(contiguousByLibrary)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(contiguousMapped)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(analysisOfResident)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(mappingAndAnalysis)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(packedByLibrary)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(packedByUs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(float16ByLibrary)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(float16ByUs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(bfloat16ByLibrary)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(bfloat16ByUs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(namesOfManyArrays)->Unit(benchmark::kMillisecond)->UseManualTime();
BENCHMARK(listingOfManyArrays)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A figure that is held to a bar: the median of one line over that of another, or alone.
struct Figure {
  const char* text;
  const char* above;
  const char* below;  ///< nullptr: the time itself, in ms
  double bar;
  bool atMost;
};

constexpr Figure kFigures[] = {
    {"mapping 1 GiB over H5Dread of it", "contiguousMapped", "contiguousByLibrary", 0.05, true},
    {"mapping and analysis over analysis of resident memory", "mappingAndAnalysis",
     "analysisOfResident", 1.2, true},
    {"H5Dread of gzip and shuffle over ours", "packedByLibrary", "packedByUs", 3, false},
    {"H5Dread of float16 as float32 over ours", "float16ByLibrary", "float16ByUs", 50, false},
    {"H5Dread of bfloat16 as float32 over ours", "bfloat16ByLibrary", "bfloat16ByUs", 50, false},
    {"ms until 20,000 arrays are named", "namesOfManyArrays", nullptr, 150, true},
};

/// Prints what the console does, and collects times.
class CollectingReporter : public benchmark::ConsoleReporter {
 public:
  CollectingReporter() : ConsoleReporter(OO_Tabular) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      times_[run.run_name.function_name].push_back(run.GetAdjustedRealTime());
    }
  }

  void printFigures() const {
    std::printf("\n%-58s %10s   bar\n", "figure", "median");
    for (const Figure& figure : kFigures) {
      const double above = median(figure.above);
      const double below = figure.below ? median(figure.below) : 1;
      if (above <= 0 || below <= 0) continue;  // filtered out
      const double value = above / below;
      const bool held = figure.atMost ? value <= figure.bar : value >= figure.bar;
      std::printf("%-58s %10.3g   %s %g%s\n", figure.text, value,
                  figure.atMost ? "<=" : ">=", figure.bar, held ? "" : "  MISSED");
    }
  }

 private:
  double median(const char* name) const {
    const auto found = times_.find(name);
    if (found == times_.end()) return 0;
    std::vector<double> sorted = found->second;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }

  std::map<std::string, std::vector<double>> times_;
};

}  // namespace

int main(int argc, char** argv) {
  // What comes later on the command line counts.
  std::vector<std::string> arguments = {argv[0], "--benchmark_repetitions=5",
                                        "--benchmark_min_time=0.3",
                                        "--benchmark_enable_random_interleaving=true"};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
  CollectingReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.printFigures();
  return 0;
}
