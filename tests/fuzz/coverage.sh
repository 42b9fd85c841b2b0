#!/bin/sh
# Lines of the decoders that the corpora reach: coverage.sh [FOLDER...], each as tests/fuzz/corpus with a folder a target;
# none: that one. COVERAGE_LINES=1 names
# the lines that are not run. Needs clang, llvm-profdata and llvm-cov of one version (CLANG_VERSION, 14 where it is not set).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
version=${CLANG_VERSION:-14}
[ $# -gt 0 ] || set -- "$root/tests/fuzz/corpus"
test=$root/build/coverage/tests/test_fuzz
if [ -z "${COVERAGE_TEST:-}" ]; then
  cmake --preset coverage -S "$root" > /dev/null
  cmake --build "$root/build/coverage" --target test_fuzz
else
  test=$COVERAGE_TEST  # one that is built
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
for folder; do
  number=$((number + 1))
  LLVM_PROFILE_FILE="$work/$number.profraw" TESSERA_FUZZ_CORPUS="$folder" \
    "$test" --gtest_brief=1 --gtest_filter='Targets/Corpus.EveryFileEnds/*' > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
"llvm-profdata-$version" merge -sparse "$work"/*.profraw -o "$work/profile"
"llvm-cov-$version" export "$test" -instr-profile="$work/profile" -format=lcov > "$work/lines"
"llvm-cov-$version" export "$test" -instr-profile="$work/profile" > "$work/functions"
python3 -B "$root/tests/fuzz/coverage.py" "$root" "$work/lines" "$work/functions" ${COVERAGE_LINES:+lines}
