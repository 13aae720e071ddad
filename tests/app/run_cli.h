// Runs the command line in a process of its own.
#pragma once

#include <QByteArray>
#include <QProcess>
#include <QStringList>

namespace quantoscope::test {

struct Run {
  int status = -1;  ///< -1: it did not end in time; -2: a signal ended it
  QByteArray out;
  QByteArray err;
};

/// What a process that was started leaves, once it has ended; two minutes at most.
inline Run finished(QProcess& process) {
  Run result;
  if (!process.waitForFinished(120000)) return result;
  result.status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
  result.out = process.readAllStandardOutput();
  result.err = process.readAllStandardError();
  return result;
}

inline Run run(const QStringList& arguments,
               const QProcessEnvironment& environment = QProcessEnvironment::systemEnvironment()) {
  QProcess process;
  process.setProcessEnvironment(environment);
  process.start(QStringLiteral(QUANTOSCOPE_CLI), arguments);
  return finished(process);
}

}  // namespace quantoscope::test
