"""Who may include whom: layers point one way, and heavy libraries stay in the few files that need them.

base <- simd <- quant <- lists, base <- store, base <- filter, all <- engine <- server. The first rule whose pattern
matches a file decides; a file of index/, server/ or client/ that no rule knows is an error too.
"""

import re

LAYER0 = r"index/(types|scalar_type|elements|status|busy|executor|deadline)\.h"
PUBLIC = r"index/[a-z_0-9]+\.h"
QUANTIZERS = (r"index/(quantizer|quantizer_spec|training|vector_quantizer|product_quantizer|"
              r"scalar_(quantizer|calibration))\.h")
ABSL_STATUS = r"absl/status/(status|statusor)\.h"
ABSL = r"absl/.*"
GRPC = r"(grpc|grpcpp|google/protobuf|tessera/v1)/.*"
BOOST = r"boost/.*"

# (files, what they may include from the project and from libraries; the standard library is free)
RULES = [
    (r"index/(types|scalar_type|elements|status|busy|executor|deadline|thread_pool)\.(h|cc)",
     [LAYER0, r"index/thread_pool\.h", ABSL_STATUS]),
    (r"index/[a-z_0-9]+\.h", [PUBLIC]),
    (r"index/base/.*", [r"index/base/.*", LAYER0, r"crc32c/crc32c\.h"]),
    (r"index/simd/(scalar|ssse3|avx2|avx512|avx512vbmi|neon)\.cc|index/simd/.*\.inl|index/simd/kernel_table\.h",
     [r"index/simd/kernel_table\.h", r"index/simd/.*\.inl", r"(imm|arm_neon)[a-z]*\.h"]),
    (r"index/simd/.*", [r"index/simd/.*", r"index/base/.*", LAYER0]),
    (r"index/quant/blas\.cc", [r"index/(quant|simd|base)/.*", LAYER0, r"cblas\.h"]),
    (r"index/quant/.*", [r"index/(quant|simd|base)/.*", LAYER0, QUANTIZERS]),
    (r"index/lists/.*", [r"index/(lists|simd|base)/.*", r"index/quant/(model|query|encoder)\.h", LAYER0]),
    (r"index/store/.*", [r"index/(store|base)/.*", LAYER0, r"rocksdb/.*"]),
    (r"index/filter/.*", [r"index/(filter|base)/.*", r"index/(payload|filter)\.h", LAYER0, r"simdjson\.h",
                          r"roaring/roaring\.hh"]),
    (r"index/engine/.*", [r"index/store/(store|backup)\.h", r"index/(engine|filter|quant|lists|simd|base)/.*", PUBLIC]),
    (r"server/.*", [r"server/.*", PUBLIC, r"index/base/.*", r"index/simd/kernels\.h", GRPC, BOOST, ABSL,
                    r"CLI/.*", r"spdlog/.*", r"cblas\.h", r"prometheus/.*"]),
    (r"client/formats/.*", [r"client/formats/.*", LAYER0, r"hdf5\.h", r"simdjson\.h", r"zlib\.h"]),
    (r"client/cli/.*", [r"client/(client|client_types|upsert_stream)\.h", r"client/(cli|formats)/.*", PUBLIC, r"CLI/.*"]),
    (r"client/[a-z_0-9]+\.(h|cc)", [r"client/[a-z_0-9]+\.h", r"index/(payload|filter)\.h", LAYER0, GRPC, ABSL]),
]
# Libraries beyond the table: (include, the only files that may name it).
CONFINED = [
    (r"(grpc|grpcpp|google/protobuf|tessera/v1)/.*", r"server/.*|client/[a-z_0-9]+\.cc|client/(connection|convert|convert_filter)\.h"),
    (r"rocksdb/.*", r"index/store/.*"),
    (r"simdjson\.h", r"index/filter/json\.cc|client/formats/.*\.cc"),
    (r"roaring/.*", r"index/filter/.*"),
    (r"boost/.*", r"server/.*"),
    (r"prometheus/.*", r"server/metrics\.cc"),
]
# Headers that C and POSIX give; C++ ones have no dot.
SYSTEM = re.compile(
    r"[a-z_0-9]+|(sys|linux|netinet|arpa)/[a-z_0-9]+\.h|"
    r"(assert|errno|fcntl|float|limits|malloc|math|poll|pthread|pwd|signal|stddef|stdint|stdio|stdlib|"
    r"string|termios|time|unistd|spawn|dirent|netdb|cpuid)\.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def allowed_for(path):
    for files, allowed in RULES:
        if re.fullmatch(files, path):
            return allowed
    return None


def check(tree):
    """Complaints, one a string."""
    for path in tree.paths((".cc", ".h", ".inl")):
        if not path.startswith(("index/", "server/", "client/")):
            continue
        allowed = allowed_for(path)
        if allowed is None:
            yield f"{path}: no layer of tests/meta/layering.py knows this file"
            continue
        for name in INCLUDE.findall(tree.texts[path]):
            if not SYSTEM.fullmatch(name) and not any(re.fullmatch(a, name) for a in allowed):
                yield f"{path}: may not include {name} (layers point one way)"
            for library, files in CONFINED:
                if re.fullmatch(library, name) and not re.fullmatch(files, path):
                    yield f"{path}: {name} is confined to {files}"
            if name.startswith(("index/", "server/", "client/")) and not tree.exists(name):
                yield f"{path}: includes {name}, which does not exist"
