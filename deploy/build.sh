#!/usr/bin/env bash
# Sets a fresh machine up and builds: dependencies, configuration, the wanted targets. The one way that the
# demo, the tests and CI build, so that they share their objects. Quick when all is up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: deploy/build.sh [--preset NAME] [--no-deps] [TARGET...]

Installs missing packages, configures (warnings are errors) and builds TARGETs, or everything, in
build/NAME. ccache is used if it is there.

  --preset NAME  a preset of CMakePresets.json: release (default), debug, asan-ubsan, tsan
  --no-deps      leave the packages of the machine alone
TEXT
}

# One compiler a core, and one for each 1.5 GiB of free memory: the gRPC files need about 1 GiB each.
jobs() {
  local cores free_kib by_memory
  cores=$(nproc)
  free_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  by_memory=$((${free_kib:-0} / (1536 * 1024)))
  echo $((by_memory < 1 ? 1 : by_memory < cores ? by_memory : cores))
}

configure() {
  local preset=$1 log=build/$1.configure.log
  local options=(-D TESSERA_WERROR=ON)
  if command -v ccache >/dev/null; then
    options+=(-D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  mkdir -p build
  if ! cmake --preset "$preset" "${options[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    echo "build: cmake --preset $preset failed; its words stand above and in $log" >&2
    return 1
  fi
}

main() {
  local preset=release deps=1
  while [[ "${1:-}" == -* ]]; do
    case "$1" in
      --preset) preset=${2:?--preset needs a name}; shift 2 ;;
      --no-deps) deps=0; shift ;;
      --help | -h) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
  done
  if ((deps)); then deploy/install-deps.sh; fi
  # Ninja configures again by itself when a CMake file changed.
  if [[ ! -f build/$preset/build.ninja ]]; then
    echo "configuring build/$preset"
    configure "$preset"
  fi
  echo "building ${*:-everything} in build/$preset with $(jobs) jobs"
  ninja -C "build/$preset" -j "$(jobs)" "${@:-all}"
}

main "$@"
