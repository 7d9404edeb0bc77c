"""False mails a year in worlds where nothing happens, and windows until a real change is mailed.

    OMP_NUM_THREADS=1 python -m bench.alarms --quick --jobs 2     some minutes: a short look at all
    OMP_NUM_THREADS=1 python -m bench.alarms --years 200 --save   hours: the table in bench/results
    python -m bench.alarms --table                                the saved table, peers beside
    python -m bench.alarms --real                                 the mails of real years, explained

Other tools are measured by `python -m bench.peers_alarms`, in environments of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.alarms_cells import CELLS, Cell
from bench.alarms_clean import clean_stretch, upper_bound
from bench.alarms_power import POWER, changes_of, delays

RESULTS = Path(__file__).parent / "results"
SAVED = RESULTS / "alarms.json"
#: Clean years of a main cell, and replicates of the power table, with --quick.
QUICK_YEARS, QUICK_REPLICATES = 10, 12
#: Fewer years have an upper bound above 1.3 even without one mail.
SHORTEST = 2.4
Run = Callable[..., Iterable[Any]]


def clean_line(cell: Cell, years: float, run: Run, seed: int) -> dict[str, Any]:
    """One cell of the clean years."""
    stretches = max(2, round(years / cell.years))
    started = time.perf_counter()
    results = list(run(partial(clean_stretch, cell), range(seed, seed + stretches)))
    mails = np.array([one for one, _ in results], dtype=np.int64)
    return {
        "cell": cell.title,
        "years": round(stretches * cell.years, 1),
        "mails": int(mails.sum()),
        "a_year": round(float(mails.mean() / cell.years), 3),
        "upper": round(upper_bound(mails, cell.years), 3),
        "columns": sorted({name for _, some in results for name in some}),
        "seed": seed,
        "seconds": round(time.perf_counter() - started),
    }


def power_lines(cell: Cell, targets: Sequence[int], replicates: int, run: Run) -> dict[str, Any]:
    """One cell of the power table."""
    found = np.array(list(run(partial(delays, cell), range(replicates))))
    lines = {
        change.name: {
            "median": float(np.median(own)),
            "late": float(np.quantile(own, 0.9)),
            "target": target,
        }
        for change, own, target in zip(changes_of(cell), found.T, targets, strict=True)
    }
    return {"cell": cell.title, "replicates": replicates, "changes": lines}


CLEAN_HEAD = (
    "| clean years | years | false mails a year | upper 95 % |\n|---|---|---|---|"
)  # fmt: skip


def clean_row(line: dict[str, Any]) -> str:
    """A line of the table, in Markdown."""
    over = "" if line["a_year"] <= 1.0 and line["upper"] <= 1.3 else " (over)"
    over = " (too short to say)" if line["years"] < SHORTEST else over
    years = f"{line['years']:.0f} | {line['a_year']:.2f} | {line['upper']:.2f}{over}"
    return f"| {line['cell'].replace(' | ', ', ')} | {years} |"


def power_rows(block: dict[str, Any]) -> str:
    """A cell of the power table, in Markdown."""
    lines = [
        f"\n| {block['cell'].replace(' | ', ', ')} | median | 90 % | target |\n|---|---|---|---|"
    ]
    for name, one in block["changes"].items():
        target = one["target"] or ""
        lines.append(f"| {name} | {one['median']:.0f} | {one['late']:.0f} | {target} |")
    return "\n".join(lines)


def measure(options: argparse.Namespace, run: Run) -> dict[str, Any]:
    """Both tables, printed while they are made."""
    cells = [one for one in CELLS if options.only in one.title]
    saved = json.loads(SAVED.read_text()) if options.save and SAVED.exists() else {}
    found = {"commands": [], "clean": {}, "power": {}, **saved}
    print(CLEAN_HEAD)
    for cell in [] if options.no_clean else cells:
        years = options.years if cell.main else options.years / 4
        if options.quick and not cell.main:
            years = 2 * cell.years
        line = clean_line(cell, years, run, options.seed)
        found["clean"][cell.title] = line
        print(clean_row(line), f"{line['seconds']} s", *line["columns"][:6], flush=True)
        _keep(found, options)
    power = [] if options.no_power else [one for one in POWER if options.only in one[0].title]
    for cell, targets in power:
        replicates = max(4, options.replicates // (1 if len(targets) > 3 else 4))
        block = power_lines(cell, targets, replicates, run)
        found["power"][cell.title] = block
        print(power_rows(block), flush=True)
        _keep(found, options)
    return found


def _keep(found: dict[str, Any], options: argparse.Namespace) -> None:
    """Each cell is saved when it is done: a long run that is stopped loses one cell."""
    if not options.save:
        return
    command = f"OMP_NUM_THREADS=1 python -m bench.alarms {shlex.join(sys.argv[1:])}"
    if command not in found["commands"]:
        found["commands"].append(command)
    RESULTS.mkdir(exist_ok=True)
    made = SAVED.with_suffix(f".{os.getpid()}")
    made.write_text(json.dumps(found, indent=1) + "\n")
    made.replace(SAVED)


def table() -> None:
    """The saved tables."""
    saved = json.loads(SAVED.read_text())
    print("Made by", *(f"`{one}`" for one in saved["commands"]), sep="\n")
    print(f"\n{CLEAN_HEAD}")
    for cell in CELLS:
        if cell.title in saved["clean"]:
            print(clean_row(saved["clean"][cell.title]))
    for cell, _ in POWER:
        if cell.title in saved["power"]:
            print(power_rows(saved["power"][cell.title]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="at most 10 minutes on two cores")
    parser.add_argument("--years", type=int, default=200, help="clean years in each main cell")
    parser.add_argument("--replicates", type=int, default=100, help="of the power table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="cells whose title holds this")
    parser.add_argument("--no-clean", action="store_true")
    parser.add_argument("--no-power", action="store_true")
    parser.add_argument("--save", action="store_true", help="keep the tables in bench/results")
    parser.add_argument("--table", action="store_true", help="print what was saved")
    parser.add_argument("--real", action="store_true", help="the mails of real years")
    options = parser.parse_args()
    if options.table:
        table()
        return
    if options.real:
        from bench.alarms_real import real_years  # noqa: PLC0415 - it wants the whole product

        real_years()
        return
    if options.quick:
        options.years, options.replicates = QUICK_YEARS, QUICK_REPLICATES
    with ProcessPoolExecutor(options.jobs) as pool:
        measure(options, map if options.jobs == 1 else partial(pool.map, chunksize=2))


if __name__ == "__main__":
    main()
