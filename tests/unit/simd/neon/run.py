"""Builds the NEON kernels and their comparison with the cross compiler and runs it in the emulator.

usage: run.py PROJECT BUILD_FOLDER
Leaves with 77, which ctest shows as skipped and deploy/test.sh counts as a failure, where compiler or
emulator is missing; deploy/install-deps.sh installs them.
"""
import pathlib
import shutil
import subprocess
import sys

COMPILER = "aarch64-linux-gnu-g++"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
SOURCES = ("index/simd/scalar.cc", "index/simd/neon.cc", "tests/unit/simd/neon/main.cc")
SKIPPED = 77
# -O3 as the release build; contraction off as in cmake of the kernels: it would change roundings.
FLAGS = ("-std=c++20", "-O3", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-static")


def main():
    project, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    compiler = shutil.which(COMPILER)
    emulator = next(filter(None, map(shutil.which, EMULATORS)), None)
    if not compiler or not emulator:
        print(f"{COMPILER} or {EMULATORS[0]} is not installed: the NEON kernels are not tested")
        return SKIPPED
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "compare_neon"
    sources = [project / source for source in SOURCES]
    subprocess.run([compiler, *FLAGS, f"-I{project}", "-o", program, *sources], check=True)
    return subprocess.run([emulator, program], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
