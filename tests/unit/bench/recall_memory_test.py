"""recall_memory_test.py BUILD: the quick mode on a few small images, and what its report tells of its CSV."""

import csv
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "bench" / "data"), str(ROOT / "bench" / "recall_memory")]
import exact  # noqa: E402
import make  # noqa: E402
import report  # noqa: E402
import specs  # noqa: E402
import vecs  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop()) if len(sys.argv) > 1 else ROOT / "build" / "release"


class Tables(html.parser.HTMLParser):
    """Rows of the tables by their id: list of cell texts, with the attributes of the row."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.table, self.cell = {}, None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.table = dict(attributes).get("id")
            self.rows.setdefault(self.table, [])
        if tag == "tr" and self.table:
            self.rows[self.table].append((dict(attributes), []))
        if tag in ("td", "th") and self.table:
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell is not None:
            self.rows[self.table][-1][1].append(self.cell)
            self.cell = None
        if tag == "table":
            self.table = None


def small_images(name, rows):
    """The images at 7 x 7 pixels."""
    images = make.images(name)[:rows].reshape(rows, 7, 4, 7, 4)
    return images.mean(axis=(2, 4)).round().astype(np.uint8).reshape(rows, 49)


class RecallMemoryTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls.folder.name)
        images = root / "sets" / "fashion"
        images.mkdir(parents=True)
        vecs.write(images / "base.bvecs", small_images("train-images-idx3-ubyte.gz", 3000))
        vecs.write(images / "query.bvecs", small_images("t10k-images-idx3-ubyte.gz", 120))
        cls.out = root / "out"
        cls.run_quick()
        cls.rows = report.read(cls.out / "results.csv")[1]
        cls.page = (cls.out / "report.html").read_text(encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_quick(cls):
        done = subprocess.run(
            [sys.executable, "-B", ROOT / "bench/recall_memory/recall_memory.py", "--quick", "--speed", "--sets",
             cls.out.parent / "sets", "--out", cls.out, "--build", BUILD, "--raw-queries", "20", "--spec",
             "{lists},PQ7x8,Refine(SQ8)", "--spec", "{lists},PQ14x4", "--spec", "{lists},Nonsense", "fashion"],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    def test_each_spec_has_its_tiers_and_the_unknown_one_its_reason(self):
        tiers = {}
        for row in report.all_lists(self.rows):
            tiers.setdefault(row["asked"], []).append(row["rerank"])
        self.assertEqual(tiers["IVF64,PQ7x8,Refine(SQ8)"], ["none", "refine", "raw"])
        self.assertEqual(tiers["IVF64,PQ14x4"], ["none", "raw"])
        failed = [row for row in self.rows if not row["recall_at_10"]]
        self.assertEqual([row["asked"] for row in failed], ["IVF64,Nonsense"])
        self.assertIn("Nonsense", failed[0]["note"])
        self.assertIn("Nonsense", self.page)

    def test_bytes_recall_and_error_are_plausible(self):
        for row in report.all_lists(self.rows):
            if not row["recall_at_10"]:
                continue
            self.assertEqual(report.code_bytes({**row, "rerank": "none"}), 8)  # 7 and a correction
            self.assertTrue(0 < float(row["reconstruction_error"]) < 0.5, row)
            if row["rerank"] == "raw":
                # All lists, 200 of 3,000 rows reranked exactly.
                self.assertGreater(float(row["recall_at_10"]), 0.97, row)

    def test_recall_of_the_codes_is_that_of_what_they_decode_to(self):
        # An independent witness: raw rerank of depth 200 can lose only what codes rank below 200.
        row = next(r for r in report.all_lists(self.rows) if r["rerank"] == "none" and r["asked"].endswith("x4"))
        self.assertTrue(0.2 < float(row["recall_at_10"]) < float(row["first_at_100"]) <= 1, row)

    def test_the_report_shows_the_numbers_of_the_csv(self):
        shown = Tables(self.page).rows["all-fashion-quick"]
        names = shown[0][1]
        want = [row for row in report.all_lists(self.rows) if row["recall_at_10"]]
        self.assertEqual(len(shown) - 1, len(want))
        for attributes, cells in shown[1:]:
            told = dict(zip(names, cells))
            row = next(r for r in want if r["asked"] == told["quantizer"] and r["rerank"] == attributes["data-tier"])
            for name, column in (("recall@1", "first_at_1"), ("recall@10", "recall_at_10"),
                                 ("recall@100", "recall_at_100"), ("error", "reconstruction_error")):
                self.assertAlmostEqual(float(told[name]), float(row[column]), delta=6e-5, msg=name)
            size = float(row["bytes_codes"]) + float(row["bytes_corrections"])
            size += float(row["bytes_refine"]) if row["rerank"] == "refine" else 0
            self.assertEqual(told["bytes"], f"{size:.1f}")
            self.assertEqual(told["bits / dim"], f"{8 * size / 49:.2f}")
            self.assertEqual(told["compression"], f"{4 * 49 / size:.1f}x")
            self.assertGreater(float(told["QPS"].replace(",", "")), 0)

    def test_the_page_needs_no_other_file_and_explains_every_column(self):
        self.assertEqual(re.findall(r"""(?:src|href)=["'](?!#)[^"']*""", self.page), [])
        self.assertNotIn("@import", self.page)
        for column in report.COLUMNS:
            self.assertIn(f"<dt>{column.name}</dt>", self.page)

    def test_charts_are_drawn_and_stand_in_the_page(self):
        for name in ("bytes", "speed"):
            text = (self.out / f"fashion-quick-recall-{name}.svg").read_text(encoding="utf-8")
            xml.etree.ElementTree.fromstring(text)
            self.assertIn(text, self.page)

    def test_what_is_measured_is_not_measured_again(self):
        before = (self.out / "results.csv").read_bytes()
        self.run_quick()
        self.assertEqual((self.out / "results.csv").read_bytes(), before)

    @unittest.skipUnless(shutil.which("chromium"), "no browser")
    def test_a_browser_runs_its_script(self):
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                 "--disable-background-networking", f"--user-data-dir={profile}", "--dump-dom",
                 (self.out / "report.html").as_uri()], capture_output=True, text=True, check=False, timeout=60)
        rows = Tables(done.stdout).rows["all-fashion-quick"][1:]
        self.assertEqual({attributes["data-tier"] for attributes, _ in rows if "hidden" not in attributes}, {"none"})
        self.assertEqual({attributes["data-tier"] for attributes, _ in rows if "hidden" in attributes},
                         {"refine", "raw"})


class EqualBytesTest(unittest.TestCase):

    def test_the_pick_chooses_and_other_queries_report(self):
        def row(engine, spec, size, correction, pick, recall):
            return {"engine": engine, "asked": spec, "quantizer": spec, "rerank": "none", "bytes_codes": str(size),
                    "bytes_corrections": str(correction), "pick_recall_at_10": str(pick),
                    "recall_at_10": str(recall), "dim": "100"}

        rows = [row("tessera", "IVF8,PRQ1x7x8", 7, 1, .50, .48), row("tessera", "IVF8,PRQ7x1x8", 7, 1, .49, .55),
                row("faiss", "IVF8,PQ8x8", 8, 0, .40, .41), row("tessera", "IVF8,PQ8x8", 8, 1, .9, .9),
                row("tessera", "IVF8,PQ3x8", 3, 1, .9, .9)]
        chosen = dict(report.at_equal_bytes(rows)[8])
        self.assertEqual(chosen["Tessera PRQ"]["asked"], "IVF8,PRQ1x7x8")
        self.assertEqual(set(chosen), {"Tessera PRQ", "Faiss PQ 8 bit"})  # 9 and 4 bytes are other sizes
        self.assertIn("-7.0", report.tables_at_equal_bytes(rows))


class SpecsTest(unittest.TestCase):

    def test_families_have_names(self):
        for spec, name in (("IVF8,PQ8x8", "PQ 8 bit"), ("OPQ,IVF8,PQ8x4,Refine(SQ8)", "OPQ, PQ 4 bit"),
                           ("IVF,PQ8x4+4", "PQ 4+4 bit"), ("IVF8,OPQ8x8", "OPQ 8 bit"), ("IVF8,RaBitQ4", "RaBitQ4"),
                           ("IVF8,PRQ2x4x8", "PRQ"), ("PCA64,IVF8,SQ8S", "PCA64, SQ8S"), ("IVF8,PQ8x8,Aniso",
                                                                                       "PQ 8 bit, Aniso")):
            self.assertEqual(specs.family(spec), name)

    def test_sizes_hold_codes_and_correction(self):
        for size in specs.SIZES:
            for spec in specs.at_size("IVF8", size, 1024):
                code = spec.split(",")[-1]
                numbers = [int(n) for n in re.findall(r"\d+", code)]
                if code.startswith("MPQ"):
                    numbers.append(8)
                self.assertLessEqual(np.prod(numbers) / 8 + 1, size, spec)
            for spec in specs.rivals(size, 1024):
                self.assertEqual(np.prod([int(n) for n in re.findall(r"\d+", spec)]), 8 * size, spec)


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    unittest.main()
