// Packing against a writing of one bit after the other, by the definition of each order.
#include "core/exporting/bit_packing.h"

#include <random>

#include <QtTest>

#include "tests/core/exporting/packed_cases.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

std::vector<std::uint8_t> randomBytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

/// Bits of a stream of words, written one at a time.
class BitStream {
 public:
  explicit BitStream(std::size_t words) : words_(words) {}
  void set(std::size_t bit, unsigned value) { words_[bit / 32] |= (value & 1) << (bit % 32); }
  const std::vector<std::uint32_t>& words() const { return words_; }

 private:
  std::vector<std::uint32_t> words_;
};

/// Where bit `bit` of code `code` goes.
std::size_t placeOf(WordOrder order, int bits, std::size_t code, int bit) {
  const auto width = static_cast<std::size_t>(bits);
  switch (order) {
    case WordOrder::Dense:
      return width * code + static_cast<std::size_t>(bit);
    case WordOrder::Whole: {
      const std::size_t perWord = 32 / width;
      return code / perWord * 32 + code % perWord * width + static_cast<std::size_t>(bit);
    }
    case WordOrder::Planar:
      break;
  }
  std::size_t place = code / 32 * width * 32;  // per 32 codes, one plane after the other
  int first = 0;
  for (const int plane : {8, 4, 2, 1}) {
    if ((bits & plane) == 0) continue;
    if (bit < first + plane) {
      return place + code % 32 * static_cast<std::size_t>(plane) +
             static_cast<std::size_t>(bit - first);
    }
    first += plane;
    place += static_cast<std::size_t>(plane) * 32;
  }
  return place;
}

std::vector<std::uint32_t> naiveWords(WordOrder order, int bits,
                                      const std::vector<std::uint8_t>& codes) {
  BitStream stream(wordsOf(order, bits, codes.size()));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    for (int bit = 0; bit < bits; ++bit) {
      stream.set(placeOf(order, bits, i, bit), codes[i] >> bit);
    }
  }
  return stream.words();
}

constexpr WordOrder kOrders[] = {WordOrder::Dense, WordOrder::Whole, WordOrder::Planar};

/// A tensor of random codes, signed ones where the scheme is sym.
ExportTensor codedTensor(std::size_t rows, std::size_t cols, int bits, Scheme scheme) {
  ExportTensor tensor;
  tensor.quantized.spec = intSpec(bits, -1, scheme);
  tensor.quantized.parameters.layout = layoutOf(tensor.quantized.spec, rows, cols);
  const std::vector<std::uint8_t> random = randomBytes(rows * cols, 7);
  const int mask = (1 << bits) - 1;
  if (scheme == Scheme::Sym) {
    std::vector<std::int8_t> codes;
    for (const int code : random) {
      codes.push_back(static_cast<std::int8_t>((code & mask) - (1 << (bits - 1))));
    }
    tensor.quantized.codes = std::move(codes);
  } else {
    std::vector<std::uint8_t> codes;
    for (const int code : random) codes.push_back(static_cast<std::uint8_t>(code & mask));
    tensor.quantized.codes = std::move(codes);
  }
  return tensor;
}

/// The numbers that are packed of such a tensor.
std::vector<std::uint8_t> numbersOf(const ExportTensor& tensor) {
  const int mask = (1 << tensor.quantized.spec.bits) - 1;
  std::vector<std::uint8_t> numbers = randomBytes(
      tensor.quantized.parameters.layout.rows * tensor.quantized.parameters.layout.cols, 7);
  for (std::uint8_t& number : numbers) number = static_cast<std::uint8_t>(number & mask);
  return numbers;
}

template <typename T>
std::vector<T> transposedOf(const std::vector<T>& values, std::size_t rows) {
  const std::size_t cols = values.size() / rows;
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i % cols * rows + i / cols] = values[i];
  return result;
}

/// Shapes at and around the sizes in which work is divided.
constexpr std::pair<std::size_t, std::size_t> kShapes[] = {
    {1, 1},   {3, 5},    {8, 8},    {16, 64},  {17, 63},
    {64, 64}, {65, 129}, {130, 30}, {2, 3841}, {33, 7700}};

}  // namespace

class BitPackingTest : public QObject {
  Q_OBJECT

 private slots:
  void wordsHoldEachBitWhereTheOrderPutsIt() {
    for (const WordOrder order : kOrders) {
      for (int bits = 1; bits <= 8; ++bits) {
        for (std::size_t count = 0; count <= 100; ++count) {
          const std::vector<std::uint8_t> codes = randomBytes(count, static_cast<unsigned>(bits));
          // What was there before does not show, and what is behind is not touched.
          std::vector<std::uint32_t> words(wordsOf(order, bits, count) + 1, 0xdeadbeef);
          packWords(order, bits, codes, words.data());
          QCOMPARE(words.back(), 0xdeadbeefU);
          words.pop_back();
          QVERIFY2(words == naiveWords(order, bits, codes),
                   qPrintable(QString("order %1, %2 bits, %3 codes")
                                  .arg(static_cast<int>(order))
                                  .arg(bits)
                                  .arg(count)));
        }
      }
    }
  }

  void wordsOfAnOrderAreAsManyAsItNeeds() {
    QCOMPARE(wordsOf(WordOrder::Dense, 3, 32), std::size_t{3});
    QCOMPARE(wordsOf(WordOrder::Dense, 3, 33), std::size_t{4});
    QCOMPARE(wordsOf(WordOrder::Whole, 3, 32), std::size_t{4});
    QCOMPARE(wordsOf(WordOrder::Whole, 7, 4), std::size_t{1});
    QCOMPARE(wordsOf(WordOrder::Planar, 5, 33), std::size_t{10});
    QCOMPARE(wordsOf(WordOrder::Dense, 8, 0), std::size_t{0});
  }

  void bytesHoldADenseStream() {
    for (int bits = 1; bits <= 8; ++bits) {
      for (std::size_t count = 0; count <= 40; ++count) {
        const std::vector<std::uint8_t> codes = randomBytes(count, 9);
        const std::size_t length = (count * static_cast<std::size_t>(bits) + 7) / 8;
        std::vector<std::uint8_t> bytes(length + 1, 0xa5);
        packBytes(bits, codes, bytes.data());
        QCOMPARE(int{bytes.back()}, 0xa5);
        const std::vector<std::uint32_t> words = naiveWords(WordOrder::Dense, bits, codes);
        for (std::size_t i = 0; i < length; ++i) {
          QCOMPARE(unsigned{bytes[i]}, words[i / 4] >> i % 4 * 8 & 0xff);
        }
      }
    }
  }

  void nibblesLieInEitherOrder() {
    for (std::size_t count = 0; count <= 40; ++count) {
      const std::vector<std::uint8_t> codes = randomBytes(count, 11);
      for (const FirstNibble first : {FirstNibble::Low, FirstNibble::High}) {
        std::vector<std::uint8_t> bytes((count + 1) / 2 + 1, 0xa5);
        packNibbles(first, codes, bytes.data());
        QCOMPARE(int{bytes.back()}, 0xa5);
        for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
          const int one = codes[2 * i] & 0xf;
          const int two = 2 * i + 1 < count ? codes[2 * i + 1] & 0xf : 0;
          QCOMPARE(int{bytes[i]}, first == FirstNibble::Low ? one + 16 * two : 16 * one + two);
        }
      }
    }
  }

  void codesAreCountedFromZeroInBothOrders() {
    for (const auto& [rows, cols] : kShapes) {
      for (const Scheme scheme : {Scheme::Sym, Scheme::Asym}) {
        const ExportTensor tensor = codedTensor(rows, cols, 5, scheme);
        const std::vector<std::uint8_t> numbers = numbersOf(tensor);
        for (const int threads : {1, 4}) {
          const Executor executor(threads);
          QVERIFY(unsignedCodes(tensor, false, executor) == numbers);
          QVERIFY(unsignedCodes(tensor, true, executor) == transposedOf(numbers, rows));
        }
      }
    }
  }

  void codesOfACodebookStayAsTheyAre() {
    ExportTensor tensor;
    tensor.quantized.spec = QuantSpec{}.withDtype(Dtype::Nf4);
    tensor.quantized.parameters.layout = layoutOf(tensor.quantized.spec, 1, 4);
    tensor.quantized.codes = std::vector<std::int8_t>{-8, -1, 0, 7};
    const std::vector<std::uint8_t> expected = {0xf8, 0xff, 0, 7};
    QVERIFY(unsignedCodes(tensor, false, Executor(1)) == expected);
    std::vector<std::uint8_t> part(2);
    unsignedCodes(tensor, 0, 1, part);
    QVERIFY(part == (std::vector<std::uint8_t>{0xff, 0}));
  }

  void codesThatAreNotClampedCountToo() {
    ExportTensor tensor;
    tensor.quantized.spec = intSpec(4, -1, Scheme::Sym);
    tensor.quantized.parameters.layout = layoutOf(tensor.quantized.spec, 1, 3);
    tensor.quantized.codes = std::vector<std::int32_t>{-8, 0, 7};
    QVERIFY(unsignedCodes(tensor, false, Executor(1)) == (std::vector<std::uint8_t>{0, 8, 15}));
  }

  void rowsArePackedAlongThemAndTransposed() {
    for (const auto& [rows, cols] : kShapes) {
      for (int bits = 1; bits <= 8; ++bits) {
        const ExportTensor tensor =
            codedTensor(rows, cols, bits, bits % 2 == 0 ? Scheme::Sym : Scheme::Asym);
        const std::vector<std::uint8_t> numbers = numbersOf(tensor);
        for (const WordOrder order : kOrders) {
          std::vector<std::uint32_t> expected;
          for (std::size_t r = 0; r < rows; ++r) {
            const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(r * cols);
            const std::vector<std::uint8_t> row(begin, begin + static_cast<std::ptrdiff_t>(cols));
            const std::vector<std::uint32_t> words = naiveWords(order, bits, row);
            expected.insert(expected.end(), words.begin(), words.end());
          }
          for (const int threads : {1, 4}) {
            std::vector<std::uint32_t> words(expected.size());
            packRows(order, tensor, words.data(), Executor(threads));
            QVERIFY(words == expected);
            packRowsTransposed(order, tensor, words.data(), Executor(threads));
            QVERIFY(words == transposedOf(expected, rows));
          }
        }
      }
    }
  }

  void nibblesAcrossRowsFollowTheirOrder() {
    const std::array<int, 8> order = {0, 2, 4, 6, 1, 3, 5, 7};
    for (const auto& [rows, cols] :
         {std::pair<std::size_t, std::size_t>{8, 1}, {24, 70}, {136, 130}, {64, 64}}) {
      const ExportTensor tensor = codedTensor(rows, cols, 4, Scheme::Sym);
      const std::vector<std::uint8_t> numbers = numbersOf(tensor);
      std::vector<std::uint32_t> expected(cols * rows / 8);
      for (std::size_t c = 0; c < cols; ++c) {
        for (std::size_t w = 0; w < rows / 8; ++w) {
          for (std::size_t i = 0; i < 8; ++i) {
            const std::size_t row = 8 * w + static_cast<std::size_t>(order[i]);
            expected[c * (rows / 8) + w] |= std::uint32_t{numbers[row * cols + c]} << 4 * i;
          }
        }
      }
      for (const int threads : {1, 4}) {
        std::vector<std::uint32_t> words(expected.size());
        packNibblesAcrossRows(order, tensor, words.data(), Executor(threads));
        QVERIFY(words == expected);
      }
    }
  }
};

QTEST_GUILESS_MAIN(BitPackingTest)
#include "bit_packing_test.moc"
