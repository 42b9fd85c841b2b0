"""Statistics of two builds measured in turns.

A slow minute of the machine falls on both members of a pair, and the order within pairs changes
(A B B A A B ...), so that what comes second gains nothing by it."""

from dataclasses import dataclass
from statistics import median

NOISE = 0.02  # a ratio this near to 1 says nothing


@dataclass(frozen=True)
class Comparison:
    """One benchmark: medians of both builds, their ratio, and the least and greatest ratio of a pair."""
    name: str
    base: float
    new: float
    ratio: float  # new / base: above 1 is slower
    low: float
    high: float


def order(pairs):
    """Which build runs when: 0 base, 1 new."""
    return [build for pair in range(pairs) for build in ((0, 1) if pair % 2 == 0 else (1, 0))]


def summarize(base_runs, new_runs):
    """Comparisons by name, of what every run measured; run i of both builds is one pair."""
    shared = set.intersection(*(set(run) for run in base_runs + new_runs))
    comparisons = []
    for name in (name for name in base_runs[0] if name in shared):
        base = [run[name] for run in base_runs]
        new = [run[name] for run in new_runs]
        ratios = [n / b for b, n in zip(base, new)]
        comparisons.append(Comparison(name, median(base), median(new), median(new) / median(base),
                                      min(ratios), max(ratios)))
    return comparisons


def is_noise(comparison):
    return abs(comparison.ratio - 1) < NOISE


def run_round(base, new, pairs, names=None):
    """One round of pairs; base and new are functions from names (None: all) to {name: time}."""
    runs = ([], [])
    for build in order(pairs):
        runs[build].append((base, new)[build](names))
    return summarize(*runs)


def compare(base, new, pairs, threshold):
    """(comparisons of the first round, names above the threshold in it and in a second round)."""
    found = run_round(base, new, pairs)
    flagged = [c.name for c in found if c.ratio > threshold]
    if not flagged:
        return found, set()
    again = run_round(base, new, pairs, flagged)
    return found, {c.name for c in again if c.ratio > threshold and c.name in flagged}
