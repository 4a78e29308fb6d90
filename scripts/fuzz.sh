#!/bin/sh
# Runs the random-feeding tests again and again with new seeds until FUZZ_SECONDS are over, each time with HEDDLE_FUZZ_ROUNDS
# inputs per test (50000). A failure prints its seed; the same two variables and swift test --filter Fuzz repeat it. Debug builds
# on purpose: they check every overflow and index.
set -eu
cd "$(dirname "$0")/.."

HEDDLE_FUZZ_ROUNDS=${HEDDLE_FUZZ_ROUNDS:-50000}
export HEDDLE_FUZZ_ROUNDS
end=$(($(date +%s) + ${FUZZ_SECONDS:-60}))
swift build --build-tests
rounds=0
while [ "$(date +%s)" -lt "$end" ]; do
  seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
  if ! HEDDLE_FUZZ_SEED=$seed swift test --skip-build --filter Fuzz; then
    echo "failed with HEDDLE_FUZZ_SEED=$seed HEDDLE_FUZZ_ROUNDS=$HEDDLE_FUZZ_ROUNDS" >&2
    exit 1
  fi
  rounds=$((rounds + 1))
done
echo "$rounds rounds without a fault"
