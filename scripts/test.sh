#!/bin/sh
# Runs `swift test` with the given arguments. When something fails, the failures are printed again at the end, where whoever
# sees only the last lines of a log finds them.
set -eu
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
{ ${SWIFT:-swift} test "$@" 2>&1 || echo "$?" >"$log.status"; } | tee "$log"
if [ -s "$log.status" ]; then
  status=$(cat "$log.status")
  rm -f "$log.status"
  printf '\n==== what failed ====\n'
  grep -E '✘|error:|Fatal error|Crash|Expectation failed|↳' "$log" | tail -n 60 || true
fi
exit "$status"
