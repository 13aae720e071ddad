// Native files, read: what their codes decode to, what is listed, and what is refused.
#include <algorithm>
#include <hdf5.h>
#include <limits>
#include <map>

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/half.h"
#include "core/exporting/formats/native_file.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "core/model/compare_models.h"
#include "core/model/export_model.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr std::size_t kRows = 5;
constexpr std::size_t kCols = 70;

/// An array that is passed as it is, and its elements.
struct Passed {
  TensorInfo info;
  std::string bytes;
};

ExportTensor made(const WeightTensor& tensor, const QuantSpec& spec, bool withValues = true) {
  auto result = quantizeTensor(tensor, spec, {.withDequantized = true}, Executor(1));
  if (!result) qFatal("%s", result.error().message.c_str());
  if (!withValues) result->dequantized.reset();
  return *std::move(result);
}

Status write(const std::string& path, const std::vector<ExportTensor>& tensors,
             const std::vector<Passed>& passed = {}) {
  ModelHeader header{"model.h5", std::string(64, 'a'), {}, {}};
  for (const ExportTensor& tensor : tensors) header.tensors.push_back(tensor.info);
  for (const Passed& array : passed) header.passed.push_back(array.info);
  const auto fill = [&](TensorSink& sink) {
    for (const ExportTensor& tensor : tensors) {
      if (auto status = sink.add(tensor); !status) return status;
    }
    for (const Passed& array : passed) {
      const auto read = [&](const TakeBytes& take) {
        return take(reinterpret_cast<const std::byte*>(array.bytes.data()), array.bytes.size());
      };
      if (auto status = sink.pass(array.info, read); !status) return status;
    }
    return ok();
  };
  return writeExport(nativeFormat(), header, path, fill, Executor(1));
}

/// Every number format with groups of a row, of 32, and of 7, which leave a tail; with and without
/// quantization of the scales, where the format takes it.
std::vector<QuantSpec> everySpec() {
  std::vector<QuantSpec> formats;
  for (const Dtype dtype : allDtypes()) {
    if (dtype != Dtype::Int) formats.push_back(QuantSpec{}.withDtype(dtype));
  }
  formats.push_back(QuantSpec{}.withDtype(
      Dtype::Codebook, *makeNamedCodebook("own", {-1, -0.25, 0.1, 0.5, 1.5}, {4, -3, 0, 9, 7})));
  for (int bits = 1; bits <= 8; ++bits) {
    QuantSpec spec;
    spec.bits = bits;
    formats.push_back(spec);
    spec.scheme = Scheme::Sym;
    formats.push_back(spec);
    spec.fullRange = true;
    formats.push_back(spec);
  }
  std::vector<QuantSpec> specs;
  for (QuantSpec spec : formats) {
    for (const long long size : {-1, 32, 7}) {
      if (prescribedGroupSize(spec.dtype).value_or(size) != size) continue;
      spec.groupSize = size;
      for (const bool twice : {false, true}) {
        spec.doubleQuant.reset();
        if (twice) spec.doubleQuant = DoubleQuant{};
        if (spec.validate()) specs.push_back(spec);
      }
    }
    if (const auto size = prescribedGroupSize(spec.dtype); size && *size != 32) {
      spec.groupSize = *size;
      spec.doubleQuant.reset();
      specs.push_back(spec);
    }
  }
  return specs;
}

/// What the codes decode to, or why not.
Result<std::vector<float>> decoded(const PackedTensor& tensor, const Container& container) {
  const PackedInfo& info = tensor.info();
  const auto parameters = tensor.parameters(container, {});
  if (!parameters) return parameters.error();
  if (auto status = checkParameters(*parameters, info); !status) return status.error();
  std::vector<float> values(info.rows * info.cols);
  for (std::size_t row = 0; row < info.rows; row += 2) {  // rows are found from any first one on
    const std::size_t rows = std::min<std::size_t>(2, info.rows - row);
    const auto codes = tensor.codes(container, row, rows, {});
    if (!codes) return codes.error();
    decodeRows(*parameters, info.cols, row, rows, *codes, values.data() + row * info.cols);
  }
  return values;
}

SharedContainer stored(const std::string& path) {
  OpenOptions options;
  options.asStored = true;
  const auto container = openContainer(path, options);
  return container ? *container : nullptr;
}

const PackedTensor* named(const std::vector<SharedPackedTensor>& tensors, const std::string& name) {
  for (const SharedPackedTensor& tensor : tensors) {
    if (tensor->info().path == name) return tensor.get();
  }
  return nullptr;
}

const TensorInfo* named(const std::vector<TensorInfo>& tensors, const std::string& name) {
  for (const TensorInfo& info : tensors) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

/// All elements of a loaded tensor, oriented.
std::vector<float> loaded(const TensorSource& source, const TensorInfo& info) {
  const auto tensor = source.load(info, Orientation::Auto);
  if (!tensor) return {};
  std::vector<float> scratch;
  const MatrixView view = tensor->block(0, tensor->rows(), scratch);
  return {view.data, view.data + view.rows * view.cols};
}

/// Changes a file by the C library.
void change(const std::string& path, const std::function<void(hid_t)>& work) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  QVERIFY(file >= 0);
  work(file);
  QVERIFY(H5Fclose(file) >= 0);
}

/// Writes an attribute of the tensor. HDF5 wants the group open: else it does not write.
void setAttribute(hid_t file, const char* name, const void* value, bool isText) {
  const hid_t group = H5Gopen2(file, "/tensors/w", H5P_DEFAULT);
  const hid_t attribute = H5Aopen(group, name, H5P_DEFAULT);
  const hid_t type = isText ? H5Aget_type(attribute) : H5Tcopy(H5T_NATIVE_LLONG);
  QVERIFY(H5Awrite(attribute, type, value) >= 0);
  H5Tclose(type);
  H5Aclose(attribute);
  H5Gclose(group);
}

void setNumber(hid_t file, const char* name, long long value) {
  setAttribute(file, name, &value, false);
}

void setText(hid_t file, const char* name, const char* value) {
  setAttribute(file, name, &value, true);
}

/// Puts an array of zeros of another type and shape in the place of one of the tensor's.
void replace(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& shape) {
  const std::string path = std::string("/tensors/w/") + name;
  H5Ldelete(file, path.c_str(), H5P_DEFAULT);
  if (shape.empty()) return;
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t array =
      H5Dcreate2(file, path.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  std::size_t bytes = H5Tget_size(type);
  for (const hsize_t side : shape) bytes *= side;
  const std::vector<char> zeros(bytes);
  H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
  H5Dclose(array);
  H5Sclose(space);
}

}  // namespace

class NativeTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  std::string path(const char* name) const { return folder_.filePath(name).toStdString(); }

  /// Writes `tensor`, changes the file, and says why its codes are not decoded, or cannot be read.
  std::string reasonAfter(const ExportTensor& tensor, const std::function<void(hid_t)>& work) {
    if (!write(path("d.h5"), {tensor})) return "not written";
    change(path("d.h5"), work);
    const auto source = openTensorSource(path("d.h5"));
    if (!source) return source.error().message;
    const TensorInfo* codes = named((*source)->tensors(), "tensors/w/codes");
    const TensorInfo* weights = named((*source)->tensors(), "w");
    if (codes == nullptr || (weights != nullptr && !weights->quantizable)) return "not listed";
    if (weights == nullptr) return codes->reason;
    const auto values = (*source)->load(*weights, Orientation::Auto);
    return values ? "" : values.error().message;
  }

 private slots:
  void everySpecificationDecodesToItsValues() {
    std::vector<ExportTensor> tensors;
    for (const QuantSpec& spec : everySpec()) {
      const std::string name = "t/" + std::to_string(tensors.size());
      std::vector<float> values = normalValues(kRows * kCols, 80 + tensors.size());
      std::fill_n(values.begin(), kCols, 0.0f);  // a row of groups that are all 0
      tensors.push_back(made(tensorOf(kRows, kCols, values, name), spec));
    }
    QVERIFY(tensors.size() > 150);
    const Status status = write(path("all.h5"), tensors);
    QVERIFY2(status, status ? "" : status.error().message.c_str());
    const SharedContainer container = stored(path("all.h5"));
    const auto packed = packedTensorsOf(*container);
    QVERIFY(packed);
    QCOMPARE(packed->size(), tensors.size());
    for (const ExportTensor& tensor : tensors) {
      const std::string what = tensor.info.name + ": " + describe(tensor.quantized.spec);
      const PackedTensor* found = named(*packed, tensor.info.name);
      QVERIFY2(found, what.c_str());
      const auto values = decoded(*found, *container);
      QVERIFY2(values, values ? "" : values.error().message.c_str());
      QVERIFY2(*values == tensor.dequantized->values, what.c_str());
    }
  }

  void stepsAreRoundedAsTheWeightsTypeDemands() {
    std::vector<ExportTensor> tensors;
    for (const StoredType type : {StoredType::Float16, StoredType::BFloat16}) {
      for (const Dtype dtype : {Dtype::Int, Dtype::Nf4}) {
        TensorInfo info = tensorOf(1, 1, {1}).info();
        info.name = std::to_string(tensors.size());
        info.dtype = nameOf(type);
        info.shape = {kRows, kCols};
        setAxes(info, AxisMap::rows(2));
        std::vector<std::uint16_t> halfs;
        for (const float value : normalValues(kRows * kCols, 81)) {
          halfs.push_back(type == StoredType::Float16 ? halfFromFloat(value)
                                                      : bfloat16FromFloat(value));
        }
        QuantSpec spec = QuantSpec{}.withDtype(dtype);
        spec.compute = Compute::Stored;
        tensors.push_back(made(WeightTensor(info, type, halfs), spec));
      }
    }
    QVERIFY(write(path("half.h5"), tensors));
    const SharedContainer container = stored(path("half.h5"));
    const auto packed = packedTensorsOf(*container);
    QVERIFY(packed);
    for (const ExportTensor& tensor : tensors) {
      const auto values = decoded(*named(*packed, tensor.info.name), *container);
      QVERIFY(*values == tensor.dequantized->values);
    }
  }

  void tensorsAreWeightsUnderTheirOwnNames() {
    TensorInfo kernel = tensorOf(4, 6, normalValues(24, 82), "dense/kernel").info();
    kernel.shape = {6, 4};
    setAxes(kernel, AxisMap::columns(2));
    TensorInfo conv = kernel;
    conv.name = "conv/kernel:0";
    conv.shape = {2, 3, 4};
    setAxes(conv, AxisMap{{2, 1, 0}, 1, std::nullopt});
    TensorInfo expert = kernel;
    expert.name = "experts[1]";
    expert.shape = {2, 6, 4};
    setAxes(expert, AxisMap{{2, 1}, 1, 1});
    TensorInfo heads = kernel;
    heads.name = "attention/query/kernel";
    heads.shape = {6, 2, 2};
    setAxes(heads, AxisMap{{1, 2, 0}, 2, std::nullopt});
    std::vector<ExportTensor> tensors;
    for (const TensorInfo& info : {kernel, conv, expert, heads}) {
      tensors.push_back(made(WeightTensor(info, normalValues(24, 83)), {}));
    }
    tensors.push_back(made(tensorOf(3, 40, normalValues(120, 84), "a//./weight"), {}));
    std::vector<ExportTensor> bare = tensors;
    for (ExportTensor& tensor : bare) tensor.dequantized.reset();
    QVERIFY(write(path("w.h5"), bare));
    const auto source = openTensorSource(path("w.h5"));
    QVERIFY(source);
    QCOMPARE((*source)->format(), std::string("Quantoscope native HDF5"));
    std::size_t weights = 0;
    for (const TensorInfo& info : (*source)->tensors()) weights += info.quantizable ? 1 : 0;
    QCOMPARE(weights, tensors.size());
    for (const ExportTensor& tensor : tensors) {
      const TensorInfo* info = named((*source)->tensors(), tensor.info.name);
      QVERIFY2(info && info->quantizable, tensor.info.name.c_str());
      QCOMPARE(info->rows, tensor.info.rows);
      QCOMPARE(info->cols, tensor.info.cols);
      QVERIFY(info->quantizedAs.starts_with("Quantoscope, int, 4 bits"));
      QVERIFY2(loaded(**source, *info) == tensor.dequantized->values, tensor.info.name.c_str());
    }
    QCOMPARE(named((*source)->tensors(), "dense/kernel")->shape, kernel.shape);
    QCOMPARE(named((*source)->tensors(), "dense/kernel")->axes, kernel.axes);
    QCOMPARE(named((*source)->tensors(), "experts[1]")->shape, (std::vector<std::size_t>{6, 4}));
    QCOMPARE(named((*source)->tensors(), "conv/kernel:0")->shape, conv.shape);
    QCOMPARE(named((*source)->tensors(), "conv/kernel:0")->axes, conv.axes);
    QCOMPARE(named((*source)->tensors(), heads.name)->shape, heads.shape);
    QCOMPARE(named((*source)->tensors(), heads.name)->axes, heads.axes);

    const auto container = openContainer(path("w.h5"));
    QVERIFY(container);
    std::vector<float> part(6);  // [k, in, out] from the matrix [out, in * k]
    QVERIFY((*container)->read(conv.name, Box{{1, 1, 1}, {1, 2, 3}}, part.data(), {}));
    for (std::size_t i = 0; i < 6; ++i) {
      const std::size_t in = 1 + i / 3;
      const std::size_t out = 1 + i % 3;
      QCOMPARE(part[i], tensors[1].dequantized->values[out * 6 + in * 2 + 1]);
    }
    QVERIFY(!(*container)->read(conv.name, Box{{1, 1, 1}, {1, 2, 4}}, part.data(), {}));
  }

  void valuesThatStandBesideCodesStandForTheTensor() {
    const WeightTensor one = tensorOf(2, 40, normalValues(80, 85), "one");
    const WeightTensor two = tensorOf(2, 40, normalValues(80, 86), "two");
    QVERIFY(write(path("v.h5"), {made(one, {}), made(two, {}, false)}));
    const auto source = openTensorSource(path("v.h5"));
    std::map<std::string, std::string> weights;
    for (const TensorInfo& info : (*source)->tensors()) {
      if (info.quantizable) weights[info.name] = info.sourceName;
    }
    const std::map<std::string, std::string> expected = {{"tensors/one/dequantized", "one"},
                                                         {"two", ""}};
    QVERIFY(weights == expected);
    const auto common = commonTensors(**source, **source);
    QVERIFY(common && common->pairs.size() == 2 && common->alone == 0);
    const SharedContainer container = stored(path("v.h5"));
    QCOMPARE(packedTensorsOf(*container)->size(), std::size_t{2});
  }

  void zeroPointsAreReadAsIntegers() {
    QuantSpec spec;
    spec.bits = 3;
    const ExportTensor one = made(tensorOf(4, 70, normalValues(280, 92), "one"), spec);
    const ExportTensor two = made(tensorOf(4, 70, normalValues(280, 93), "two"), spec, false);
    QVERIFY(write(path("z.h5"), {one, two}));
    const auto source = openTensorSource(path("z.h5"));
    for (const ExportTensor* tensor : {&one, &two}) {
      const std::string name = "tensors/" + tensor->info.name + "/zero_point";
      const TensorInfo* info = named((*source)->tensors(), name);
      QCOMPARE(info->shape, (std::vector<std::size_t>{4, 3}));
      QCOMPARE(info->dtype, std::string("int32"));
      const auto zero = (*source)->loadMatrix(name);
      QVERIFY2(zero, zero ? "" : zero.error().message.c_str());
      QVERIFY(zero->values == tensor->quantized.parameters.zeroPoint);
    }
    QCOMPARE(stored(path("z.h5"))->elementOf("tensors/one/zero_point")->name, std::string("uint8"));
  }

  void whatIsPassedOnHasItsOwnName() {
    std::vector<Passed> passed(4);
    passed[0].info = tensorOf(2, 3, normalValues(6, 87), "embedding/weight").info();
    passed[1].info.name = "norm/weight";
    passed[1].info.dtype = "bfloat16";
    passed[1].info.shape = {3};
    passed[2].info.name = "eight/weight";
    passed[2].info.dtype = "float8_e4m3fn";
    passed[2].info.shape = {2, 4};
    passed[3].info.name = "mask";
    passed[3].info.dtype = "bool";
    passed[3].info.shape = {2};
    passed[0].bytes.assign(24, 'x');
    passed[1].bytes = "abcdef";
    passed[2].bytes = "\x38\x40\xb8\x01\x7e\x02\x03\x04";
    passed[3].bytes.assign("\0\1", 2);
    const ExportTensor tensor =
        made(tensorOf(2, 3, normalValues(6, 88), "dense/weight"), {}, false);
    const Status status = write(path("p.h5"), {tensor}, passed);
    QVERIFY2(status, status ? "" : status.error().message.c_str());
    const auto source = openTensorSource(path("p.h5"));
    QVERIFY(source);
    for (const Passed& array : passed) {
      const TensorInfo* info = named((*source)->tensors(), array.info.name);
      QVERIFY2(info, array.info.name.c_str());
      QCOMPARE(info->dtype, array.info.dtype);
      QCOMPARE(info->shape, array.info.shape);
      QVERIFY(info->sourceName.empty());
      std::string bytes;
      const Status read = (*source)->readStored(*info, [&](const std::byte* from, std::size_t n) {
        bytes.append(reinterpret_cast<const char*>(from), n);
        return ok();
      });
      QVERIFY2(read, read ? "" : read.error().message.c_str());
      QCOMPARE(bytes, array.bytes);
    }
    const TensorInfo* eight = named((*source)->tensors(), "eight/weight");
    QVERIFY(eight->quantizable);
    QCOMPARE(loaded(**source, *eight),
             (std::vector<float>{1, 2, -1, 0x1p-9f, 448, 0x1p-8f, 3 * 0x1p-9f, 0x1p-7f}));
    QVERIFY(named((*source)->tensors(), "dense/weight")->quantizable);
    QVERIFY(!named((*source)->tensors(), "norm/weight")->quantizable);
    QCOMPARE((*source)->loadMatrix("mask")->values, (std::vector<float>{0, 1}));
    QVERIFY(stored(path("p.h5"))->elementOf("passed/norm/weight"));
  }

  void filesOfVersionOneAreRead() {
    const std::string file = sourcePath("tests/golden/native_v1.h5");
    const SharedContainer container = stored(file);
    QVERIFY(container);
    const auto packed = packedTensorsOf(*container);
    QVERIFY(packed);
    QCOMPARE(packed->size(), std::size_t{9});
    const auto source = openTensorSource(file);
    QVERIFY(source);
    for (const SharedPackedTensor& tensor : *packed) {
      const std::string& name = tensor->info().path;
      const auto values = decoded(*tensor, *container);
      QVERIFY2(values, values ? "" : values.error().message.c_str());
      const bool alone = name == "plain/weight" || name == "codes/weight";
      const TensorInfo* info =
          named((*source)->tensors(), alone ? name : "tensors/" + name + "/dequantized");
      QVERIFY2(info && info->quantizable, name.c_str());
      QVERIFY2(loaded(**source, *info) == *values, name.c_str());
      QCOMPARE(named((*source)->tensors(), name) != nullptr, alone);
    }
    QCOMPARE(decoded(*named(*packed, "codes/weight"), *container)->size(), std::size_t{16});
  }

  void damageIsRefusedWithAReason() {
    QuantSpec spec;
    spec.bits = 3;
    const ExportTensor tensor = made(tensorOf(2, 70, normalValues(140, 89), "w"), spec, false);
    const auto refusedAs = [&](const char* reason, const std::function<void(hid_t)>& work) {
      const std::string found = reasonAfter(tensor, work);
      QVERIFY2(found.find(reason) != std::string::npos, (found + " / " + reason).c_str());
      QCOMPARE(std::count(found.begin(), found.end(), '\n'), std::ptrdiff_t{0});
    };
    QCOMPARE(reasonAfter(tensor, [](hid_t) {}), std::string());
    const auto number = [](const char* name, long long value) {
      return [name, value](hid_t file) { setNumber(file, name, value); };
    };
    for (const long long cols :
         {0LL, -1LL, 69LL, 77LL, 1LL << 62, std::numeric_limits<long long>::max()}) {
      refusedAs("do not hold", number("cols", cols));
    }
    refusedAs("its source_shape has not", number("cols", 71));
    for (const long long bits : {0, 9, 200, -3}) refusedAs("code_bits", number("code_bits", bits));
    refusedAs("do not hold 70 columns of 4 bits", number("code_bits", 4));
    for (const long long offset : {1, -5, 1 << 20}) {
      refusedAs("code_offset", number("code_offset", offset));
    }
    refusedAs("zero points and a code_offset", number("code_offset", -4));
    for (const long long size : {0LL, -2LL}) refusedAs("group_size", number("group_size", size));
    refusedAs("groups a row", number("group_size", 16));
    refusedAs("packing is \"zip\"", [](hid_t file) { setText(file, "packing", "zip"); });
    refusedAs("it is nf4 and has no codebook", [](hid_t file) { setText(file, "dtype", "nf4"); });
    const auto array = [](const char* name, hid_t type, const std::vector<hsize_t>& shape) {
      return [=](hid_t file) { replace(file, name, type, shape); };
    };
    refusedAs("no scale", array("scale", 0, {}));
    refusedAs("its scale is", array("scale", H5T_STD_I32LE, {2, 3}));
    refusedAs("its scale is", array("scale", H5T_IEEE_F32LE, {3, 3}));
    refusedAs("groups a row", array("scale", H5T_IEEE_F32LE, {2, 4}));
    refusedAs("its zero_point is", array("zero_point", H5T_STD_U8LE, {2, 3}));
    refusedAs("its zero_point is", array("zero_point", H5T_STD_I32LE, {2, 3}));
    refusedAs("codes are int16", array("codes", H5T_STD_I16LE, {2, 27}));
    refusedAs("do not hold", array("codes", H5T_STD_U8LE, {2, 28}));
    refusedAs("are no matrix", array("codes", H5T_STD_U8LE, {2, 27, 1}));
  }

  void codesWithoutALevelAreRefused() {
    const ExportTensor tensor =
        made(tensorOf(2, 9, normalValues(18, 90), "w"),
             QuantSpec{}.withDtype(Dtype::Codebook, *makeNamedCodebook("own", {-1, 0, 0.5, 1, 2})),
             false);
    QCOMPARE(reasonAfter(tensor, [](hid_t) {}), std::string());
    const std::string beyond = reasonAfter(tensor, [](hid_t file) {
      const hid_t codes = H5Dopen2(file, "/tensors/w/codes", H5P_DEFAULT);
      const unsigned char bytes[8] = {0, 0, 0, 0, 0, 0x0e, 0, 0};  // code 3 of row 1: 7
      H5Dwrite(codes, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
      H5Dclose(codes);
    });
    QVERIFY2(
        beyond.find("row 1, column 3 is 7, which is none of its 5 levels") != std::string::npos,
        beyond.c_str());
    const std::string many =
        reasonAfter(tensor, [](hid_t file) { replace(file, "codebook", H5T_IEEE_F32LE, {9}); });
    QVERIFY2(many.find("not 1 to 8 levels") != std::string::npos, many.c_str());
    const std::string none =
        reasonAfter(tensor, [](hid_t file) { replace(file, "codebook", 0, {}); });
    QVERIFY2(none.find("has no codebook") != std::string::npos, none.c_str());
  }

  void integersThatAreTooLargeAreRefused() {
    ExportTensor tensor = made(tensorOf(2, 3, normalValues(6, 91), "w"), {}, false);
    tensor.quantized.codes = std::vector<std::int32_t>{1, 2, 32767, -32768, 5, 6};
    tensor.quantized.parameters.zeroPoint = {7, 8};
    QVERIFY(write(path("i.h5"), {tensor}));
    const auto source = openTensorSource(path("i.h5"));
    const auto values = loaded(**source, *named((*source)->tensors(), "w"));
    const std::vector<float>& scale = tensor.quantized.parameters.scale;
    QVERIFY(values[2] == (32767 - 7.0f) * scale[0] && values[3] == (-32768 - 8.0f) * scale[1]);
    tensor.quantized.codes = std::vector<std::int32_t>{1, 2, 32768, 4, 5, 6};
    const std::string reason = reasonAfter(tensor, [](hid_t) {});
    QVERIFY2(reason.find("row 0, column 2 is 32768; codes of 16 bits") != std::string::npos,
             reason.c_str());
  }
};

QTEST_GUILESS_MAIN(NativeTest)
#include "native_test.moc"
