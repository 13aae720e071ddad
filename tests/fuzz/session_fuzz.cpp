// Any bytes as a session: what is taken is written and read again as the same.
#include <cstdlib>

#include "tests/fuzz/bytes.h"
#include "ui/session/session_file.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parseJson(fuzz::textOf(data, size), "session.json");
  if (!json) return 0;
  const QDir base(QStringLiteral("/nowhere"));
  const auto session = ui::sessionFromJson(*json, base, "session.json");
  if (!session) return 0;
  const Json written = ui::sessionToJson(*session, base);
  const auto again = ui::sessionFromJson(written, base, "again");
  if (!again || ui::sessionToJson(*again, base).text() != written.text()) std::abort();
  return 0;
}
