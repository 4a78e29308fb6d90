#!/bin/sh
# Runs the random-feeding tests again and again with new seeds until FUZZ_SECONDS are over. A failure prints its seed;
# HEDDLE_FUZZ_SEED=<seed> swift test --filter Fuzz repeats it.
set -eu
cd "$(dirname "$0")/.."

end=$(($(date +%s) + ${FUZZ_SECONDS:-60}))
swift build --build-tests
rounds=0
while [ "$(date +%s)" -lt "$end" ]; do
  seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
  if ! HEDDLE_FUZZ_SEED=$seed swift test --skip-build --filter Fuzz; then
    echo "failed with HEDDLE_FUZZ_SEED=$seed" >&2
    exit 1
  fi
  rounds=$((rounds + 1))
done
echo "$rounds rounds without a fault"
