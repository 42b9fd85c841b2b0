"""What ran: python3 test_summary.py BUILD_FOLDER...

Reads the report (tests.xml, JUnit) and the list (tests.json, for the labels) that ctest wrote into each
build folder, prints the tests of each label and every skipped test with its
reason, and ends 0 only if nothing failed. A test may be skipped only because this processor lacks the
instruction set that its reason names ("this processor lacks avx512vbmi"); any other skip is a failure.
"""

import collections
import json
import os
import re
import sys
import xml.etree.ElementTree as xml

# The flags of /proc/cpuinfo that make an instruction set of the kernels.
NEEDS = {
    "ssse3": {"ssse3"},
    "avx2": {"avx2", "bmi2", "fma"},
    "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "bmi2", "popcnt"},
    "avx512vbmi": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vbmi", "avx512_vbmi2", "avx512_vnni",
                   "bmi2", "popcnt"},
    "neon": {"asimd"},
}


def processor_flags():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(("flags", "Features")):
                return set(line.split(":", 1)[1].split())
    return set()


class Case:
    """One test of one build: passed, failed or skipped, and why."""

    def __init__(self, build, element, labels, flags):
        self.build = build
        self.name = element.get("name")
        self.label = labels.get(self.name, "none")
        status = element.get("status")
        output = element.findtext("system-out") or ""
        self.reason = ""
        if status == "run":
            self.outcome = "passed"
        elif status == "fail":
            self.outcome = "failed"
        else:
            self.outcome, self.reason = self.judge_skip(output, flags)

    @staticmethod
    def judge_skip(output, flags):
        lacks = re.search(r"this processor lacks ([a-z0-9]+)", output)
        if lacks and lacks.group(1) in NEEDS and not NEEDS[lacks.group(1)] <= flags:
            return "skipped", lacks.group(0)
        if lacks:
            return "failed", f"skipped as '{lacks.group(0)}', but the processor has it"
        return "failed", "did not run, and names no instruction set that the processor lacks"


def read_labels(path):
    """{test: label} of ctest --show-only=json-v1."""
    with open(path, encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    return {t["name"]: "+".join(p["value"]) for t in tests for p in t.get("properties", [])
            if p["name"] == "LABELS"}


def table(cases):
    labels = sorted({c.label for c in cases})
    counts = collections.Counter((c.label, c.outcome) for c in cases)
    rows = [("label", "tests", "passed", "failed", "skipped")]
    for label in labels:
        parts = [counts[label, outcome] for outcome in ("passed", "failed", "skipped")]
        rows.append((label, sum(parts), *parts))
    return "\n".join(f"  {r[0]:<12}{r[1]:>8}{r[2]:>8}{r[3]:>8}{r[4]:>9}" for r in rows)


def main():
    flags = processor_flags()
    everything, complete = [], True
    for folder in sys.argv[1:]:
        build = os.path.basename(folder)
        report = os.path.join(folder, "tests.xml")
        if not os.path.exists(report):
            print(f"\n{build}: the tests did not finish, there is no {report}")
            complete = False
            continue
        labels = read_labels(os.path.join(folder, "tests.json"))
        cases = [Case(build, element, labels, flags) for element in xml.parse(report).iter("testcase")]
        everything += cases
        print(f"\n{build}: {len(cases)} tests\n{table(cases)}")

    skips = collections.Counter((c.build, c.reason) for c in everything if c.outcome == "skipped")
    for (build, reason), count in sorted(skips.items()):
        print(f"\n{build}: {count} skipped: {reason}")
        for case in everything:
            if (case.build, case.reason) == (build, reason):
                print(f"  {case.name}")
    failed = [c for c in everything if c.outcome == "failed"]
    if failed:
        print("\nfailed:")
        for case in failed:
            print(f"  {case.build}: {case.name}" + (f" ({case.reason})" if case.reason else ""))
    count = collections.Counter(c.outcome for c in everything)
    print(f"\n{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    sys.exit(0 if complete and not failed and count["passed"] else 1)


if __name__ == "__main__":
    main()
