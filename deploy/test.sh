#!/usr/bin/env bash
# Sets a fresh machine up, builds everything with warnings as errors, runs every test, and ends 0 only if
# all pass. A skipped test is a failure unless the processor lacks the instruction set that it names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: deploy/test.sh [--sanitizers] [--no-deps] [-- CTEST_ARGUMENT...]

Builds in build/release and runs the tests, two at a time. The first run on two cores takes about a
quarter of an hour, most of it compiling. Where npm is, it installs onnxruntime (290 MB) into
tests/parity, to compare scalar quantization with.

  --sanitizers  also run the tests under AddressSanitizer with UBSan, server and command line
                included, and the races of the index under ThreadSanitizer (20 minutes more)
  --no-deps     leave the packages of the machine alone
  --            what follows goes to ctest in the release build: deploy/test.sh -- -L unit, deploy/test.sh -- -R simd
TEXT
}

sanitizers=0
build_arguments=()
ctest_arguments=()
while (($#)); do
  case "$1" in
    --sanitizers) sanitizers=1; shift ;;
    --no-deps) build_arguments+=(--no-deps); shift ;;
    --help | -h) usage; exit 0 ;;
    --) shift; ctest_arguments=("$@"); break ;;
    *) usage >&2; exit 2 ;;
  esac
done

folders=()
# run_tests PRESET CTEST_ARGUMENT...: goes on after failures, which the summary counts.
run_tests() {
  local folder=build/$1
  shift
  rm -f "$folder/tests.xml"
  folders+=("$folder")
  ctest --test-dir "$folder" -j2 --output-on-failure --no-tests=error --output-junit tests.xml "$@" || true
  ctest --test-dir "$folder" --show-only=json-v1 >"$folder/tests.json"
}

# Without it the comparison with onnxruntime is skipped, and the summary names it.
install_onnxruntime() {
  local folder=tests/parity
  if ! command -v npm >/dev/null; then
    echo "no npm: scalar quantization is not compared with onnxruntime"
  elif [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund ||
      echo "npm ci failed in $folder; its own words stand above" >&2
  fi
}

# So that a test never takes the machine's BLAS for a second pool of threads.
export OPENBLAS_NUM_THREADS=1
total=1
if ((sanitizers)); then total=3; fi
install_onnxruntime

echo "[1/$total] every test, release build"
deploy/build.sh "${build_arguments[@]}" all
run_tests release "${ctest_arguments[@]}"

if ((sanitizers)); then
  echo "[2/$total] AddressSanitizer and UndefinedBehaviorSanitizer: all but the recall bands, which are"
  echo "      statistics of the same code, and the checks of the sources"
  deploy/build.sh "${build_arguments[@]}" --preset asan-ubsan all
  # Debian's gRPC and protobuf are not instrumented: containers that cross the line look overrun.
  ASAN_OPTIONS=detect_container_overflow=0 UBSAN_OPTIONS=print_stacktrace=1 \
    run_tests asan-ubsan -LE 'meta|recall'

  echo "[3/$total] ThreadSanitizer: the index under its race and property tests"
  deploy/build.sh "${build_arguments[@]}" --preset tsan test_race test_property
  TSAN_OPTIONS=halt_on_error=1:ignore_interceptors_accesses=1:suppressions=$PWD/deploy/tsan.supp \
    run_tests tsan -L 'race|property'
fi

python3 -B deploy/test_summary.py "${folders[@]}"
