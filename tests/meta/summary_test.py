"""deploy/test_summary.py passes what passed, and takes no excuse but a missing instruction set."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

SUMMARY = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "test_summary.py")


def summary(*cases):
    """(exit code, output) for cases of (name, status, output)."""
    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(f'<testcase name="{n}" status="{s}"><system-out>{o}</system-out></testcase>'
                       for n, s, o in cases)
        with open(os.path.join(folder, "tests.xml"), "w", encoding="ascii") as file:
            file.write(f"<testsuite>{rows}</testsuite>")
        with open(os.path.join(folder, "tests.json"), "w", encoding="ascii") as file:
            json.dump({"tests": [{"name": n, "properties": [{"name": "LABELS", "value": ["unit"]}]}
                                 for n, _, _ in cases]}, file)
        done = subprocess.run([sys.executable, "-B", SUMMARY, folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


class SummaryTest(unittest.TestCase):

    def test_all_passed(self):
        code, output = summary(("a", "run", ""), ("b", "run", ""))
        self.assertEqual(code, 0)
        self.assertRegex(output, r"unit +2 +2 +0 +0")
        self.assertTrue(output.endswith("\n2 passed, 0 failed, 0 skipped\n"), output)

    def test_a_failure(self):
        code, output = summary(("a", "run", ""), ("b", "fail", ""))
        self.assertEqual(code, 1)
        self.assertIn("1 passed, 1 failed, 0 skipped", output)

    def test_nothing_ran(self):
        self.assertEqual(summary()[0], 1)

    def test_a_skip_without_a_missing_instruction_set(self):
        for reason in ("", "no network", "this processor lacks patience"):
            code, output = summary(("a", "run", ""), ("b", "notrun", reason))
            self.assertEqual(code, 1)
            self.assertIn("1 passed, 1 failed, 0 skipped", output)

    def test_a_missing_instruction_set(self):
        # No processor has both of these.
        outcomes = [summary(("a", "run", ""), ("b", "notrun", f"this processor lacks {isa}"))
                    for isa in ("neon", "avx2")]
        self.assertIn(0, [code for code, _ in outcomes])
        skipped = [output for code, output in outcomes if code == 0][0]
        self.assertIn("1 passed, 0 failed, 1 skipped", skipped)
        self.assertRegex(skipped, r"1 skipped: this processor lacks \w+\n  b\n")


if __name__ == "__main__":
    unittest.main()
