#!/usr/bin/env bash
# Runs the measurements behind the figures of README.md (words, SIFT, sentences, growth), prints their tables and leaves
# CSV and SVG files. bench/README.md tells what the figures mean and how to get a quiet machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: bench/shows.sh [--build DIR] [--baseline PROGRAM] [--quiet COMMAND] [--spec-prefix TEXT]
                      SETS WORK [SHOW...]

SETS      folder with the data sets that bench/data/make.py makes: words, sift, spectrum,
          clustered-100k, clustered-1m, clustered-10m. Makes those that are missing.
WORK      folder for collections (kept: a second run neither loads nor trains) and results
SHOW      words sift sentences growth; all without one

  --build DIR         build folder with bench_ann and bench_plot (build/release)
  --baseline PROGRAM  another build of bench_ann for `sentences`, run beside with the same arguments
  --quiet COMMAND     put before every measurement, e.g. a script that waits for an idle machine
  --spec-prefix TEXT  put before every quantizer, e.g. RR, for a random rotation
TEXT
}

build=build/release
baseline=
quiet=()
prefix=
while (($#)); do
  case "$1" in
    --build) build=$2; shift 2 ;;
    --baseline) baseline=$2; shift 2 ;;
    --quiet) read -ra quiet <<<"$2"; shift 2 ;;
    --spec-prefix) prefix=$2; shift 2 ;;
    --help | -h) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) break ;;
  esac
done
if (($# < 2)); then
  usage >&2
  exit 2
fi
sets=$1
work=$2
shift 2
shows=("$@")
if ((${#shows[@]} == 0)); then shows=(words sift sentences growth); fi
mkdir -p "$sets" "$work"
commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
ann=$build/bench/ann/bench_ann
plot=$build/bench/plot/bench_plot

# need FOLDER NAME OPTION...: the set, made if it is not there.
need() {
  local folder=$sets/$1
  shift
  [[ -e "$folder/truth.ivecs" ]] || bench/data/make.py "$1" "$folder" --cache "$sets/packages" "${@:2}"
}

# of SET KIND: its file of that kind, whatever the item type.
of() {
  local file
  for file in "$sets/$1/$2".{fvecs,bvecs}; do
    if [[ -e "$file" ]]; then echo "$file"; return; fi
  done
  echo "shows.sh: $sets/$1 has no $2.fvecs or $2.bvecs" >&2
  return 1
}

# arguments SET METRIC SPEC: what names a collection, in the array `arguments`.
arguments() {
  arguments=(--base "$(of "$1" base)" --queries "$(of "$1" query)" --truth "$sets/$1/truth.ivecs"
    --name "$1" --metric "$2" --quantizer "$prefix$3" --commit "$commit")
}

# prepare COLLECTION OPTION...: builds it if it is not kept from an earlier run; not measured. Uses `arguments`.
prepare() {
  local data=$work/$1
  shift
  [[ -e "$data/bench_origin" ]] || "$ann" "${arguments[@]}" --data "$data" --keep --query-count 100 \
    --nprobe 8 --rerank none --mode batch --rounds 1 --round-seconds 0.01 "$@" >/dev/null
}

# measure RESULT COLLECTION OPTION...: a table, and RESULT.csv. Uses `arguments`.
measure() {
  local result=$work/$1 data=$work/$2
  shift 2
  "${quiet[@]}" "$ann" "${arguments[@]}" --data "$data" --keep --csv "$result.csv" "$@"
}

# Rerank by 8-bit codes and by raw vectors at the reference's recalls, then codes alone: half of the queries
# choose the parameters, the others are reported. One thread, one at a time and in batches of 1,000.
show_recalls() {
  local name=$1 collection=$2 targets=$3 codes=$4
  measure "$name-refine" "$collection" --tune-recall "$targets" --rerank "$(tiers refine)"
  measure "$name-raw" "$collection" --tune-recall "$targets" --rerank "$(tiers raw)" --mode single
  measure "$name-codes" "$collection" --tune-recall "$codes" --rerank none
}

# tiers TIER: the depths to choose from, as "TIER:20,TIER:40,...". Raw vectors are slow to try.
tiers() {
  local depths="20 40 60 100 150 200 300 400"
  if [[ $1 == raw ]]; then depths="20 40 80 160 320"; fi
  local depth list=
  for depth in $depths; do list+=,$1:$depth; done
  echo "${list#,}"
}

words() {
  echo "== word vectors, 25 bytes of codes"
  need words words
  arguments words cosine "OPQ,IVF1024,PQ25x8,Refine(SQ8)"
  prepare words-25
  show_recalls words-25 words-25 .916,.953,.985 .615,.68
  measure words-25-sweep words-25 --nprobe 4,8,16,32,64,128 --rerank none,refine:50,refine:100,raw:100 \
    --mode single --rounds 3 --round-seconds 0.2 --explain
  "$plot" "$work/words-25-sweep.csv" --speed "$work/words-speed.svg" --bytes "$work/words-bytes.svg"
}

sift() {
  echo "== SIFT, 16 and 32 bytes of codes"
  need sift sift
  arguments sift l2 "OPQ,IVF2048,PQ16x8,Refine(SQ8)"
  prepare sift-16
  show_recalls sift-16 sift-16 .934,.962,.972 .492,.60
  measure sift-16-sweep sift-16 --nprobe 4,8,16,32,64,128 --rerank none,refine:50,refine:100,raw:100 \
    --mode single --rounds 3 --round-seconds 0.2 --explain
  arguments sift l2 "OPQ,IVF2048,PQ32x8,Refine(SQ8)"
  prepare sift-32
  measure sift-32-codes sift-32 --tune-recall .64,.74 --rerank none
  measure sift-32-sweep sift-32 --nprobe 4,8,16,32,64,128 --rerank none,refine:50,refine:100 \
    --mode single --rounds 3 --round-seconds 0.2 --explain
  "$plot" "$work"/sift-{16,32}-sweep.csv --speed "$work/sift-speed.svg" --bytes "$work/sift-bytes.svg"
}

# The baseline is a build with -DTESSERA_FLOAT_QUERIES=ON; both take the same collection in turns.
sentences() {
  echo "== sentence embeddings"
  need spectrum spectrum --queries 2000
  local set spec
  for set in sentences-512 spectrum; do
    if [[ ! -e "$sets/$set/truth.ivecs" ]]; then
      echo "shows.sh: $sets/$set (base, query, truth.ivecs) is not there: left out"
      continue
    fi
    spec="OPQ,IVF1024,PQ64x8,Refine(SQ8)"
    if [[ "$set" == spectrum ]]; then spec="OPQ,IVF512,PQ96x8,Refine(SQ8)"; fi
    arguments "$set" cosine "$spec"
    prepare "$set"
    measure "$set" "$set" --tune-recall .90,.95 --rerank "$(tiers refine)" --explain
    if [[ -n "$baseline" ]]; then
      echo "baseline $baseline:"
      ann=$baseline measure "$set-baseline" "$set" --tune-recall .90,.95 --rerank "$(tiers refine)" --explain
    fi
    echo "without a rotation:"
    arguments "$set" cosine "${spec#OPQ,}"
    prepare "$set-plain"
    measure "$set-plain" "$set-plain" --tune-recall .90,.95 --rerank "$(tiers refine)" --explain
  done
}

growth() {
  echo "== 100,000, 1,000,000 and 10,000,000 rows"
  local size rows lists
  for size in "100k 100000 1024" "1m 1000000 4096" "10m 10000000 8192"; do
    read -r size rows lists <<<"$size"
    need "clustered-$size" clustered --rows "$rows"
    arguments "clustered-$size" l2 "OPQ,IVF$lists,PQ24x8,Refine(SQ8)"
    prepare "growth-$size" --train-rows 1000000
    measure "growth-$size" "growth-$size" --train-rows 1000000 --tune-recall .90,.95 \
      --rerank "$(tiers refine)" --explain
  done
}

for show in "${shows[@]}"; do
  case "$show" in
    words | sift | sentences | growth) "$show" ;;
    *) echo "shows.sh: no show $show" >&2; usage >&2; exit 2 ;;
  esac
done
