// The table of formats, and everything that must agree with it.
#include "core/io/registry.h"

#include <set>

#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/test_data.h"

using namespace quantoscope;

namespace {

QString textOf(const QString& path) {
  QFile file(QString::fromStdString(test::sourcePath("")) + path);
  if (!file.open(QIODevice::ReadOnly)) qFatal("%s cannot be read", qPrintable(path));
  return QString::fromUtf8(file.readAll());
}

/// What the first group of the pattern matches, each time, sorted.
QStringList matchesIn(const QString& text, const char* pattern) {
  QStringList found;
  auto matches = QRegularExpression(pattern).globalMatch(text);
  while (matches.hasNext()) found << matches.next().captured(1);
  found.sort();
  return found;
}

/// A column of the table, of the formats that can be opened; sorted.
template <typename Select>
QStringList ofOpenable(Select select) {
  QStringList all;
  for (const ContainerFormat* format : containerFormats()) {
    if (!format->open) continue;
    for (const char* value : select(*format)) all << value;
  }
  all.sort();
  return all;
}

QByteArray zipWith(const QByteArray& members) {
  return QByteArray("PK\x03\x04").append(QByteArray(26, '\0')).append(members);
}

QByteArray asBytes(const std::string& text) {
  return QByteArray::fromStdString(text);
}

}  // namespace

class RegistryTest : public QObject {
  Q_OBJECT

 private slots:
  void namesAndSuffixesAreUnique() {
    std::set<std::string> names;
    std::set<std::string> suffixes;
    for (const ContainerFormat* format : containerFormats()) {
      QVERIFY2(names.insert(format->name).second, format->name);
      for (const std::string suffix : format->suffixes) {
        QVERIFY2(suffixes.insert(suffix).second, suffix.c_str());
        QVERIFY2(suffix.starts_with('.') && suffix.size() > 1, suffix.c_str());
      }
    }
  }

  void whatOpensHasASuffixAndWhatIsRefusedHasNoMimeType() {
    for (const ContainerFormat* format : containerFormats()) {
      if (format->open) {
        QVERIFY2(!format->suffixes.empty(), format->name);
        QVERIFY2(!*format->remedy, format->name);
      } else {
        QVERIFY2(format->mimeTypes.empty(), format->name);
      }
    }
  }

  void whatOpensIsFuzzed() {
    QString sources;
    const QDir folder(QString::fromStdString(test::sourcePath("tests/fuzz")));
    for (const QString& name : folder.entryList({"*_fuzz.cpp"})) {
      sources += textOf("tests/fuzz/" + name).section("#include", 0, 0);
    }
    const QStringList fuzzed = matchesIn(sources, "Format: (.+)\n");
    const QStringList formats = ofOpenable(
        [](const ContainerFormat& format) { return std::vector<const char*>{format.name}; });
    QCOMPARE(fuzzed, formats);
  }

  void theDesktopKnowsTheFormats() {
    const QStringList types =
        ofOpenable([](const ContainerFormat& format) { return format.mimeTypes; });
    const QString entry = textOf("resources/linux/org.quantoscope.Quantoscope.desktop");
    const QString handled = matchesIn(entry, "MimeType=(.*);\n").join(";");
    QStringList declared = handled.split(';');
    declared.sort();
    QCOMPARE(declared, types);
    const QString metainfo = textOf("resources/linux/org.quantoscope.Quantoscope.metainfo.xml");
    QCOMPARE(matchesIn(metainfo, "<mediatype>(.*)</mediatype>"), types);
  }

  void theListOfMimeTypesKnowsTheFormats() {
    const QString list = textOf("resources/linux/quantoscope-mime.xml");
    QStringList types = ofOpenable([](const ContainerFormat& format) { return format.mimeTypes; });
    types.removeOne("application/x-hdf");  // which every desktop has
    QCOMPARE(matchesIn(list, "<mime-type type=\"(.*)\">"), types);
    const QStringList suffixes = ofOpenable([](const ContainerFormat& format) {
      return format.mimeTypes.empty() ? std::span<const char* const>() : format.suffixes;
    });
    QCOMPARE(matchesIn(list, "<glob pattern=\"\\*(.*?)\""), suffixes);
  }

  void theFirstBytesTellTheFormat_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("name");
    const QByteArray hdf5("\x89HDF\r\n\x1a\n");
    QTest::newRow("HDF5") << hdf5 << QByteArray("HDF5");
    QTest::newRow("user block") << QByteArray(1024, ' ') + hdf5 << QByteArray("HDF5");
    QTest::newRow("signature where none can be") << QByteArray(768, ' ') + hdf5 << QByteArray();
    QTest::newRow("Keras") << zipWith("metadata.json") << QByteArray("Keras archive");
    QTest::newRow("NumPy archive") << zipWith("a.npy") << QByteArray("NumPy");
    QTest::newRow("PyTorch with names of others")
        << zipWith("metadata.json a.npy m/data.pkl") << QByteArray("PyTorch");
    QTest::newRow("another archive") << zipWith("a.txt") << QByteArray("zip archive");
    const std::string array = R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})";
    QTest::newRow("safetensors") << asBytes(test::safetensorsBytes(array, ""))
                                 << QByteArray("safetensors");
    // Its length, 640, is how a pickle begins.
    QTest::newRow("safetensors like a pickle")
        << asBytes(test::safetensorsBytes(array + std::string(0x280 - array.size(), ' '), ""))
        << QByteArray("safetensors");
    QTest::newRow("safetensors like JSON")
        << asBytes(test::safetensorsBytes(array + std::string('{' - array.size(), ' '), ""))
        << QByteArray("safetensors");
    QTest::newRow("damaged safetensors")
        << QByteArray(8, '\xff') + asBytes(array) << QByteArray("safetensors");
    QTest::newRow("JSON like damaged safetensors")
        << QByteArray(R"({"name":{"a":1}})") << QByteArray("index of several files");
    QTest::newRow("pickle") << QByteArray("\x80\x02}q") << QByteArray("Python pickle");
    QTest::newRow("text") << QByteArray("hello") << QByteArray();
  }
  void theFirstBytesTellTheFormat() {
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, name);
    const QTemporaryDir folder;
    QFile file(folder.filePath("file"));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.flush());
    const auto format = formatOf(file.fileName().toStdString());
    QVERIFY2(format, format ? "" : format.error().message.c_str());
    QCOMPARE(*format ? QByteArray((*format)->name) : QByteArray(), name);
  }
};

QTEST_GUILESS_MAIN(RegistryTest)
#include "registry_test.moc"
