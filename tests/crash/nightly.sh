#!/usr/bin/env bash
# Thousands of kills and faults of files, from one seed; what .ci/run does a few of.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

usage() {
  cat <<'TEXT'
usage: tests/crash/nightly.sh [--build DIR] [--seed N] [--kills N] [--faults N]

  --build DIR   build folder with test_crash (build/release)
  --seed N      of everything; the same one replays it (the day's date)
  --kills N     SIGKILLs at random moments (2000)
  --faults N    calls of libc that fail, of each kind: EIO, ENOSPC, short, power loss (125)
TEXT
}

build=build/release
seed=$(date +%Y%m%d)
kills=2000
faults=125
while (($#)); do
  case "$1" in
    --build) build=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --kills) kills=$2; shift 2 ;;
    --faults) faults=$2; shift 2 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

echo "seed $seed"
export TESSERA_CRASH_SEED=$seed TESSERA_CRASH_ROUNDS=$kills TESSERA_CRASH_FAULTS=$faults
exec "$build/tests/test_crash" --gtest_brief=1
