// quantoscope-cli: the engine without a display.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>

#include "app/cli/context.h"
#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/memory_border.h"
#include "core/base/printable.h"
#include "core/base/text.h"
#include "core/io/model_file.h"
#include "core/io/registry.h"
#include "core/kernels/kernels.h"

namespace {

using namespace quantoscope;
using namespace quantoscope::cli;

int fail(const std::string& message, int status) {
  std::cerr << "quantoscope-cli: " << printable(message) << "\n";
  return status;
}

std::string exitStatusHelp() {
  std::string text = "Exit status:\n";
  for (const ExitStatusRow& row : kExitStatuses) {
    std::string status = std::to_string(row.status);
    status.resize(5, ' ');
    text += "  " + status + row.meaning + "\n";
  }
  return text;
}

/// FILE or FILE::PATH with the model's file in place of a folder. What cannot be resolved is left
/// as it is: opening it gives the error.
std::string withModelFile(const std::string& text) {
  const FileAndPath parts = splitFileAndPath(text);
  const auto file = modelFileOf(parts.file);
  if (!file) return text;
  return parts.path.empty() ? *file : *file + "::" + parts.path;
}

/// A folder that holds a model may stand for FILE; the verb itself only sees files.
void acceptFolders(CLI::App& verb) {
  for (CLI::Option* option : verb.get_options()) {
    if (option->get_name(true).starts_with("FILE")) option->transform(withModelFile);
  }
}

/// "quantize model.h5": what an error names that comes from anywhere.
std::string wordsFor(const CLI::App& verb) {
  std::string words = verb.get_name();
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_name(true).starts_with("FILE") || option->results().empty()) continue;
    words += ' ' + option->results().front();
    break;
  }
  return words;
}

int run(const Verb& verb, const GeneralOptions& options, const std::string& words) {
  const Result<int> result = withinMemory(words, [&] {
    const Context context(options);
    Result<int> done = verb(context);
    context.clearProgress();
    std::cout.flush();
    return done;
  });
  if (!result) return fail(result.error().message, exitStatus(result.error().code));
  if (!std::cout) return fail("standard output: write failed", kOutputFailed);
  return *result;
}

int runProgram(int argc, char** argv) {
  CLI::App program("Quantoscope: what quantization does to neural-network weights");
  program.name("quantoscope-cli");
  program.set_version_flag("--version", "quantoscope-cli " QUANTOSCOPE_VERSION);
  program.require_subcommand(1);
  program.fallthrough();

  GeneralOptions options;
  program.add_option("--threads", options.threads, "number of threads; 0: all cores")
      ->check(CLI::Range(0, Executor::kMaxThreads));
  std::vector<std::string> kernelNames;
  for (const auto* table : kernels::availableKernels()) kernelNames.emplace_back(table->name);
  std::string kernelName = kernelNames.front();
  program.add_option("--kernels", kernelName, "instruction set to use")
      ->check(CLI::IsMember(kernelNames))
      ->capture_default_str();
  program.add_flag("--quiet", options.quiet, "print no notes and no progress on stderr");
  program.add_flag("--allow-external", options.allowExternal,
                   "follow links and data into other files, and accept implausibly large sizes");
  program.add_flag("--bfloat16", options.bfloat16,
                   "read arrays of 16-bit unsigned integers or opaque words as bfloat16");
  program.add_flag("--partial", options.partial,
                   "write also where arrays of the model are missing, cut off or unreadable");
  program.add_flag("--force", options.force, "overwrite an existing output file");

  std::map<std::string, Verb> verbs;
  for (const VerbRow& row : kVerbs) {
    CLI::App* verb = program.add_subcommand(row.name, row.summary);
    verbs[row.name] = row.add(*verb);
    acceptFolders(*verb);
  }

  // Of the program alone: verbs added later would inherit it.
  program.footer(exitStatusHelp() +
                 "\nFILE is a weight file, or a folder that holds one model. Weight files are " +
                 openableFormatsText() + ".");

  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return program.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    const auto unknown = program.remaining();
    if (program.get_subcommands().empty() && !unknown.empty()) {
      std::vector<std::string> names;
      for (const VerbRow& row : kVerbs) names.emplace_back(row.name);
      return fail(unknown.front() + ": unknown verb; allowed are " + join(names, ", "),
                  kWrongUsage);
    }
    return fail(std::string(error.what()) + "; see --help", kWrongUsage);
  }
  kernels::useKernels(kernelName);
  const CLI::App& verb = *program.get_subcommands().front();
  return run(verbs.at(verb.get_name()), options, wordsFor(verb));
}

/// Without what a terminal would obey; needs no memory, unlike printable().
void putPlain(const char* text) {
  for (; *text != '\0'; ++text) {
    const auto byte = static_cast<unsigned char>(*text);
    std::fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, stderr);
  }
}

/// For when not even the words of an error could be put together: needs no memory. Ends the program
/// at once, since libraries that were interrupted in the middle of something, threads above all,
/// cannot be asked to tidy up; everything on the stack is gone already.
[[noreturn]] void failWithoutMemory(int argc, char** argv, const char* why) {
  std::fputs("quantoscope-cli:", stderr);
  for (int i = 1; i < argc && i <= 2; ++i) {
    std::fputc(' ', stderr);
    putPlain(argv[i]);
  }
  std::fputs(": ", stderr);
  std::fputs(why, stderr);
  std::fputc('\n', stderr);
  std::_Exit(kDoesNotFit);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return runProgram(argc, argv);
  } catch (const std::bad_alloc&) {
    failWithoutMemory(argc, argv, "not enough memory");
  } catch (const std::exception& error) {
    failWithoutMemory(argc, argv, error.what());
  }
}
