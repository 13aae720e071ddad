// A topic: one file of tests, that shares a program with the other topics of its room. This header
// is included ahead of every test (tests/CMakeLists.txt), so that Qt's QTEST_MAIN,
// QTEST_GUILESS_MAIN and QTEST_APPLESS_MAIN make a topic instead of a program.
#pragma once

#include <QtTest>

namespace quantoscope::test {

struct Topic {
  const char* file;
  int (*run)(int argc, char** argv);

  /// Makes the topic known to the program's main. The object must live as long as the program.
  Topic(const char* file, int (*run)(int argc, char** argv));
};

}  // namespace quantoscope::test

/// Stands in place of `int main`, of which a program has only one.
// NOLINTBEGIN(bugprone-macro-parentheses): names of parameters
#define QUANTOSCOPE_TOPIC_MAIN(argc, argv)                                   \
  static int runTopic(int argc, char** argv);                                \
  static const quantoscope::test::Topic registeredTopic(__FILE__, runTopic); \
  static int runTopic([[maybe_unused]] int argc, [[maybe_unused]] char** argv)
// NOLINTEND(bugprone-macro-parentheses)

// All three of Qt's macros end here.
#ifndef QTEST_MAIN_WRAPPER
#error "this version of Qt Test makes its mains in another way"
#endif
#undef QTEST_MAIN_WRAPPER
#define QTEST_MAIN_WRAPPER(TestObject, ...)      \
  QUANTOSCOPE_TOPIC_MAIN(argc, argv) {           \
    QTest::Internal::callInitMain<TestObject>(); \
    __VA_ARGS__                                  \
    TestObject test;                             \
    QTEST_SET_MAIN_SOURCE_PATH                   \
    return QTest::qExec(&test, argc, argv);      \
  }
