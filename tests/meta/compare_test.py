"""bench/compare flags what is slower in both rounds, and nothing else."""

import os
import stat
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench", "compare")
sys.path.insert(0, FOLDER)
import compare as program  # noqa: E402
import pairs  # noqa: E402


def runs(name, *values):
    """A build whose benchmark `name` takes these times one after the other, the last for ever."""
    left = list(values)
    return lambda names=None: {name: left.pop(0) if len(left) > 1 else left[0]}


class PairsTest(unittest.TestCase):

    def test_builds_take_turns_in_changing_order(self):
        self.assertEqual(pairs.order(3), [0, 1, 1, 0, 0, 1])

    def test_ratio_of_medians_with_the_spread_of_pairs(self):
        found, = pairs.summarize([{"a": 10}, {"a": 20}, {"a": 30}], [{"a": 11}, {"a": 26}, {"a": 27}])
        self.assertEqual((found.base, found.new, found.ratio), (20, 26, 1.3))
        self.assertEqual((found.low, found.high), (0.9, 1.3))

    def test_what_one_build_lacks_is_not_compared(self):
        found = pairs.summarize([{"a": 1, "b": 1}, {"a": 1, "b": 1}], [{"a": 1, "c": 1}, {"a": 1}])
        self.assertEqual([c.name for c in found], ["a"])

    def test_below_two_percent_is_noise(self):
        noise = pairs.Comparison("a", 100, 101.9, 1.019, 1, 1)
        change = pairs.Comparison("a", 100, 97.9, 0.979, 1, 1)
        self.assertTrue(pairs.is_noise(noise))
        self.assertFalse(pairs.is_noise(change))

    def test_slower_in_both_rounds_is_confirmed(self):
        found, confirmed = pairs.compare(runs("a", 100), runs("a", 120), 3, 1.1)
        self.assertEqual(found[0].ratio, 1.2)
        self.assertEqual(confirmed, {"a"})

    def test_slower_in_one_round_is_not(self):
        _, confirmed = pairs.compare(runs("a", 100), runs("a", 120, 120, 120, 100), 3, 1.1)
        self.assertEqual(confirmed, set())

    def test_one_slow_run_does_not_flag(self):
        asked = []
        def new(names):
            asked.append(names)
            return {"a": 300 if len(asked) == 1 else 100}
        _, confirmed = pairs.compare(runs("a", 100), new, 3, 1.1)
        self.assertEqual(confirmed, set())
        self.assertEqual(asked, [None] * 3)  # no second round

    def test_only_the_flagged_run_again(self):
        asked = []
        def new(names):
            asked.append(names)
            return {"a": 200, "b": 100}
        pairs.compare(lambda names: {"a": 100, "b": 100}, new, 2, 1.1)
        self.assertEqual(asked, [None, None, ["a"], ["a"]])


class ProgramTest(unittest.TestCase):

    def build(self, folder, name, nanoseconds):
        """A build directory with a bench_micro that always takes so long."""
        bench = os.path.join(folder, name, "bench")
        os.makedirs(bench)
        path = os.path.join(bench, "bench_micro")
        with open(path, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\necho \'{"benchmarks": [{"name": "BM_A/8", "run_type": "iteration", '
                       f'"cpu_time": {nanoseconds}, "time_unit": "ns"}}]}}\'\n')
        os.chmod(path, stat.S_IRWXU)
        return os.path.join(folder, name)

    def run_program(self, base, new, *more):
        with tempfile.TemporaryDirectory() as folder:
            folders = [self.build(folder, "base", base), self.build(folder, "new", new)]
            return subprocess.run([sys.executable, "-B", os.path.join(FOLDER, "compare.py"), *folders,
                                   "--pairs", "2", *more], capture_output=True, text=True, check=False)

    def test_exit_codes(self):
        slower = self.run_program(100, 120)
        self.assertEqual(slower.returncode, 1, slower.stderr)
        self.assertIn("SLOWER, confirmed", slower.stdout)
        self.assertEqual(self.run_program(100, 120, "--threshold", "1.3").returncode, 0)
        noise = self.run_program(100, 101)
        self.assertEqual(noise.returncode, 0)
        self.assertIn("noise", noise.stdout)
        self.assertIn("faster", self.run_program(100, 80).stdout)

    def test_errors_are_named(self):
        lost = subprocess.run([sys.executable, "-B", os.path.join(FOLDER, "compare.py"), "/none", "/none"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(lost.returncode, 2)
        self.assertIn("/none/bench/bench_micro", lost.stderr)
        pairs_of_one = self.run_program(1, 1, "--pairs", "1")
        self.assertEqual(pairs_of_one.returncode, 2)
        self.assertIn("--pairs", pairs_of_one.stderr)

    def test_reads_units_and_leaves_out_aggregates(self):
        text = ('{"benchmarks": [{"name": "a", "cpu_time": 2, "time_unit": "us"},'
                '{"name": "a_mean", "run_type": "aggregate", "cpu_time": 2, "time_unit": "us"}]}')
        self.assertEqual(program.micro_times(text), {"a": 2000})
        with self.assertRaises(program.RunError):
            program.micro_times("no json")

    def test_reads_the_csv_of_bench_ann(self):
        text = ('# a comment\nquantizer,mode,threads,nprobe,rerank,depth,qps_cpu\n'
                '"IVF8,PQ8x4",single,1,16,none,0,2000.0\n')
        self.assertEqual(program.ann_times(text),
                         {"mode:single/threads:1/nprobe:16/rerank:none/depth:0": 500000})
        with self.assertRaises(program.RunError):
            program.ann_times("a,b\n1,2\n")


if __name__ == "__main__":
    unittest.main()
