#!/usr/bin/python3
"""Faiss' codes at given bytes a vector: recall with all lists probed, so that nothing but the codes is measured.

    OMP_NUM_THREADS=1 bench/peers/faiss_codes.py --set sets/words --metric cosine --lists 1024 \\
        --spec PQ8x8,OPQ8x8,RQ8x8,PRQ2x4x8 --csv words.csv

Residuals to the nearest of --lists centroids are coded, as IndexIVF* with by_residual does. Probing all lists
of such an index ranks all rows by the distance of the query to what their codes decode to; so the rows are
decoded once and compared by one matrix product, which gives the same order as Faiss' tables in floats, and
better than its 8-bit tables of 4-bit codes. No code has a byte beside it: norms are those of the decoded rows
(Faiss' search type "decompress" of additive codes).

A (data set, spec) that the CSV has is not measured again. Each is given --limit seconds. Specs, B bits:
    PQ<M>x<B>       product quantizer; where M does not divide the dimension, sub-spaces differ by one dimension
    OPQ<M>x<B>      the same after Faiss' OPQMatrix, trained on residuals
    RQ<M>x<B>       residual quantizer, encoded with --beam
    PRQ<S>x<M>x<B>  S sub-spaces with M residual stages each, encoded with --beam
    LSQ<M>x<B>      local search quantizer
"""

import argparse
import csv
import hashlib
import multiprocessing
import os
import pathlib
import re
import sys
import time

import faiss
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "data"))
import exact  # noqa: E402
import vecs  # noqa: E402

ROWS_A_CENTROID = 256  # of training, as Tessera's; more do not help k-means
COLUMNS = ("engine data metric quantizer rows dim queries k nprobe rerank recall_at_10 recall_at_100 first_at_1 "
           "first_at_10 first_at_100 pick_recall_at_10 reconstruction_error bytes_codes bytes_corrections "
           "train_seconds encode_us mode threads asked note").split()


def file_of(folder, kind):
    for ending in ("fvecs", "bvecs"):
        path = pathlib.Path(folder) / f"{kind}.{ending}"
        if path.exists():
            return path
    raise SystemExit(f"{folder} has no {kind}.fvecs or {kind}.bvecs")


class Coded:
    """A data set and its inverted lists, the same for every code."""

    def __init__(self, arguments):
        self.cosine = arguments.metric == "cosine"
        prepare = exact.normalized if self.cosine else lambda rows: np.array(rows, np.float32)
        self.base = prepare(vecs.read(file_of(arguments.set, "base")))
        self.queries = prepare(vecs.read(file_of(arguments.set, "query")))
        self.truth = np.array(vecs.read(pathlib.Path(arguments.set) / "truth.ivecs"))
        half = len(self.queries) // 2  # the first for choosing, the second for reporting
        self.pick = slice(0, min(half, arguments.pick_count))
        self.reported = slice(half, min(len(self.queries), half + (arguments.query_count or len(self.queries))))
        self.order = np.random.default_rng(arguments.seed).permutation(len(self.base))
        self.spread = float(((self.base - self.base.mean(0)) ** 2).sum(1).mean())
        self.centroids = self.cached_centroids(arguments)
        lists = faiss.IndexFlatL2(self.base.shape[1])
        lists.add(self.centroids)
        self.near = self.centroids[lists.search(self.base, 1)[1][:, 0]]
        self.sample = self.residuals(self.order[: ROWS_A_CENTROID * 256])

    def residuals(self, rows=slice(None)):
        return self.base[rows] - self.near[rows]

    def cached_centroids(self, arguments):
        rows = self.order[: ROWS_A_CENTROID * arguments.lists]
        name = hashlib.sha256(f"{os.path.abspath(arguments.set)} {arguments.metric} {arguments.lists} "
                              f"{arguments.seed} {len(self.base)}".encode()).hexdigest()[:16]
        path = pathlib.Path(arguments.cache or pathlib.Path(arguments.csv).parent) / f"centroids-{name}.npy"
        if path.exists():
            return np.load(path)
        kmeans = faiss.Kmeans(self.base.shape[1], arguments.lists, niter=20, seed=arguments.seed,
                              max_points_per_centroid=ROWS_A_CENTROID)
        kmeans.train(self.base[rows])
        np.save(path, kmeans.centroids)
        return kmeans.centroids


class Spread:
    """Sub-spaces of equal length for a dimension they do not divide: a column of zeros in the shorter ones."""

    def __init__(self, dim, parts):
        self.length = -(-dim // parts)
        bounds = [round(s * dim / parts) for s in range(parts + 1)]
        self.columns = np.concatenate([s * self.length + np.arange(bounds[s + 1] - bounds[s]) for s in range(parts)])
        self.dim = self.length * parts

    def __call__(self, rows):
        if self.dim == len(self.columns):
            return rows
        out = np.zeros((len(rows), self.dim), np.float32)
        out[:, self.columns] = rows
        return out

    def back(self, rows):
        return np.ascontiguousarray(rows[:, self.columns])


class Quantizer:
    """One of Faiss' quantizers, before it what the spec asks for."""

    def __init__(self, spec, dim, beam):
        match = re.fullmatch(r"(O?PQ|RQ|PRQ|LSQ)(\d+(?:x\d+)+)", spec)
        if not match:
            raise SystemExit(f"--spec {spec}: expected PQ8x8, OPQ8x8, RQ8x8, PRQ2x4x8 or LSQ8x8")
        self.kind, numbers = match[1], [int(n) for n in match[2].split("x")]
        if len(numbers) != (3 if self.kind == "PRQ" else 2):
            raise SystemExit(f"--spec {spec}: {len(numbers)} numbers are not what {self.kind} takes")
        *parts, bits = numbers
        self.note = ""
        self.rotation, self.beamed = None, []
        self.spread = Spread(dim, 1 if self.kind in ("RQ", "LSQ") else parts[0])
        if self.kind in ("PQ", "OPQ"):
            self.code = faiss.ProductQuantizer(self.spread.dim, parts[0], bits)
            self.code.cp.max_points_per_centroid = 1 << 30  # all rows that it is given
        if self.kind == "OPQ":
            self.rotation = faiss.OPQMatrix(dim, parts[0], self.spread.dim)
            self.rotation.pq = faiss.ProductQuantizer(self.spread.dim, parts[0], bits)
            self.rotation.max_train_points = 1 << 30
        if self.kind == "RQ":
            self.code = faiss.ResidualQuantizer(dim, parts[0], bits)
            self.set_beam([self.code], beam)
        if self.kind == "PRQ":
            self.code = faiss.ProductResidualQuantizer(self.spread.dim, parts[0], parts[1], bits)
            subs = [faiss.downcast_AdditiveQuantizer(self.code.subquantizer(i)) for i in range(parts[0])]
            self.set_beam(subs, beam)
        if self.kind == "LSQ":
            self.code = faiss.LocalSearchQuantizer(dim, parts[0], bits)

    def set_beam(self, quantizers, beam):
        self.note, self.beamed = f"beam {beam}", quantizers
        for quantizer in quantizers:
            quantizer.max_beam_size = beam

    def before(self, rows):
        return self.rotation.apply(rows) if self.rotation else self.spread(rows)

    def train(self, rows):
        if self.rotation:
            self.rotation.train(rows)
        self.code.train(self.before(rows))
        for quantizer in self.beamed:
            quantizer.use_beam_LUT = 1  # the same codes, sooner

    def round_trip(self, rows, block=65536):
        """What the codes of `rows` decode to, and the seconds that encoding took."""
        out, seconds = np.empty_like(rows), 0
        for begin in range(0, len(rows), block):
            part = rows[begin:begin + block]
            start = time.process_time()
            codes = self.code.compute_codes(self.before(part))
            seconds += time.process_time() - start
            decoded = self.code.decode(codes)
            out[begin:begin + block] = (self.rotation.reverse_transform(decoded) if self.rotation
                                        else self.spread.back(decoded))
        return out, seconds


def shared(found, truth, k):
    """Share of the first k of `truth` in the first k of `found`, mean of the rows."""
    keys = np.arange(len(found))[:, None] << 32
    return np.isin(found[:, :k] + keys, truth[:, :k] + keys).mean()


def recalls(found, truth):
    first = truth[:, :1]
    return {"recall_at_10": shared(found, truth, 10), "recall_at_100": shared(found, truth, 100),
            **{f"first_at_{k}": (found[:, :k] == first).any(1).mean() for k in (1, 10, 100)}}


def measure(data, spec, arguments):
    quantizer = Quantizer(spec, data.base.shape[1], arguments.beam)
    start = time.process_time()
    quantizer.train(data.sample)
    train_seconds = time.process_time() - start
    decoded, encode_seconds = quantizer.round_trip(data.residuals())
    decoded += data.near
    error = float(((decoded - data.base) ** 2).sum(1).mean()) / data.spread
    scores = {"L2": faiss.METRIC_L2}
    if data.cosine:
        scores["inner product"] = faiss.METRIC_INNER_PRODUCT

    def ask(metric, part):
        found = [faiss.knn(block, decoded, 100, metric)[1]
                 for block in np.array_split(data.queries[part], -(-len(data.queries[part]) // 1000))]
        return np.vstack(found), data.truth[part]

    picks = {name: shared(*ask(metric, data.pick), 10) for name, metric in scores.items()}
    score = max(picks, key=picks.get)
    found, truth = ask(scores[score], data.reported)
    best = {**recalls(found, truth), "pick_recall_at_10": picks[score]}
    note = ", ".join(filter(None, [quantizer.note, f"ranked by {score}" if data.cosine else ""]))
    numbers = {key: f"{value:.5f}" for key, value in best.items()}
    return {"engine": f"faiss {faiss.__version__}", "data": arguments.name, "metric": arguments.metric,
            "quantizer": f"IVF{arguments.lists},{spec}", "rows": len(data.base), "dim": data.base.shape[1],
            "queries": len(found), "k": 100, "nprobe": arguments.lists, "rerank": "none",
            **numbers, "reconstruction_error": f"{error:.5f}", "bytes_codes": quantizer.code.code_size,
            "bytes_corrections": 0, "train_seconds": f"{train_seconds + encode_seconds:.1f}",
            "encode_us": f"{encode_seconds / len(data.base) * 1e6:.3f}", "mode": "batch", "threads": 1,
            "asked": f"IVF{arguments.lists},{spec}", "note": note}


def measured(path):
    if not path.exists():
        return set()
    with open(path, newline="") as file:
        return {(row["data"], row["quantizer"], row["note"].split(",")[0] if "beam" in row["note"] else "")
                for row in csv.DictReader(file)}


def append(path, row):
    new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, help="folder that bench/data/make.py made")
    parser.add_argument("--name", help="of the data set; none: the folder")
    parser.add_argument("--metric", required=True, choices=["l2", "cosine"])
    parser.add_argument("--lists", type=int, required=True)
    parser.add_argument("--spec", required=True, help="separated by commas")
    parser.add_argument("--beam", type=int, default=5, help="of RQ and PRQ; Faiss' default is 5")
    parser.add_argument("--pick-count", type=int, default=1000, help="queries of the first half, for choosing")
    parser.add_argument("--query-count", type=int, help="queries of the second half, reported; none: all of it")
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--limit", type=int, default=3600, help="seconds a spec")
    parser.add_argument("--cache", help="folder of centroids, none: that of --csv")
    parser.add_argument("--csv", required=True, help="file to append to")
    arguments = parser.parse_args()
    arguments.name = arguments.name or pathlib.Path(arguments.set).resolve().name
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("run it with OMP_NUM_THREADS=1: one thread is what is compared")
    return arguments


def main():
    arguments = parse_arguments()
    path = pathlib.Path(arguments.csv)
    have = measured(path)
    beam = f"beam {arguments.beam}"
    specs = [spec for spec in arguments.spec.split(",")
             if (arguments.name, f"IVF{arguments.lists},{spec}", beam if "RQ" in spec else "") not in have]
    if not specs:
        return
    for spec in specs:
        Quantizer(spec, 8, 1)  # its spelling
    data = Coded(arguments)
    for spec in specs:
        worker = multiprocessing.get_context("fork").Process(
            target=lambda: append(path, measure(data, spec, arguments)))
        start = time.time()
        worker.start()
        worker.join(arguments.limit)
        outcome = "" if worker.exitcode == 0 else f", exit {worker.exitcode}"
        if worker.is_alive():
            worker.kill()
            worker.join()
            outcome = f", given up after {arguments.limit} s"
        print(f"{arguments.name} {spec}: {time.time() - start:.0f} s{outcome}", flush=True)


if __name__ == "__main__":
    main()
