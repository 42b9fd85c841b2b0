#!/usr/bin/env python3
"""Compares the speed of two builds in interleaved pairs, and confirms before it fails. See README.md."""

import argparse
import json
import os
import re
import subprocess
import sys

from pairs import Comparison, compare, is_noise

MICRO = os.path.join("bench", "bench_micro")
ANN = os.path.join("bench", "ann", "bench_ann")
UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


class RunError(Exception):
    """A benchmark that could not be run or read."""


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RunError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise RunError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def micro_times(text):
    """Name -> CPU nanoseconds an iteration, of Google Benchmark's JSON."""
    try:
        rows = json.loads(text)["benchmarks"]
        return {row["name"]: row["cpu_time"] * UNITS[row["time_unit"]] for row in rows
                if row.get("run_type", "iteration") == "iteration" and not row.get("error_occurred")}
    except (ValueError, KeyError) as error:
        raise RunError(f"no result of Google Benchmark: {error!r}") from error


def ann_times(text):
    """Name -> CPU nanoseconds a query, of bench_ann's CSV."""
    lines = [line.split(",") for line in re.sub(r'"[^"]*"', lambda m: m[0].replace(",", ";"), text)
             .splitlines() if line and not line.startswith("#")]
    if not lines or "qps_cpu" not in lines[0]:
        raise RunError("no CSV of bench_ann: column qps_cpu is missing")
    times = {}
    for fields in lines[1:]:
        row = dict(zip(lines[0], fields))
        name = "/".join(f"{key}:{row.get(key, '')}" for key in
                        ("mode", "threads", "nprobe", "rerank", "depth"))
        times[name] = 1e9 / float(row["qps_cpu"])
    return times


def micro_runner(build, pattern, min_time):
    """A function that measures the benchmarks whose name matches `pattern`, or one of `names`."""
    program = os.path.join(build, MICRO)

    def measure(names=None):
        wanted = pattern
        if names is not None:
            wanted = "^(" + "|".join(re.escape(name).replace("\\-", "-") for name in names) + ")$"
        return micro_times(run([program, f"--benchmark_filter={wanted}",
                                f"--benchmark_min_time={min_time}", "--benchmark_format=json"]))
    return measure


def ann_runner(build, arguments):
    """The same for bench_ann, which always measures all that its arguments say."""
    program = os.path.join(build, ANN)

    def measure(names=None):
        path = os.path.join(build, f"compare-{os.getpid()}.csv")
        try:
            run([program, *arguments, "--csv", path])
            with open(path, encoding="ascii") as file:
                times = ann_times(file.read())
        finally:
            if os.path.exists(path):
                os.remove(path)
        return times if names is None else {name: times[name] for name in names if name in times}
    return measure


def verdict(found: Comparison, threshold, confirmed):
    if found.ratio > threshold and found.name in confirmed:
        return "SLOWER, confirmed"
    if found.ratio > threshold:
        return "slower, not confirmed"
    if is_noise(found):
        return "noise"
    return "slower" if found.ratio > 1 else "faster"


def table(comparisons, threshold, confirmed):
    rows = [("benchmark", "base ns", "new ns", "new/base", "spread", "")]
    for found in comparisons:
        rows.append((found.name, f"{found.base:.1f}", f"{found.new:.1f}", f"{found.ratio:.3f}",
                     f"{found.low:.3f}-{found.high:.3f}", verdict(found, threshold, confirmed)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i in (0, 5) else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
                     for row in rows)


def options(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="build directory of the base, such as build/release")
    parser.add_argument("new", help="build directory of the change")
    parser.add_argument("--filter", default=".", help="regular expression of names (bench_micro)")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each build a round")
    parser.add_argument("--threshold", type=float, default=1.10, help="new/base that fails")
    parser.add_argument("--min-time", default="0.1", help="seconds a benchmark a run (bench_micro)")
    parser.add_argument("--ann", nargs=argparse.REMAINDER, metavar="ARGUMENT",
                        help="compare bench_ann with these arguments instead; comes last")
    parsed = parser.parse_args(argv)
    if parsed.pairs < 2:
        parser.error("--pairs must be at least 2")
    if parsed.threshold <= 1:
        parser.error("--threshold must be above 1")
    return parsed


def main(argv):
    parsed = options(argv)
    if parsed.ann is not None:
        runners = [ann_runner(build, parsed.ann) for build in (parsed.base, parsed.new)]
    else:
        runners = [micro_runner(build, parsed.filter, parsed.min_time)
                   for build in (parsed.base, parsed.new)]
    try:
        found, confirmed = compare(*runners, parsed.pairs, parsed.threshold)
    except RunError as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    if not found:
        print("compare.py: the builds have no benchmark of that name in common", file=sys.stderr)
        return 2
    print(table(found, parsed.threshold, confirmed))
    print(f"{len(found)} compared in {parsed.pairs} pairs, "
          f"{len(confirmed)} slower than {parsed.threshold:.2f}x in both rounds")
    return 1 if confirmed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
