"""An object compiled for one instruction set exports its kernel table and nothing else.

A weak symbol (an inline function of some header) compiled with AVX-512 could be the copy that the
linker keeps for the whole program, which would then crash on an older processor.
"""

import re
import subprocess

ISA_OBJECTS = ("scalar", "ssse3", "avx2", "avx512", "avx512vbmi", "neon")


def exported(library):
    """{object name: [(type, symbol)]} of the defined external symbols of a static library."""
    listing = subprocess.run(["nm", "--defined-only", "--extern-only", library], check=True,
                             capture_output=True, text=True).stdout
    objects, current = {}, None
    for line in listing.split("\n"):
        if line.endswith(":"):
            current = objects.setdefault(line[:-1].split(".")[0], [])
        elif line.strip():
            current.append(tuple(line.split()[-2:]))
    return objects


def check(library):
    objects = exported(library)
    found = [name for name in ISA_OBJECTS if name in objects]
    if "scalar" not in found or (len(found) < 2 and "ssse3" in objects):
        yield f"{library}: holds the objects {sorted(objects)}; the kernels are missing"
    for name in found:
        symbols = objects[name]
        if len(symbols) != 1 or not re.search(r"k[A-Za-z0-9]+Kernels", symbols[0][1]):
            yield f"{name}: exports {symbols}, expected its one kernel table"
        elif symbols[0][0] not in "DRB":
            yield f"{name}: its table is of type {symbols[0][0]}, expected data"
