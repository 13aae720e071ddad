#include <algorithm>
#include <bit>
#include <clocale>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/file_output.h"
#include "core/base/half.h"
#include "core/base/input_file.h"
#include "core/base/json.h"
#include "core/base/output_place.h"
#include "core/base/printable.h"
#include "core/base/sha256.h"
#include "core/base/text.h"

using namespace quantoscope;

class BaseTest : public QObject {
  Q_OBJECT

 private slots:
  void anOutputIsAnInputByEveryPathAndLink() {
    namespace fs = std::filesystem;
    const QTemporaryDir directory;
    const fs::path folder = directory.path().toStdString();
    fs::create_directory(folder / "in");
    fs::create_directory_symlink(folder / "in", folder / "alias");
    const std::string input = folder / "in" / "w.h5";
    std::ofstream(input) << "w";
    std::ofstream(folder / "other.h5") << "w";
    fs::create_symlink("in/w.h5", folder / "link.h5");
    fs::create_symlink("link.h5", folder / "link2.h5");
    fs::create_hard_link(input, folder / "hard.h5");
    const std::string absent = folder / "in" / "absent.h5";
    fs::create_symlink("in/absent.h5", folder / "dangling.h5");
    fs::create_symlink("loop.h5", folder / "loop.h5");
    const auto found = [&](const fs::path& output) {
      const std::vector<std::string> inputs = {folder / "unrelated.h5", absent, input};
      return inputAt(output.string(), inputs).value_or("");
    };
    for (const char* same : {"in/w.h5", "in/../in/w.h5", "alias/w.h5", "link.h5", "link2.h5",
                             "hard.h5", ".//in/./w.h5"}) {
      QVERIFY2(found(folder / same) == input, same);
    }
    for (const char* same : {"in/absent.h5", "alias/absent.h5", "dangling.h5", "in//absent.h5"}) {
      QVERIFY2(found(folder / same) == absent, same);
    }
    for (const char* other :
         {"other.h5", "in/new.h5", "in/w.h5.part", "no/such/folder/w.h5", "loop.h5", "w.h5", ""}) {
      QVERIFY2(found(folder / other).empty(), other);
    }
    const fs::path before = fs::current_path();
    fs::current_path(folder / "in");
    const std::string relative = found("w.h5");
    const std::string relativeAbsent = found("absent.h5");
    fs::current_path(before);
    QCOMPARE(relative, input);
    QCOMPARE(relativeAbsent, absent);
  }

  void everyHalfConvertsBothWays() {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      const auto half = static_cast<std::uint16_t>(bits);
      const float value = floatFromHalf(half);
      if (std::isnan(value)) {
        QVERIFY(std::isnan(floatFromHalf(halfFromFloat(value))));
      } else {
        QCOMPARE(halfFromFloat(value), half);
      }
    }
  }

  void blocksOfHalfsHaveTheSameBitsAsSingleOnes() {
    std::vector<std::uint16_t> halfs(65536);
    for (std::size_t i = 0; i < halfs.size(); ++i) halfs[i] = static_cast<std::uint16_t>(i);
    std::vector<float> block(halfs.size());
    floatsFromHalfs(halfs.data() + 1, halfs.size() - 1, block.data());  // an odd address and length
    for (std::size_t i = 1; i < halfs.size(); ++i) {
      QCOMPARE(std::bit_cast<std::uint32_t>(block[i - 1]),
               std::bit_cast<std::uint32_t>(floatFromHalf(halfs[i])));
    }
    floatsFromBfloat16s(halfs.data() + 1, halfs.size() - 1, block.data());
    for (std::size_t i = 1; i < halfs.size(); ++i) {
      QCOMPARE(std::bit_cast<std::uint32_t>(block[i - 1]),
               std::bit_cast<std::uint32_t>(floatFromBfloat16(halfs[i])));
    }
  }

  void floatsRoundToTheNearestHalfAndTiesToEven() {
    QCOMPARE(halfFromFloat(1.0f + 0x1p-11f), halfFromFloat(1.0f));             // tie: even below
    QCOMPARE(halfFromFloat(1.0f + 0x3p-11f), halfFromFloat(1.0f + 0x2p-10f));  // tie: even above
    QCOMPARE(halfFromFloat(65519.9f), std::uint16_t(0x7bff));
    QCOMPARE(halfFromFloat(65520.0f), std::uint16_t(0x7c00));
    QCOMPARE(halfFromFloat(0x1p-25f), std::uint16_t(0));
    QCOMPARE(halfFromFloat(std::nextafter(0x1p-25f, 1.0f)), std::uint16_t(1));
  }

  void bfloat16RoundsToNearestEven() {
    QCOMPARE(bfloat16FromFloat(std::bit_cast<float>(0x3f808000u)), std::uint16_t(0x3f80));
    QCOMPARE(bfloat16FromFloat(std::bit_cast<float>(0x3f818000u)), std::uint16_t(0x3f82));
    QVERIFY(std::isnan(floatFromBfloat16(bfloat16FromFloat(NAN))));
    QCOMPARE(floatFromBfloat16(0xc000), -2.0f);
  }

  void numbersDoNotDependOnTheLocale() {
    const char* old = std::setlocale(LC_ALL, nullptr);
    const std::string saved = old != nullptr ? old : "C";
    for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"}) {
      if (std::setlocale(LC_ALL, name) == nullptr) continue;  // not every machine has it
      QCOMPARE(formatNumber(0.5), std::string("0.5"));
      QCOMPARE(parseNumber("0.5"), std::optional<double>(0.5));
    }
    std::setlocale(LC_ALL, saved.c_str());
    QCOMPARE(parseNumber("0,5"), std::optional<double>());
    QCOMPARE(parseNumber("1e-3"), std::optional<double>(1e-3));
    QCOMPARE(parseNumber("+2"), std::optional<double>(2));
    QCOMPARE(parseNumber("2 "), std::optional<double>());
    QCOMPARE(parseNumber(""), std::optional<double>());
    QCOMPARE(parseInteger("99999999999999999999"), std::optional<long long>());
  }

  void numbersReadBackAsTheSameDouble() {
    for (const double value : {0.1, 1.0 / 3, 1e-310, 1.7976931348623157e308, -0.0, 12345678.9}) {
      QCOMPARE(parseNumber(formatNumber(value)), std::optional<double>(value));
    }
    QCOMPARE(formatNumber(-std::numeric_limits<double>::infinity()), std::string("-inf"));
  }

  void namesSortAsPeopleCount() {
    QVERIFY(naturalLess("layers.2.w", "layers.10.w"));
    QVERIFY(!naturalLess("layers.10.w", "layers.2.w"));
    QVERIFY(naturalLess("a01", "a1"));
    QVERIFY(!naturalLess("a1", "a01"));
    QVERIFY(!naturalLess("a1", "a1"));
    QVERIFY(naturalLess("a", "a1"));
    QVERIFY(naturalLess("x99999999999999999999998", "x99999999999999999999999"));
  }

  void globsMatchAcrossSlashes() {
    QVERIFY(matchesGlob("*attn*", "model/layers.0/self_attn/q"));
    QVERIFY(matchesGlob("a?c", "abc"));
    QVERIFY(!matchesGlob("a?c", "ac"));
    QVERIFY(matchesGlob("*", ""));
    QVERIFY(!matchesGlob("*b", "ba"));
    QVERIFY(matchesGlob("*ab*ab", "abxabab"));
  }

  void bytesReadWell() {
    QCOMPARE(formatBytes(832), std::string("832 B"));
    QCOMPARE(formatBytes(1234567), std::string("1.2 MB"));
    QCOMPARE(formatBytes(999999), std::string("1.0 MB"));
  }

  void textOfUnknownOriginIsMadePrintable() {
    QCOMPARE(printable("layers/0/kernel:0 \\ caf\xc3\xa9"),
             std::string("layers/0/kernel:0 \\ caf\xc3\xa9"));
    QCOMPARE(printable("a\nb\tc\rd\x1b[2J\x7f"), std::string("a\\nb\\tc\\rd\\x1b[2J\\x7f"));
    QCOMPARE(printable(std::string("a\0b", 3)), std::string("a\\x00b"));
    // A C1 control character, a line separator, an override of direction, a byte-order mark.
    QCOMPARE(printable("\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf"),
             std::string("\\x9b\\u2028\\u202e\\ufeff"));
    // No UTF-8: a stray byte, a cut off character, an overlong one, a surrogate, beyond the last.
    QCOMPARE(printable("\xff"), std::string("\\xff"));
    QCOMPARE(printable("x\xe2\x80"), std::string("x\\xe2\\x80"));
    QCOMPARE(printable("\xc0\x80"), std::string("\\xc0\\x80"));
    QCOMPARE(printable("\xed\xa0\x80"), std::string("\\xed\\xa0\\x80"));
    QCOMPARE(printable("\xf4\x90\x80\x80"), std::string("\\xf4\\x90\\x80\\x80"));
    QVERIFY(isUtf8("caf\xc3\xa9 \xf0\x9f\x98\x80\n"));
    QVERIFY(!isUtf8("caf\xe9"));
  }

  void whatIsInvisibleIsShown() {
    // A soft hyphen, spaces of no width, isolates, a word joiner, fillers, a language tag.
    QCOMPARE(printable("\xc2\xad\xe2\x80\x8b\xe2\x81\xa6\xe2\x81\xa0\xe3\x85\xa4"),
             std::string("\\xad\\u200b\\u2066\\u2060\\u3164"));
    QCOMPARE(printable("\xf3\xa0\x80\x81"), std::string("\\U000e0001"));
    QCOMPARE(printable("\xd8\x9c\xe1\xa0\x8e\xef\xbf\xb9"), std::string("\\u061c\\u180e\\ufff9"));
    // Letters beside them, and what is written with marks, stay.
    const std::string words = "\xe6\x9d\x83\xe9\x87\x8d \xd7\xa9 \xf0\x9f\x98\x80 e\xcc\x81";
    QCOMPARE(printable(words), words);
  }

  void longTextIsShortenedInTheMiddle() {
    QCOMPARE(shortened("short", 16), std::string("short"));
    const std::string text = shortened(std::string(100, 'a') + "the end", 20);
    QCOMPARE(text, std::string("aaaaa\xe2\x80\xa6") + "aaaaathe end");
    // No character is cut, whatever the bound.
    std::string umlauts;
    for (int i = 0; i < 50; ++i) umlauts += "\xc3\xa4";
    for (std::size_t most = 16; most < 40; ++most) {
      const std::string cut = shortened("x" + umlauts, most);
      QVERIFY(isUtf8(cut) && cut.size() <= most);
    }
    QVERIFY(shortened(std::string(1000, '\x80'), 16).size() <= 16);
  }

  void onlyRegularFilesAreOpened() {
    const QTemporaryDir folder;
    const auto at = [&](const char* name) { return folder.filePath(name).toStdString(); };
    QVERIFY(::mkfifo(at("pipe").c_str(), 0600) == 0);
    const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string place = at("socket");
    std::copy(place.begin(), place.end(), address.sun_path);
    QVERIFY(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    const auto refusal = [](const std::string& path) {
      const auto text = readWholeFile(path, 100);
      return text ? std::string("read") : text.error().message;
    };
    QCOMPARE(refusal(at("pipe")), at("pipe") + ": not a regular file but a named pipe");
    QCOMPARE(refusal(place), place + ": not a regular file but a socket");
    QCOMPARE(refusal("/dev/zero"), std::string("/dev/zero: not a regular file but a device"));
    QCOMPARE(refusal(at("")), at("") + ": a directory, not a file");
    QCOMPARE(refusal(at("none")), at("none") + ": no such file");
    QVERIFY(!openRegularFile(std::string("/dev/null\0x", 11)));
    const auto digest = sha256OfFile(at("pipe"), {});
    QVERIFY(!digest && digest.error().message.ends_with("a named pipe"));
    ::close(listening);
  }

  void filesAreReadUpToABound() {
    const QTemporaryDir folder;
    const std::string path = folder.filePath("file").toStdString();
    QVERIFY(writeFile(path, std::string(100, 'x')));
    QCOMPARE(*readWholeFile(path, 100), std::string(100, 'x'));
    const auto refused = readWholeFile(path, 99);
    QVERIFY(!refused);
    QCOMPARE(refused.error().message, path + ": too large; allowed are at most 99 bytes");
    QVERIFY(writeFile(path, ""));
    QCOMPARE(*readWholeFile(path, 0), std::string());
  }

  void jsonHoldsNoMoreValuesThanAllowed() {
    QVERIFY(parseJson("[1,2,{\"a\":3}]", "it", {}, 5));
    const auto refused = parseJson("[1,2,{\"a\":3}]", "it", {}, 4);
    QVERIFY(!refused);
    QCOMPARE(refused.error().message, std::string("it: too many values; allowed are at most 4"));
  }

  void jsonHoldsAnyBytes() {
    const Json json = Json::object({{"n\xff", std::string("a\nb\xfe")}});
    const std::string text = json.text(-1);
    QCOMPARE(text, std::string(R"({"n\\xff":"a\\nb\\xfe"})"));
    QVERIFY(parseJson(text, "it"));
  }

  void jsonRoundTrips() {
    const char* text = "{\"a\":[1,2.5,\"x/y\",null,true],\"b\":{\"c\":-7}}";
    const auto json = parseJson(text, "test");
    QVERIFY(json);
    QCOMPARE(json->text(-1), std::string(text));
    QCOMPARE(json->find("b")->find("c")->asNumber(0), -7.0);
    QVERIFY(json->find("z") == nullptr);
  }

  void jsonWritesNonFiniteNumbersAsText() {
    QCOMPARE(Json(std::numeric_limits<double>::infinity()).text(), std::string("\"inf\""));
    QCOMPARE(Json(NAN).text(), std::string("\"nan\""));
    QCOMPARE(Json(0.1).text(), std::string("0.1"));
    QCOMPARE(Json(1.0).text(), std::string("1.0"));
  }

  void badJsonIsOneErrorThatNamesTheFile() {
    for (const char* text : {"{", "{\"a\":1,\"a\":2}", "[1,]", "", "nan"}) {
      const auto json = parseJson(text, "plan.json");
      QVERIFY2(!json, text);
      QVERIFY(json.error().message.starts_with("plan.json: "));
    }
    QVERIFY(!parseJson(std::string(100000, '['), "deep"));
  }

  void sha256IsThePublishedFunction() {
    QCOMPARE(sha256OfBytes("abc", 3),
             std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    QTemporaryFile file;
    QVERIFY(file.open());
    file.write("abc");
    file.close();
    QCOMPARE(*sha256OfFile(file.fileName().toStdString()), sha256OfBytes("abc", 3));
    QVERIFY(!sha256OfFile("/nonexistent/file"));
  }
};

QTEST_GUILESS_MAIN(BaseTest)
#include "base_test.moc"
