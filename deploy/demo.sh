#!/usr/bin/env bash
# The whole of Tessera on real data, from nothing: sets the machine up, builds, starts a server on an empty
# directory, loads 60,000 images, trains, measures all 10,000 held-out queries against the exact answers,
# checks those against NumPy, and writes a page that shows what was found. Stops all that it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quantizer='IVF256,PQ49x8,Refine(SQ8)'
nprobe=16
data=/usr/share/datasets/fashion-mnist
tesserad=build/release/server/tesserad
tessera=build/release/client/cli/tessera
python=/usr/bin/python3  # the one that the package python3-numpy belongs to
page=build/demo/tessera-demo.html
keep=0
build_arguments=()

usage() {
  cat <<'TEXT'
usage: deploy/demo.sh [--keep] [--page FILE] [--no-deps]

Ends 0 only if the exact answers are those of NumPy, recall@10 is at least 0.70 from codes of at most 64
bytes and 0.97 with rerank, and the resident mirror takes at most 900 bytes a vector. About a minute; the
first time also installs packages and compiles, some ten minutes on two cores.

  --keep       leave the server running with its data, and say how to ask it and how to stop it
  --page FILE  where the page goes (default build/demo/tessera-demo.html)
  --no-deps    leave the packages of the machine alone
TEXT
}

while (($#)); do
  case "$1" in
    --keep) keep=1; shift ;;
    --page) page=${2:?--page needs a file}; shift 2 ;;
    --no-deps) build_arguments+=(--no-deps); shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

work=''
server=''
task=''
finished=0

# Kills by number only what this script started.
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ -n "$task" ]]; then kill -TERM -- "-$task" 2>/dev/null || true; fi
  if ((code == 130 || code == 143)); then
    printf '\ndemo: interrupted; stopping what it started\n' >&2
  elif ((code != 0 && !finished)) && [[ -n "$server" && -s "$work/tesserad.log" ]]; then
    printf '\nthe last lines of the server:\n' >&2
    tail -n 15 "$work/tesserad.log" >&2
  fi
  if ((keep && code == 0)); then exit 0; fi
  if [[ -n "$server" ]] && kill -TERM "$server" 2>/dev/null; then
    local i
    for ((i = 0; i < 150; ++i)); do
      kill -0 "$server" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  if [[ -n "$work" ]]; then rm -rf "$work"; fi
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step() { printf '\n[%s/7] %s\n' "$1" "$2"; }

# A process group of its own: Ctrl-C reaches this script alone, at once, and it stops the whole group.
run() {
  local code=0
  set -m
  "$@" </dev/null &
  task=$!
  set +m
  wait "$task" || code=$?
  task=''
  return "$code"
}

fail() {
  echo "demo: $*" >&2
  exit 1
}

start_server() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-demo.XXXXXX")
  # The command line remembers interrupted loads; those of the demo go with its directory.
  export XDG_STATE_HOME=$work/state
  set -m
  "$tesserad" --data "$work/data" --listen 127.0.0.1:0 --port-file "$work/address" \
    >"$work/tesserad.log" 2>&1 </dev/null &
  server=$!
  set +m
  local i
  for ((i = 0; i < 300; ++i)); do
    if [[ -s "$work/address" ]]; then break; fi
    kill -0 "$server" 2>/dev/null || fail "tesserad ended while starting"
    sleep 0.1
  done
  [[ -s "$work/address" ]] || fail "tesserad was not ready after 30 seconds"
  address=$(<"$work/address")
}

client() { run "$tessera" --server "$address" "$@"; }

# evaluate NAME ARGUMENT...: work/NAME.json has the figures, work/NAME.ivecs the exact answers.
evaluate() {
  local name=$1
  shift
  client eval demo "$data/t10k-images-idx3-ubyte.gz" --save-ground-truth "$work/$name.ivecs" --json "$@" \
    >"$work/$name.json"
}

main() {
  step 1 'Packages that Tessera is built from'
  if ((${#build_arguments[@]} == 0)); then deploy/install-deps.sh; else echo 'left alone'; fi

  step 2 'Build the server (tesserad) and the command line (tessera)'
  run deploy/build.sh --no-deps tesserad tessera

  step 3 'Start the server on an empty directory'
  start_server
  echo "tesserad serves on $address, process $server"

  step 4 'Load 60,000 images of 784 pixels; each request is on disk before it is acknowledged'
  client collection create demo --dim 784 --metric l2 --quantizer "$quantizer" --no-auto-train
  client load demo "$data/train-images-idx3-ubyte.gz"

  step 5 'Answer 10,000 held-out queries exactly, by comparing with every raw vector'
  evaluate before --latency-queries 200

  step 6 "Train $quantizer, and answer exactly once more from the raw vectors on disk"
  client train demo
  evaluate after --rerank none,refine:100,raw:100 --nprobe "$nprobe"
  cmp -s "$work/before.ivecs" "$work/after.ivecs" ||
    fail 'the exact answers after training are not those before it'
  echo 'comparing with the exact answers of NumPy'
  run env OPENBLAS_NUM_THREADS="$(nproc)" "$python" -B deploy/demo_check.py "$work/after.ivecs"

  step 7 'What came out'
  run "$python" -B deploy/demo_report.py --tessera "$tessera" --server "$address" --nprobe "$nprobe" \
    --queries "$data/t10k-images-idx3-ubyte.gz" --before "$work/before.json" --after "$work/after.json" \
    --truth "$work/after.ivecs" --page "$page" || { finished=1; exit 1; }

  echo "The page with queries and their neighbours: $page"
  if ((keep)); then
    echo "The server goes on: $tessera --server $address query demo --id 17 -k 5"
    echo "Stop it: kill $server; rm -rf $work"
  fi
}

main
