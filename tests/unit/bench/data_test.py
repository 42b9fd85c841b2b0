"""The makers of data sets: file format, exactness of the neighbours, generators that repeat."""

import os
import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bench" / "data"))
import exact  # noqa: E402
import generators  # noqa: E402
import make  # noqa: E402
import vecs  # noqa: E402


def brute_force(base, queries, k, cosine):
    """By definition, in float64, ties by the smaller row."""
    if cosine:
        base, queries = exact.normalized(base), exact.normalized(queries)
    base, queries = base.astype(np.float64), queries.astype(np.float64)
    out = []
    for query in queries:
        distances = ((base - query) ** 2).sum(1)
        out.append(np.lexsort((np.arange(len(base)), distances))[:k])
    return np.array(out)


class ExactTest(unittest.TestCase):

    def test_equals_the_definition_at_any_block_size(self):
        rng = np.random.default_rng(3)
        base = rng.integers(0, 4, (700, 6)).astype(np.float32)  # many ties
        queries = rng.integers(0, 4, (300, 6)).astype(np.float32)
        for cosine in (False, True):
            if cosine:
                base, queries = base + 1, queries + 1
            want = brute_force(base, queries, 10, cosine)
            for block in (5, 64, 700, 1000):
                got = exact.nearest(base, queries, 10, cosine, block)
                np.testing.assert_array_equal(got, want, f"cosine {cosine}, block {block}")

    def test_close_rows_far_from_the_origin_are_told_apart(self):
        # In float32, |q|^2 - 2 q x + |x|^2 has no correct digit here.
        rng = np.random.default_rng(4)
        base = (1e4 + rng.standard_normal((500, 16))).astype(np.float32)
        queries = (1e4 + rng.standard_normal((20, 16))).astype(np.float32)
        np.testing.assert_array_equal(exact.nearest(base, queries, 7, False, 100),
                                      brute_force(base, queries, 7, False))

    def test_fewer_rows_than_k_leave_minus_one(self):
        base = np.eye(3, dtype=np.float32)
        got = exact.nearest(base, base[:1], 5, False)
        self.assertEqual(got.tolist(), [[0, 1, 2, -1, -1]])


class VecsTest(unittest.TestCase):

    def test_read_gives_what_was_written(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, rows in (("a.fvecs", np.arange(12, dtype=np.float32).reshape(4, 3) / 7),
                               ("a.ivecs", np.arange(12, dtype=np.int32).reshape(4, 3) - 5),
                               ("a.bvecs", np.arange(12, dtype=np.uint8).reshape(4, 3))):
                path = os.path.join(folder, name)
                vecs.write(path, rows, block=3)
                self.assertEqual(os.path.getsize(path), 4 * (4 + rows[0].nbytes))
                np.testing.assert_array_equal(vecs.read(path), rows)

    def test_an_unknown_ending_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "a.npy"):
            vecs.item_type("a.npy")


class GeneratorsTest(unittest.TestCase):

    def test_a_small_set_is_the_beginning_of_a_large_one(self):
        for make_one in (generators.Clustered, generators.Spectrum):
            small = next(generators.base_blocks(make_one(7), 50))
            large = next(generators.base_blocks(make_one(7), 500))
            np.testing.assert_array_equal(small, large[:50])
            self.assertFalse((small == next(generators.base_blocks(make_one(8), 50))).all())

    def test_rows_are_as_documented(self):
        clustered = generators.Clustered(1)
        rows = clustered.block(0)
        self.assertEqual(rows.shape, (generators.BLOCK, 96))
        self.assertEqual(rows.dtype, np.uint8)
        self.assertLess(((rows == 0) | (rows == 255)).mean(), 0.01, "few values are cut")
        spectrum = generators.Spectrum(1).block(0)
        np.testing.assert_allclose(np.linalg.norm(spectrum, axis=1), 1, atol=1e-5)
        values = np.linalg.eigvalsh(np.cov(spectrum[:8000].T))[::-1]
        self.assertGreater(values[:384].sum() / values.sum(), 0.88)
        self.assertGreater(values[0] / values[100], 30)

    def test_queries_are_no_rows_of_the_base(self):
        clustered = generators.Clustered(1)
        rows = {row.tobytes() for row in clustered.block(0)}
        self.assertFalse(any(q.tobytes() in rows for q in generators.queries(clustered, 500)))


class MakeTest(unittest.TestCase):

    def test_a_made_set_has_its_files_and_true_neighbours(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "set"
            make.main(["clustered", str(out), "--rows", "3000", "--queries", "20"])
            base, queries = vecs.read(out / "base.bvecs"), vecs.read(out / "query.bvecs")
            self.assertEqual((base.shape, queries.shape), ((3000, 96), (20, 96)))
            np.testing.assert_array_equal(vecs.read(out / "truth.ivecs"),
                                          brute_force(base, queries, 100, False))
            self.assertIn("3000 x 96, l2, 20 queries", (out / "README").read_text(encoding="ascii"))

    def test_wrong_arguments_end_the_program(self):
        for arguments in (["no-such-set", "x"], ["sift", "x", "--rows", "0"]):
            with self.assertRaises(SystemExit), open(os.devnull, "w", encoding="ascii") as sink:
                sys.stderr, stderr = sink, sys.stderr
                try:
                    make.main(arguments)
                finally:
                    sys.stderr = stderr


if __name__ == "__main__":
    unittest.main()
