"""demo_check.py ANSWERS.ivecs [ANSWERS.ivecs...]: are these the true nearest neighbours?

An independent ground truth for all 10,000 queries against all 60,000 images, in NumPy and nothing of
Tessera. Squared distances of 8-bit pixels are integers, so the truth is exact: float32 products find the
candidates with a margin above their rounding error, 64-bit integers decide. Where several images are at
the same distance as the k-th, any of them is right. Ends 1 and names the first wrong query otherwise.
"""

import sys
import time

import numpy as np

import demo_data

BLOCK = 250  # queries at a time: 60 MB of products
# A float32 dot product of d terms is off by at most about d * 2^-24 * |q||x|; twice that, since -2<q,x>.
ROUNDING = 784 * 2.0**-24 * 2 * (784 * 255.0**2) * 1.01


def true_distances(base, queries, k):
    """int64 [n, k]: the k smallest squared distances of each query, ascending."""
    base_f32 = base.astype(np.float32)
    norms = np.einsum("ij,ij->i", base_f32.astype(np.float64), base_f32).astype(np.float32)
    out = np.empty((len(queries), k), np.int64)
    for begin in range(0, len(queries), BLOCK):
        block = queries[begin:begin + BLOCK]
        scores = block.astype(np.float32) @ base_f32.T
        scores *= -2
        scores += norms  # the squared distance less the query's own norm
        kth = np.partition(scores, k - 1, axis=1)[:, k - 1]
        rows, columns = np.nonzero(scores <= (kth + 2 * ROUNDING)[:, None])
        exact = distances(block, base, rows, columns)
        order = np.lexsort((exact, rows))
        starts = np.searchsorted(rows[order], np.arange(len(block)))
        out[begin:begin + len(block)] = exact[order][starts[:, None] + np.arange(k)]
    return out


def distances(queries, base, rows, columns):
    """int64: squared distances of the pairs (rows[i], columns[i])."""
    out = np.empty(len(rows), np.int64)
    for begin in range(0, len(rows), 16384):
        part = slice(begin, begin + 16384)
        difference = queries[rows[part]].astype(np.int32) - base[columns[part]]
        out[part] = np.einsum("ij,ij->i", difference, difference, dtype=np.int64)
    return out


def first_wrong(ids, truth, queries, base):
    """None, or a sentence about the first query whose ids are not its nearest."""
    n, k = ids.shape
    if (ids < 0).any() or (ids >= len(base)).any():
        return f"query {int(np.argwhere((ids < 0) | (ids >= len(base)))[0][0])}: an id that does not exist"
    in_order = np.sort(ids, axis=1)
    repeated = (in_order[:, 1:] == in_order[:, :-1]).any(axis=1)
    if repeated.any():
        return f"query {int(np.argmax(repeated))}: an id twice"
    found = distances(queries, base, np.repeat(np.arange(n), k), ids.ravel()).reshape(n, k)
    wrong = (np.sort(found, axis=1) != truth).any(axis=1)
    if wrong.any():
        query = int(np.argmax(wrong))
        return (f"{int(wrong.sum())} of {n} queries; query {query}: distances "
                f"{np.sort(found[query]).tolist()}, the nearest are at {truth[query].tolist()}")
    return None


def main():
    started = time.monotonic()
    base, queries = demo_data.images("train"), demo_data.images("t10k")
    answers = {path: demo_data.read_ivecs(path) for path in sys.argv[1:]}
    k = max(a.shape[1] for a in answers.values())
    truth = true_distances(base, queries, k + 1)  # one more tells the ties at the k-th
    for path, ids in answers.items():
        if len(ids) != len(queries):
            sys.exit(f"{path} answers {len(ids)} queries of {len(queries)}")
        complaint = first_wrong(ids, truth[:, :ids.shape[1]], queries, base)
        if complaint:
            sys.exit(f"{path} is not the exact answer: {complaint}")
    tied = int((truth[:, k - 1] == truth[:, k]).sum())
    print(f"      NumPy agrees on all {len(queries):,} queries, k = {k}, {tied} tied at the k-th "
          f"({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    main()
