// How fast weights come out of files, beside what HDF5 itself takes for the same in the same run.
//
// Every figure that matters is a ratio of two lines; tests/bench/README.md names them. The files
// are made in $TMPDIR. QUANTOSCOPE_BENCH_MIB changes the size of the large tensor (1024).
#include <H5Cpp.h>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "core/base/half.h"
#include "core/base/text.h"
#include "core/engine/analysis.h"
#include "core/io/container_source.h"
#include "core/io/remote_container.h"
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
  const std::string& halves() {
    static const std::string file = [this] {
      std::vector<std::uint16_t> values(kPackedRows * kCols);
      const std::vector<float> floats = test::normalValues(values.size(), 3);
      std::transform(floats.begin(), floats.end(), values.begin(), halfFromFloat);
      const hid_t type = test::makeFloat16Type(H5T_ORDER_LE);
      Hdf5Fixture fixture(path("halves.h5"));
      fixture.array("weight", {kPackedRows, kCols}, values.data(),
                    {.fileType = type, .memoryType = type});
      return path("halves.h5");
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

void readByLibrary(benchmark::State& state, const std::string& path, std::size_t rows) {
  for (auto _ : state) {
    std::vector<float> values(rows * kCols);
    H5::FileAccPropList access;
    H5Pset_file_locking(access.getId(), false, true);
    const H5::H5File file(path, H5F_ACC_RDONLY, H5::FileCreatPropList::DEFAULT, access);
    file.openDataSet("weight").read(values.data(), H5::PredType::NATIVE_FLOAT);
    benchmark::DoNotOptimize(values.data());
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

void halvesByLibrary(benchmark::State& state) {
  readByLibrary(state, files().halves(), kPackedRows);
}
void halvesByUs(benchmark::State& state) {
  const SharedSource source = opened(files().halves());
  std::vector<float> scratch;
  for (auto _ : state) {
    const WeightTensor tensor = loaded(source);
    const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
    for (std::size_t b = 0; b < blocks.count(); ++b) {
      benchmark::DoNotOptimize(tensor.block(blocks.first(b), blocks.size(b), scratch).data);
    }
  }
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
BENCHMARK(halvesByLibrary)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(halvesByUs)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(namesOfManyArrays)->Unit(benchmark::kMillisecond)->UseManualTime();
BENCHMARK(listingOfManyArrays)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
