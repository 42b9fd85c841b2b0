"""Made data: documented, the same for the same seed and block size, and in blocks of any number.

Row i depends on the seed and i alone, so the first n rows of a larger set are the set of n rows.
"""

import numpy as np

BLOCK = 65536
QUERY_STREAM = 1 << 40  # block numbers from here on make queries: never rows of a base


def orthonormal(rng, dim):
    return np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)


class Clustered:
    """Clusters in 96 dimensions with a decaying spectrum inside, as bytes.

    4,096 centres, c = 1.0 * sum_j (1 + j)^-0.3 z_j v_j; a row belongs to cluster r with probability
    proportional to (1 + r)^-0.5 and is c + 1.6 * sum_j (1 + j)^-0.6 z_j u_j, u one of 16 random
    bases (the cluster's number mod 16), z normal; then round(128 + 24 x), cut to 0..255.
    """

    dim = 96
    clusters = 4096
    bases = 16

    def __init__(self, seed):
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        spectrum = (1 + np.arange(self.dim)) ** -0.3
        centres = rng.standard_normal((self.clusters, self.dim)) * spectrum
        self.centres = (centres @ orthonormal(rng, self.dim)).astype(np.float32)
        inside = (1.6 * (1 + np.arange(self.dim)) ** -0.6).astype(np.float32)
        self.inside = [inside[:, None] * orthonormal(rng, self.dim) for _ in range(self.bases)]
        share = (1 + np.arange(self.clusters)) ** -0.5
        self.shares = np.cumsum(share / share.sum())

    def block(self, number):
        rng = np.random.default_rng([self.seed, 1, number])
        cluster = np.minimum(np.searchsorted(self.shares, rng.random(BLOCK)), self.clusters - 1)
        normal = rng.standard_normal((BLOCK, self.dim), np.float32)
        rows = self.centres[cluster]
        for base, inside in enumerate(self.inside):
            mine = np.flatnonzero(cluster % self.bases == base)
            rows[mine] += normal[mine] @ inside
        return np.clip(np.rint(128 + 24 * rows), 0, 255).astype(np.uint8)


class Spectrum:
    """Unit vectors of 768 dimensions with a decaying spectrum, as sentence embeddings have one.

    x = sum_j (1 + j)^-0.5 z_j u_j, u one random basis, z normal, divided by its length: nine
    tenths of the variance lie in half of the basis, and no dimension of x stands out.
    """

    dim = 768

    def __init__(self, seed):
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        spectrum = ((1 + np.arange(self.dim)) ** -0.5).astype(np.float32)
        self.basis = spectrum[:, None] * orthonormal(rng, self.dim)

    def block(self, number):
        rng = np.random.default_rng([self.seed, 1, number])
        rows = rng.standard_normal((BLOCK, self.dim), np.float32) @ self.basis
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def base_blocks(generator, rows):
    """Blocks that make the base of `rows` rows."""
    for begin in range(0, rows, BLOCK):
        yield generator.block(begin // BLOCK)[:rows - begin]


def queries(generator, rows):
    blocks = [generator.block(QUERY_STREAM + i) for i in range((rows + BLOCK - 1) // BLOCK)]
    return np.concatenate(blocks)[:rows]
