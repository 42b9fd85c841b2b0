#!/usr/bin/python3
"""Recall against memory: every quantizer on every data set, then CSV, SVG and one HTML report.

    bench/recall_memory/recall_memory.py --sets sets --out work/recall_memory [--rivals] [words fashion sift]

SETS holds the folders that bench/data/make.py made. --out gets results.csv, rivals.csv (--rivals), a chart or two
a data set (SVG) and report.html. What the CSV files have is not measured again: a run that was cut short goes on,
and --report-only makes the report anew. --quick: few specs on some rows. Speeds (--speed) mean something on a
quiet machine only; recall does not depend on it.
"""

import argparse
import os
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "data")]
import exact  # noqa: E402
import report  # noqa: E402
import specs  # noqa: E402
import vecs  # noqa: E402

# metric, lists
SETS = {"words": ("cosine", 1024), "fashion": ("l2", 256), "sift": ("l2", 1024)}
QUICK_ROWS, QUICK_QUERIES, QUICK_LISTS = 20000, 400, 64


def file_of(folder, kind):
    for ending in ("fvecs", "bvecs"):
        if (folder / f"{kind}.{ending}").exists():
            return folder / f"{kind}.{ending}"
    raise SystemExit(f"{folder} has no {kind}.fvecs or {kind}.bvecs: bench/data/make.py makes it")


def reduced(folder, out, metric, rows, queries):
    """A part of a data set with its own truth: rows drawn at random, the first queries."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "truth.ivecs").exists():
        base, ending = vecs.read(file_of(folder, "base")), file_of(folder, "base").suffix
        chosen = np.sort(np.random.default_rng(7).permutation(len(base))[:rows])
        base, asked = np.array(base[chosen]), np.array(vecs.read(file_of(folder, "query"))[:queries])
        vecs.write(out / f"base{ending}", base)
        vecs.write(out / f"query{ending}", asked)
        vecs.write(out / "truth.ivecs", exact.nearest(base, asked, 100, metric == "cosine"))
    return out


def commit():
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return told.stdout.strip() or "unknown"


def asked_queries(arguments):
    return ["--query-count", arguments.query_count] if arguments.query_count else []


def measure(arguments, name, folder, metric, lists, chosen):
    command = [str(arguments.build / "bench/recall_memory/bench_recall_memory"), "--base", file_of(folder, "base"),
               "--queries", file_of(folder, "query"), "--truth", folder / "truth.ivecs", "--name", name,
               "--metric", metric, "--csv", arguments.out / "results.csv", "--commit", commit(),
               "--speed" if arguments.speed else "--recall-only", "--raw-queries", arguments.raw_queries]
    command += asked_queries(arguments)
    for spec in chosen:
        command += ["--spec", spec]
    subprocess.run([str(part) for part in command], check=True)


def measure_rivals(arguments, name, folder, metric, lists, dim):
    wanted = [spec for size in specs.SIZES for spec in specs.rivals(size, dim)]
    command = [sys.executable, HERE.parent / "peers/faiss_codes.py", "--set", folder, "--name", name, "--metric",
               metric, "--lists", lists, "--spec", ",".join(wanted), "--limit", arguments.limit, "--csv",
               arguments.out / "rivals.csv", *asked_queries(arguments)]
    subprocess.run([str(part) for part in command], check=True,
                   env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", default=list(SETS), help=f"of {', '.join(SETS)}; all without one")
    parser.add_argument("--sets", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--quick", action="store_true", help="few specs, some rows")
    parser.add_argument("--spec", action="append", help="these specs instead; {lists} stands for IVF<n>")
    parser.add_argument("--rivals", action="store_true", help="also Faiss at equal bytes (python3-faiss)")
    parser.add_argument("--limit", type=int, default=3600, help="seconds a rival")
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--speed", action="store_true", help="also queries a second: for a quiet machine")
    speed.add_argument("--recall-only", action="store_true", help="the default")
    parser.add_argument("--query-count", type=int, help="queries of the second half that are reported; none: all of it")
    parser.add_argument("--raw-queries", type=int, default=500, help="reported queries reranked by raw vectors")
    parser.add_argument("--report-only", action="store_true")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.data if name not in SETS]
    if unknown:
        parser.error(f"no data set {unknown[0]}, expected some of {', '.join(SETS)}")
    return arguments


def main():
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in [] if arguments.report_only else arguments.data:
        folder, (metric, lists) = arguments.sets / name, SETS[name]
        if arguments.quick:
            lists, label = QUICK_LISTS, f"{name}-quick"
            folder = reduced(folder, arguments.out / label, metric, QUICK_ROWS, QUICK_QUERIES)
        else:
            label = name
        dim = vecs.read(file_of(folder, "base")).shape[1]
        choose = specs.quick if arguments.quick else specs.ladder
        chosen = choose(f"IVF{lists}", dim, metric)
        if arguments.spec:
            chosen = [spec.replace("{lists}", f"IVF{lists}") for spec in arguments.spec]
        measure(arguments, label, folder, metric, lists, chosen)
        if arguments.rivals:
            measure_rivals(arguments, label, folder, metric, lists, dim)
    report.write(arguments.out, arguments.build / "bench/plot/bench_plot")
    print(arguments.out / "report.html")


if __name__ == "__main__":
    main()
