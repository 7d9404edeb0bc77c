"""Other tools in the worlds of bench/alarms.py: weeks with a false alarm, and what they find.

    python -m bench.peers_alarms            the saved table (bench/results/peers_alarms.json)
    python -m bench.peers_alarms --measure  makes it: half an hour and more on two cores

Each peer is installed in an environment of its own below --cache and reads the same rows. NannyML
and the trailing mean see all windows of the reference, the others 10,000 rows of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy import stats

from bench.alarms_cells import CLUSTERED, IID, Cell
from bench.alarms_power import weekly_changes
from bench.worlds import BINS, columns, simulate
from monitor.evidence.types import Observation

SAVED = Path(__file__).parent / "results" / "peers_alarms.json"
OURS = SAVED.with_name("alarms.json")
TOOLS = Path(__file__).with_name("peers_alarms_tools.py")
CACHE = Path.home() / ".cache" / "driftloop-bench"
REFERENCE_ROWS = 10_000
#: Environments: what pip is asked for, and the tools that run in them. None: this environment.
ENVIRONMENTS: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...]]] = {
    "here": (None, ("evidently",)),
    "nannyml": (("nannyml",), ("nannyml",)),
    "alibi": (("alibi-detect[tensorflow]", "pyarrow<20"), ("tabular", "lsdd", "mmd")),
}
NAMES = {
    "evidently": "Evidently, drift preset",
    "plain": "plain p < 0.05 (KS, chi-squared)",
    "tabular": "Alibi Detect TabularDrift, Bonferroni",
    "lsdd": "Alibi Detect LSDDDriftOnline, run time of a year, 10 rows a week",
    "mmd": "Alibi Detect MMDDriftOnline, the same",
    "nannyml": "NannyML, mean + 3 sd of the reference's windows",
    "trailing": "mean ± 3 sd of the 13 windows before",
}
SHAPES = {2: stats.t(3).ppf, 5: lambda u: np.exp(stats.norm.ppf(u))}
PEER_CELLS = tuple(
    Cell(world, rows=rows, windows=52) for world in (IID, CLUSTERED) for rows in (500, 2000, 20_000)
)
POWER_CELLS = (Cell(IID, windows=8), Cell(CLUSTERED, windows=8))
QUIET = 2
#: One thread, and no telemetry.
QUIETLY = {
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
}
#: Online detectors take minutes for a reference: a clean year of each world, and shifts when iid.
ONLINE_JOBS = ("clean 1 0", "clean 4 0", *(f"power 0 {number} 0" for number in range(3)))


@dataclass(frozen=True, slots=True)
class Job:
    """A reference and windows for the tools, and what happens in the windows."""

    name: str
    cell: Cell
    seed: int
    change: str = ""
    column: str = ""


def values_of(index: int, counts: npt.NDArray[np.int64], rng: np.random.Generator) -> Any:
    """Rows of a column with these counts, in any order; the last count is of missing values."""
    column = columns(30)[index]
    gone = int(counts[-1])
    bins = np.repeat(np.arange(len(counts) - 1), counts[:-1])
    if column.levels is not None:
        made: Any = np.array(column.series.labels, dtype=object)[bins]
    elif len(counts) == BINS + 1:
        share = (bins + rng.uniform(1e-6, 1 - 1e-6, len(bins))) / BINS
        made = SHAPES.get(index % 10, stats.norm.ppf)(share)
    else:
        made = bins.astype(np.float64)
    empty = np.full(gone, None, dtype=object) if made.dtype == object else np.full(gone, np.nan)
    whole = np.concatenate([made, empty])
    return whole[rng.permutation(len(whole))]


def table_of(window: Observation, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """The rows of a window."""
    return pd.DataFrame({name: values_of(int(name), window.counts[name], rng) for name in names})


def clean_jobs(years: int) -> list[Job]:
    """Years in which nothing happens."""
    return [
        Job(f"clean {i} {seed}", cell, seed)
        for i, cell in enumerate(PEER_CELLS)
        for seed in range(years if cell.rows == 2000 else 1)
    ]


def power_jobs(replicates: int) -> list[Job]:
    """Each planted change in its column, after quiet windows."""
    return [
        Job(f"power {i} {number} {seed}", cell, seed, change.name, change.column)
        for i, cell in enumerate(POWER_CELLS)
        for number, change in enumerate(weekly_changes())
        for seed in range(replicates)
    ]


def write(job: Job, folder: Path) -> None:
    """Put the rows of a job where the tools find them."""
    place = folder / job.name
    if (place / "windows.parquet").exists():
        return
    rng = np.random.default_rng([404, job.seed, len(job.change)])
    made, cell = columns(30), job.cell
    plants = tuple(one for one in weekly_changes() if one.name == job.change)
    start = cell.reference + QUIET
    clean, altered = simulate(
        cell.world,
        made,
        cell.reference + cell.windows + (QUIET if plants else 0),
        cell.rows,
        rng,
        changes=plants,
        start=start,
    )
    windows = altered[0] if plants else clean
    names = [job.column] if plants else [one.series.name for one in made]
    place.mkdir(parents=True, exist_ok=True)
    if job.name in ONLINE_JOBS:
        (place / "online").touch()
    tables = [table_of(one, names, rng) for one in windows]
    past = pd.concat(tables[: cell.reference], ignore_index=True)
    past.to_parquet(place / "whole.parquet")
    few = min(REFERENCE_ROWS, len(past))
    past.sample(few, random_state=job.seed).reset_index(drop=True).to_parquet(
        place / "reference.parquet"
    )
    later = [one.assign(window=i) for i, one in enumerate(tables[cell.reference :])]
    pd.concat(later, ignore_index=True).to_parquet(place / "windows.parquet")


def plain(place: Path) -> dict[str, list[list[float]]]:
    """KS and chi-squared tests at 5 % each, of values and of missing."""
    reference, windows = _read(place, "reference")
    return {
        name: [
            [-p, float(p < 0.05)]
            for p in (_least_p(reference[name], window[name]) for window in windows)
        ]
        for name in map(str, reference.columns)
    }


def _least_p(old: pd.Series, new: pd.Series) -> float:
    gone = _chi2([old.isna().sum(), old.notna().sum()], [new.isna().sum(), new.notna().sum()])
    if not is_numeric_dtype(old):
        levels = sorted(set(old.dropna()) | set(new.dropna()))
        counts = [
            side.value_counts().reindex(levels, fill_value=0).to_numpy() for side in (old, new)
        ]
        return min(gone, _chi2(*counts))
    return min(gone, float(stats.ks_2samp(old.dropna(), new.dropna()).pvalue))


def _chi2(old: Any, new: Any) -> float:
    both = np.array([old, new])
    both = both[:, both.sum(axis=0) > 0]
    return float(stats.chi2_contingency(both)[1]) if both.shape[1] > 1 else 1.0


def trailing(place: Path) -> dict[str, list[list[float]]]:
    """Mean, sd, shares of levels and of missing against those of the 13 windows before."""
    past, windows = _read(place, "whole")
    size = len(windows[0])
    pieces = [past.iloc[at : at + size] for at in range(0, len(past), size)] + windows
    found = {}
    for name in map(str, past.columns):
        series = np.array([_figures(piece[name], past[name]) for piece in pieces])
        lines = []
        for at in range(len(pieces) - len(windows), len(pieces)):
            before = series[at - 13 : at]
            spread = np.maximum(before.std(axis=0, ddof=1), 1e-12)
            score = float((np.abs(series[at] - before.mean(axis=0)) / spread).max())
            lines.append([score, float(score > 3)])
        found[name] = lines
    return found


def _figures(values: pd.Series, past: pd.Series) -> list[float]:
    missing = float(values.isna().mean())
    if not is_numeric_dtype(values):
        top = past.value_counts().index[:10]
        shares = values.value_counts(normalize=True).reindex(top, fill_value=0.0).tolist()
        return [missing, 1 - sum(shares), *shares]
    return [missing, float(values.mean()), float(values.std())]


def _read(place: Path, which: str) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    rows = pd.read_parquet(place / "windows.parquet")
    windows = [part.drop(columns="window") for _, part in rows.groupby("window", sort=True)]
    return pd.read_parquet(place / f"{which}.parquet"), windows


def interpreter(name: str, wanted: tuple[str, ...] | None, cache: Path) -> Path:
    """The Python of a peer's environment, made when it is not there."""
    if wanted is None:
        return Path(sys.executable)
    python = cache / name / "bin" / "python"
    if not python.exists():
        venv.create(cache / name, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def measure(folder: Path, jobs: list[Job], cache: Path, asked: Sequence[str]) -> dict[str, str]:
    """All tools over all jobs that they have no answer to; why a tool gave none."""
    for job in jobs:
        write(job, folder)
    failed: dict[str, str] = {}
    for job in jobs:
        for name, judge in (("plain", plain), ("trailing", trailing)):
            target = folder / job.name / f"{name}.json"
            if not target.exists():
                target.write_text(json.dumps(judge(folder / job.name)))
    for name, (wanted, tools) in ENVIRONMENTS.items():
        for tool in (one for one in tools if one in asked):
            try:
                python = interpreter(name, wanted, cache)
                command = [
                    str(python),
                    "-P",
                    str(TOOLS),
                    tool,
                    str(folder),
                ]  # not `bench` for imports
                environment = os.environ | QUIETLY
                subprocess.run(command, check=True, capture_output=True, env=environment)
            except (subprocess.CalledProcessError, OSError) as error:
                text = getattr(error, "stderr", b"") or str(error).encode()
                failed[tool] = text.decode(errors="replace").strip().splitlines()[-1][:200]
    return failed


def _answers(folder: Path, job: Job, tool: str) -> dict[str, Any] | None:
    path = folder / job.name / f"{tool}.json"
    return json.loads(path.read_text()) if path.exists() else None


def summary(folder: Path, clean: list[Job], power: list[Job]) -> dict[str, Any]:
    """Both tables, from what the tools answered."""
    result: dict[str, Any] = {"clean": {}, "power": {}}
    limits: dict[tuple[str, str], float] = {}
    for tool, title in NAMES.items():
        for cell in PEER_CELLS:
            answers = [_answers(folder, job, tool) for job in clean if job.cell == cell]
            years = [one for one in answers if one]
            if not years:
                continue
            flags = [np.array([[f for _, f in own] for own in one.values()]) for one in years]
            scores = np.concatenate(
                [
                    np.array([[s for s, _ in own] for own in one.values()]).max(axis=0)
                    for one in years
                ]
            )
            limits[tool, cell.title] = float(np.sort(scores)[-1 - len(years)])
            result["clean"].setdefault(title, {})[cell.title] = {
                "years": len(years),
                "alarms": round(float(np.mean([one.sum() for one in flags])), 1),
                "weeks": round(float(np.mean([one.any(axis=0).sum() for one in flags])), 1),
            }
        for cell in POWER_CELLS:
            lines = result["power"].setdefault(cell.title, {})
            for change in weekly_changes():
                own = [j for j in power if j.cell == cell and j.change == change.name]
                answers = [_answers(folder, job, tool) for job in own]
                if told := [one for one in answers if one]:
                    limit = limits.get((tool, cell.title), np.inf)
                    lines.setdefault(change.name, {})[title] = _delays(told, limit)
    return result


def _delays(told: list[dict[str, Any]], limit: float) -> dict[str, float]:
    """Median windows until the tool's own flag, and until its score passes `limit`."""
    own, ours = [], []
    for one in told:
        (lines,) = one.values()
        after = lines[QUIET:]
        own.append(_first([bool(flag) for _, flag in after]))
        ours.append(_first([score > limit for score, _ in after]))
    return {"own": float(np.median(own)), "ours": float(np.median(ours)), "of": len(told)}


def _first(flags: Sequence[bool]) -> int:
    return next((i for i, flag in enumerate(flags, 1) if flag), len(flags) + 1)


def show(saved: dict[str, Any]) -> None:
    """The tables, in Markdown, with what bench.alarms has saved beside."""
    ours = json.loads(OURS.read_text()) if OURS.exists() else {"clean": {}, "power": {}}
    print(f"Made by `{saved['command']}`.\n")
    titles = [cell.title for cell in PEER_CELLS]
    short = [f"{c.world.name.split(' (')[0]} {c.rows:,}" for c in PEER_CELLS]
    print("| false alarms of columns a year, weeks of 52 with one | " + " | ".join(short) + " |")
    print("|---|" + "---|" * len(short))
    for name, cells in saved["clean"].items():
        own = [cells.get(title) for title in titles]
        texts = [f"{one['alarms']:.0f}, {one['weeks']:.0f}" if one else "" for one in own]
        print(f"| {name} | " + " | ".join(texts) + " |")
    clean = ours["clean"]
    mails = [f"{clean[title]['a_year']:.2f}" if title in clean else "" for title in titles]
    print("| driftloop, *mails* a year | " + " | ".join(mails) + " |")
    for title, changes in saved["power"].items():
        own = ours["power"].get(title, {"changes": {}})["changes"]
        tools = [name for name in saved["clean"] if any(name in one for one in changes.values())]
        print(
            f"\n| windows until it is flagged, {title.replace(' | ', ', ')} | "
            + " | ".join([*tools, "driftloop, mails |"])
        )
        print("|---|" + "---|" * (len(tools) + 1))
        for change, lines in changes.items():
            texts = [_pair(lines.get(tool)) for tool in tools]
            texts.append(f"{own[change]['median']:.0f}" if change in own else "")
            print(f"| {change} | " + " | ".join(texts) + " |")
    for tool, why in saved["failed"].items():
        print(f"\n{NAMES.get(tool, tool)}: not measured: {why}")


def _pair(line: dict[str, float] | None) -> str:
    if line is None:
        return ""
    own, ours = (
        f"{v:.0f}" if v <= POWER_CELLS[0].windows else "never" for v in (line["own"], line["ours"])
    )
    return f"{own}, {ours}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--years", type=int, default=1, help="clean years with 2,000 rows")
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=CACHE, help="answers are kept there")
    parser.add_argument("--tools", default="", help="only these, such as evidently,nannyml")
    options = parser.parse_args()
    if options.measure:
        folder = options.cache / "alarms"
        clean, power = clean_jobs(options.years), power_jobs(options.replicates)
        asked = options.tools.split(",") if options.tools else list(NAMES)
        known = json.loads(SAVED.read_text())["failed"] if SAVED.exists() else {}
        failed = {tool: why for tool, why in known.items() if tool not in asked}
        failed |= measure(folder, [*clean, *power], options.cache, asked)
        SAVED.parent.mkdir(exist_ok=True)
        command = "python -m bench.peers_alarms --measure"
        found = {"command": command, "failed": failed, **summary(folder, clean, power)}
        SAVED.write_text(json.dumps(found, indent=1) + "\n")
    show(json.loads(SAVED.read_text()))


if __name__ == "__main__":
    main()
