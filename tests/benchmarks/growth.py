"""How cost grows: with updates, with ledger entries, with training rows, with items of a suite.

Each size is measured in a process of its own, so that memory is that size's alone. Updates, runs, reports, verdicts
and promotions of a large installation are copies of real ones under ids of their own; everything that is timed is the
real call. Times are processor time of the measuring process, so that other load on the machine does not count; waiting
for the disk does not count either. The exponent is the slope of log time over log size by least squares, with a 95 %
interval from the residuals: 0 means that the size does not matter, 1 that cost grows with it. The last step is that
slope between the two largest sizes alone, where what is fixed weighs least.

Run with ``python -m tests.benchmarks.growth [AXIS] [--most N] [--repeats R] [--keep FILE]``; sizes
that the file has are not measured again. The axes are updates, ledger, rows and items.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from scipy import stats

SIZES = {
    "updates": (10, 100, 1_000, 10_000),
    "ledger": (1_000, 10_000, 100_000, 1_000_000),
    "rows": (1_000, 10_000, 100_000, 1_000_000),
    "items": (100, 1_000, 10_000, 100_000),
}


def fitted(points):
    """Return slope and half the width of its 95 % interval, over (size, seconds)."""
    xs, ys = ([math.log(each) for each in column] for column in zip(*points, strict=True))
    fit = stats.linregress(xs, ys)
    return fit.slope, fit.stderr * stats.t.ppf(0.975, len(xs) - 2)


def last_step(cells):
    """Return the slope between the two largest sizes of {size: seconds}, as text."""
    if len(cells) < 2:
        return "–"
    (small, before), (large, after) = sorted(cells.items())[-2:]
    return f"{math.log(after / before) / math.log(large / small):.2f}"


def one(axis, size, repeats):
    """Measure one size in this process; return {what: [seconds]} and peak memory in MiB."""
    from growth_axes import AXES

    return {"seconds": AXES[axis](size, repeats), "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measured(axis, size, repeats):
    """Measure one size in a process of its own."""
    told = [sys.executable, "-m", "tests.benchmarks.growth", axis, "--one", str(size), "--repeats", str(repeats)]
    done = subprocess.run(told, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def known(file):
    """Return what a file of earlier measurements holds, by axis and size."""
    lines = file.read_text(encoding="utf-8").splitlines() if file is not None and file.exists() else []
    return {(each["axis"], each["size"]): each for each in map(json.loads, lines)}


def table(axis, sizes, repeats, keep):
    """Print times by size, memory, and how both grow."""
    points, cells, memory, before = defaultdict(list), defaultdict(dict), {}, known(keep)
    for size in sizes:
        found = before.get((axis, size)) or measured(axis, size, repeats)
        if keep is not None and (axis, size) not in before:
            with keep.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"axis": axis, "size": size, **found}) + "\n")
        memory[size] = found["mib"]
        for what, seconds in found["seconds"].items():
            points[what] += [(size, each) for each in seconds]
            cells[what][size] = min(seconds)
    print(f"| {axis} | " + " | ".join(f"{size:,}" for size in sizes) + " | exponent | last step |")
    print("|---" * (len(sizes) + 3) + "|")
    for what in points:
        row = [f"{1000 * cells[what][size]:,.1f}" if size in cells[what] else "" for size in sizes]
        slope = "%.2f ± %.2f" % fitted(points[what]) if len(cells[what]) > 2 else "–"  # noqa: UP031  # two numbers at once
        print(f"| {what}, ms | " + " | ".join(row) + f" | {slope} | {last_step(cells[what])} |")
    print("| peak memory, MiB | " + " | ".join(f"{memory[size]:,.0f}" for size in sizes) + " | | |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("axis", nargs="?", choices=sorted(SIZES))
    parser.add_argument("--most", type=int, default=10**9, help="largest size")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="remember sizes here, and take them from here")
    parser.add_argument("--one", type=int, help="one size, as JSON")
    told = parser.parse_args()
    if told.one is not None:
        print(json.dumps(one(told.axis, told.one, told.repeats)))
        return
    for axis in [told.axis] if told.axis else sorted(SIZES):
        table(axis, [size for size in SIZES[axis] if size <= told.most], told.repeats, told.keep)


if __name__ == "__main__":
    main()
