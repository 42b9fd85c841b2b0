"""True nearest neighbours, exact: a float32 product filters, float64 differences decide.

A row is compared in float64 when its distance by the product, less a bound on the rounding of the
product (2 (dim + 8) 2^-24 (|q|^2 + |x|^2)), does not exceed the k-th best so far. So nothing is lost to
rounding, and a base larger than memory is read in blocks.
"""

import numpy as np


def normalized(rows):
    rows = np.asarray(rows, np.float32)
    norm = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return (rows / np.maximum(norm, 1e-30)[:, None]).astype(np.float32)


class Nearest:
    """The k nearest of all blocks added so far, for each query; ties by the smaller row."""

    def __init__(self, queries, k, cosine):
        self.cosine = cosine
        self.queries = normalized(queries) if cosine else np.asarray(queries, np.float32)
        self.norms = np.einsum("ij,ij->i", self.queries, self.queries)
        self.k = k
        self.rows = np.full((len(queries), k), -1, np.int64)
        self.distances = np.full((len(queries), k), np.inf)
        self.seen = 0

    def add(self, block):
        block = normalized(block) if self.cosine else np.asarray(block, np.float32)
        norms = np.einsum("ij,ij->i", block, block)
        rounding = 2 * (block.shape[1] + 8) * 2.0**-24
        bound = rounding * (self.norms[:, None] + norms.max())
        for begin in range(0, len(self.queries), 256):
            part = slice(begin, min(begin + 256, len(self.queries)))
            approximate = self.queries[part] @ block.T
            approximate *= -2
            approximate += norms
            approximate += self.norms[part, None]
            worst = self.distances[part, -1:].copy()
            if len(block) >= self.k and np.isinf(worst).any():
                kth = np.partition(approximate, self.k - 1, axis=1)[:, self.k - 1:self.k]
                worst = np.minimum(worst, kth + bound[part])
            queries, rows = np.nonzero(approximate <= worst + bound[part])
            self.merge(begin, queries, rows, block)
        self.seen += len(block)

    def merge(self, begin, queries, rows, block):
        if len(queries) == 0:
            return
        distances = np.empty(len(queries))
        for at in range(0, len(queries), 65536):
            pairs = slice(at, at + 65536)
            difference = (block[rows[pairs]].astype(np.float64) - self.queries[begin + queries[pairs]])
            distances[pairs] = np.einsum("ij,ij->i", difference, difference)
        starts = np.flatnonzero(np.r_[True, queries[1:] != queries[:-1]])
        ends = np.r_[starts[1:], len(queries)]
        for start, end in zip(starts, ends):
            query = begin + queries[start]
            all_rows = np.r_[self.rows[query], rows[start:end] + self.seen]
            all_distances = np.r_[self.distances[query], distances[start:end]]
            order = np.lexsort((all_rows, all_distances))[:self.k]
            self.rows[query] = all_rows[order]
            self.distances[query] = all_distances[order]


def nearest(base, queries, k, cosine, block=32768):
    """len(queries) x k rows of `base`, int32, nearest first, -1 where there are no more."""
    found = Nearest(queries, k, cosine)
    for begin in range(0, len(base), block):
        found.add(base[begin:begin + block])
    return np.where(np.isinf(found.distances), -1, found.rows).astype(np.int32)
