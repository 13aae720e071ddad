// The main of every test program: PROGRAM TOPIC [options of Qt Test].
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/topic.h"

namespace quantoscope::test {

namespace {

std::vector<const Topic*>& topics() {
  static std::vector<const Topic*> known;  // topics are made before main, in no order
  return known;
}

std::string nameOf(const Topic& topic) {
  return std::filesystem::path(topic.file).stem().string();
}

int listTopics(const char* program) {
  std::fprintf(stderr, "usage: %s TOPIC [options of Qt Test]\ntopics:\n", program);
  for (const Topic* topic : topics()) std::fprintf(stderr, "  %s\n", nameOf(*topic).c_str());
  return 2;
}

}  // namespace

Topic::Topic(const char* named, int (*main)(int, char**)) : file(named), run(main) {
  topics().push_back(this);
}

}  // namespace quantoscope::test

int main(int argc, char** argv) {
  using namespace quantoscope::test;
  const std::string asked = argc > 1 ? argv[1] : "";
  for (const Topic* topic : topics()) {
    if (nameOf(*topic) != asked) continue;
    argv[1] = argv[0];  // a topic sees the arguments that a program of its own would
    return topic->run(argc - 1, argv + 1);
  }
  return listTopics(argv[0]);
}
