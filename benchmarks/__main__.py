"""`make bench`: measure, print ratios, and write the table that the docs show.

usage: python -m benchmarks [--quick] [--only CASE …]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import cases, checking, logging_scalars, observing, weights, weights_diff
from benchmarks.cases import Figure

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def main() -> int:
    """Run the cases and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing written")
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    chosen = parser.parse_args()
    quick = (2, 100, 1000, 1000, 50_000_000)
    full = (7, 1000, 10_000, 10_000, 1_000_000_000)
    rounds, few, many, files, size = quick if chosen.quick else full
    plan: dict[str, Callable[[Path], list[Figure]]] = {
        "run": lambda scratch: cases.run_overhead(scratch, rounds),
        "files": lambda scratch: cases.many_files(scratch, rounds, files),
        "list": lambda scratch: cases.listing(scratch, rounds, few, many),
        "diff": lambda scratch: cases.comparing(scratch, rounds),
        "store": lambda scratch: cases.storing(scratch, 3, size),
        "weights": lambda scratch: weights.weights(scratch, 3, size),
        "weights-diff": lambda scratch: weights_diff.comparing_weights(scratch, rounds, size),
        "check": lambda scratch: checking.checking(scratch, rounds, few // 10, many),
        "clone": lambda scratch: checking.transferring(scratch, few),
        "syntax": lambda scratch: checking.parsing(scratch, rounds),
        "log": lambda scratch: logging_scalars.logging_scalars(scratch, rounds),
        "observe": lambda scratch: observing.observing(scratch, rounds),
    }
    unknown = set(chosen.only) - set(plan)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(plan)}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="gitml-bench-") as scratch:
        for name, measure in plan.items():
            if chosen.only and name not in chosen.only:
                continue
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            figures += measure(Path(scratch))
    table = _table(figures)
    print(table)
    if not chosen.quick and not chosen.only:
        _write(table)
    return 0


def _table(figures: list[Figure]) -> str:
    lines = [
        "| what | gitml | compared with | | ratio | budget | |",
        "| --- | ---: | --- | ---: | ---: | ---: | --- |",
    ]
    for figure in figures:
        budget = f"{figure.budget:.3g}" if figure.budget else ""
        held = (
            "" if not figure.budget else "held" if figure.ratio <= figure.budget else "**missed**"
        )
        lines.append(
            f"| {figure.what} | {_amount(figure, figure.ours)} | {figure.against} "
            f"| {_amount(figure, figure.theirs)} | {figure.ratio:.3f} | {budget} | {held} |"
        )
    return "\n".join(lines)


def _amount(figure: Figure, value: float) -> str:
    return f"{value:.3f} {figure.unit}" if figure.unit == "s" else f"{value:,.0f} {figure.unit}"


def _write(table: str) -> None:
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    machine = (
        f"Measured on {platform.system()} {platform.machine()} with {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {git.stdout.strip()}. Medians of whole commands that "
        "took turns in one run.\n"
    )
    text = DOCUMENT.read_text() if DOCUMENT.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{machine}\n{table}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
