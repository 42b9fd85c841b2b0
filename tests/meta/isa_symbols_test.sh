#!/bin/sh
# isa_symbols_test.sh LIBRARY: each object of an instruction set in libtessera_simd.a exports its one
# table and no weak symbol. A weak symbol compiled with wide instructions (an inline function of the
# standard library, a template instance) could be the copy that the linker keeps for all processors.
# Meant for builds without sanitizers, which add symbols of their own.
set -eu
library=$1
failed=0
checked=0
for isa in scalar:kScalarKernels ssse3:kSsse3Kernels avx2:kAvx2Kernels avx512:kAvx512Kernels \
  avx512vbmi:kAvx512VbmiKernels; do
  object=${isa%%:*}.cc.o
  table=${isa##*:}
  ar t "$library" | grep -qx "$object" || continue
  checked=$((checked + 1))
  # nm lines of one member: "address type name"; undefined symbols have no address.
  defined=$(nm -A -C --defined-only --extern-only "$library" | grep ":$object:" |
    sed "s/.*:$object://" | cut -d' ' -f2-)
  case "$defined" in
    "R tessera::simd::$table" | "D tessera::simd::$table") ;;
    *)
      echo "$object: expected tessera::simd::$table alone, found:"
      echo "$defined"
      failed=1
      ;;
  esac
done
if [ "$checked" -eq 0 ]; then
  echo "$library has no object of an instruction set"
  exit 1
fi
echo "$checked objects checked"
exit $failed
