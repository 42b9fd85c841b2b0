#!/usr/bin/env bash
# Installs what Tessera needs to be built, tested and demonstrated on Debian 12 (bookworm).
# Idempotent: asks dpkg first, and touches neither the network nor the package lists when all is there.
set -euo pipefail

packages=(
  # Tools.
  g++ cmake ninja-build pkg-config ca-certificates
  # The wire: gRPC 1.51, protobuf 3.21, Abseil.
  libgrpc++-dev protobuf-compiler-grpc libprotobuf-dev protobuf-compiler libabsl-dev
  # Storage and algebra. librocksdb-dev brings the compression libraries its CMake files ask for.
  librocksdb-dev libopenblas-pthread-dev
  # Payloads and filters.
  libsimdjson-dev libroaring-dev
  # Server and command line. Boost by its version: libboost-dev is 1.74, and the two conflict.
  libboost1.81-dev libcli11-dev libspdlog-dev prometheus-cpp-dev
  # Readers of vector files.
  libhdf5-dev zlib1g-dev
  # Tests and benchmarks.
  libgtest-dev libgmock-dev libbenchmark-dev
  # The ARM kernels: built across and run in an emulator.
  g++-aarch64-linux-gnu qemu-user
  # The demo: 60,000 real images, and an independent check of every exact answer.
  dataset-fashion-mnist python3 python3-numpy
)

usage() {
  cat <<TEXT
usage: deploy/install-deps.sh [--list] [--help]

Installs the Debian 12 packages that Tessera is built from (as root, or through sudo).
Does nothing when all of them are there.

  --list   print the package names, one a line, and install nothing
TEXT
}

fail() {
  echo "install-deps: $*" >&2
  exit 1
}

is_installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

as_root() {
  if [[ "$(id -u)" == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "must install packages, and is neither root nor finds sudo; as root run: apt-get install" \
      "--no-install-recommends ${missing[*]}"
  fi
}

check_distribution() {
  local id=unknown version=unknown
  if [[ -r /etc/os-release ]]; then
    id=$(. /etc/os-release && echo "${ID:-unknown}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-unknown}")
  fi
  [[ "$id" == debian && "$version" == 12 ]] ||
    fail "knows the packages of Debian 12, and this is $id $version. Elsewhere install the equivalents" \
      "of deploy/install-deps.sh --list and build with cmake --preset release."
}

main() {
  case "${1:-}" in
    --help | -h) usage; exit 0 ;;
    --list) printf '%s\n' "${packages[@]}"; exit 0 ;;
    '') ;;
    *) usage >&2; exit 2 ;;
  esac
  check_distribution

  local package
  missing=()
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    echo "all ${#packages[@]} packages are installed"
    return
  fi
  for package in libboost-dev libboost1.74-dev; do
    if is_installed "$package"; then
      fail "libboost1.81-dev conflicts with the installed $package; remove it first:" \
        "apt-get remove libboost1.74-dev libboost-dev"
    fi
  done

  echo "installing ${#missing[@]} of ${#packages[@]} packages: ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300
    -o Acquire::Retries=3)
  as_root "${apt[@]}" update ||
    echo "install-deps: apt-get update failed; trying with the package lists that are there" >&2
  # --no-remove: a conflict stops here instead of taking something of the user's away.
  as_root "${apt[@]}" install -y --no-install-recommends --no-remove "${missing[@]}" ||
    fail "apt-get could not install: ${missing[*]}; its own words stand above"
}

main "$@"
