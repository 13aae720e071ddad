// Lets a test program find the reader in the build tree.
#include <cstdlib>

namespace {

const bool g_readerProgramIsSet = setenv("QUANTOSCOPE_READER", QUANTOSCOPE_READER_PROGRAM, 0) == 0;

}  // namespace
