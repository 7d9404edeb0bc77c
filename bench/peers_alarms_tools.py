"""One tool over prepared windows, in the tool's own environment: no driftloop in here.

    python -P bench/peers_alarms_tools.py TOOL FOLDER

FOLDER holds jobs, each a folder with `whole.parquet` (all windows of the reference, in order),
`reference.parquet` (some rows of it) and `windows.parquet` (column `window`, from 0). Writes
FOLDER/JOB/TOOL.json: {column: [[score, flagged], ...]} by window; a larger score means more
drift, so that a threshold can be put elsewhere than where the tool has it.
"""

# ruff: noqa: PLC0415 - each tool is imported where it is run, the others are not there
from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

Scores = dict[str, list[tuple[float, bool]]]
LEVEL = 0.05
#: Online detectors look at each row: so many of a week; more bootstraps take hours to configure.
ONLINE_ROWS, ONLINE_BOOTSTRAPS = 10, 1000
ONLINE = frozenset({"lsdd", "mmd"})


def names_of(table: pd.DataFrame) -> list[str]:
    """The columns."""
    return [str(name) for name in table.columns]


def is_text(column: pd.Series) -> bool:
    """Whether a column holds levels."""
    return not pd.api.types.is_numeric_dtype(column)


def evidently(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> Scores:
    """DataDriftPreset with its defaults: Wasserstein/sd and JS above 1,000 rows, else tests.

    The preset draws every column, which is nearly all of its time. So its own choice of test and
    of threshold is asked column by column, and the first window is held against the preset.
    """
    from evidently.legacy.calculations.stattests.registry import get_stattest

    kinds = {name: "cat" if is_text(reference[name]) else "num" for name in names_of(reference)}
    found: Scores = {name: [] for name in kinds}
    for window in windows:
        for name, kind in kinds.items():
            old, new = reference[name].dropna(), window[name].dropna()
            test = get_stattest(old, new, kind, None)
            told = test(old, new, kind, None)
            score = float(told.drift_score)
            of_p = "p_value" in test.display_name
            found[name].append((-score if of_p else score, bool(told.drifted)))
    for name, (score, flagged) in _preset(reference, windows[0], kinds).items():
        if not (np.isclose(found[name][0][0], score) and found[name][0][1] == flagged):
            msg = f"{name}: the preset says {score}, {flagged}, its test {found[name][0]}"
            raise ValueError(msg)
    return found


def _preset(
    reference: pd.DataFrame, window: pd.DataFrame, kinds: dict[str, str]
) -> dict[str, tuple[float, bool]]:
    """What DataDriftPreset says about one window."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(
        numerical_columns=[name for name, kind in kinds.items() if kind == "num"],
        categorical_columns=[name for name, kind in kinds.items() if kind == "cat"],
    )
    old, new = (
        Dataset.from_pandas(table, data_definition=definition) for table in (reference, window)
    )
    found = {}
    for metric in json.loads(Report([DataDriftPreset()]).run(new, old).json())["metrics"]:
        config = metric["config"]
        if "ValueDrift" in config["type"]:
            value, limit = float(metric["value"]), float(config["threshold"])
            of_p = "p_value" in config["method"]
            flagged = value < limit if of_p else value >= limit
            found[config["column"]] = (-value if of_p else value, flagged)
    return found


def tabular(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> Scores:
    """Alibi Detect's TabularDrift, Bonferroni over values and missing of all 30 columns."""
    from alibi_detect.cd import TabularDrift  # type: ignore[import-not-found]

    names = names_of(reference)
    codes = {
        name: {level: i for i, level in enumerate(sorted(set(reference[name].dropna())))}
        for name in names
        if is_text(reference[name])
    }

    def matrix(table: pd.DataFrame) -> np.ndarray:
        parts = []
        for name in names:
            values = table[name]
            if name in codes:
                parts.append(values.map(codes[name]).fillna(len(codes[name])).to_numpy(float))
            else:
                parts.append(values.fillna(reference[name].median()).to_numpy(float))
        parts += [table[name].isna().to_numpy(float) for name in gaps]
        return np.stack(parts, axis=1)

    # A level that no row has is an error of its chi-squared test.
    gaps = [name for name in names if reference[name].isna().any()]
    count = len(names)
    levels = {i: len(codes[n]) + (n in gaps) for i, n in enumerate(names) if n in codes}
    levels |= {count + i: 2 for i in range(len(gaps))}
    detector = TabularDrift(matrix(reference), p_val=LEVEL, categories_per_feature=levels)
    found: Scores = {name: [] for name in names}
    for window in windows:
        told = detector.predict(matrix(window), drift_type="feature", return_p_val=True)
        p = np.nan_to_num(np.asarray(told["data"]["p_val"], dtype=float), nan=1.0)
        for i, name in enumerate(names):
            least = float(min(p[i], p[count + gaps.index(name)] if name in gaps else 1.0))
            found[name].append((-least, least < LEVEL / 60))
    return found


def nannyml(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> Scores:
    """NannyML's univariate drift and missing values, chunks of a window's size, mean + 3 sd."""
    from nannyml import (
        MissingValuesCalculator,
        UnivariateDriftCalculator,
    )

    names, size = names_of(reference), len(windows[0])
    tables = [table.copy() for table in (reference, pd.concat(windows, ignore_index=True))]
    for table in tables:
        for name in names:
            if is_text(table[name]):
                table[name] = table[name].astype("category")
    found: Scores = {name: [] for name in names}
    told = []
    for make in (UnivariateDriftCalculator, MissingValuesCalculator):
        made = make(column_names=names, chunk_size=size).fit(tables[0]).calculate(tables[1])
        told.append(made.filter(period="analysis").to_df())
    drift, gone = told
    for name in names:
        own = drift[name]
        own = own[own.columns[0][0]] if isinstance(own.columns, pd.MultiIndex) else own
        missing = gone[name]
        for row in range(len(windows)):
            scores, flagged = [0.0], False
            for part in (own, missing):
                limit = part["upper_threshold"].iloc[row]
                value = float(part["value"].iloc[row])
                if limit is not None and np.isfinite(limit) and limit > 0:
                    scores.append(value / float(limit))
                flagged |= bool(part["alert"].iloc[row])
            found[name].append((max(scores), flagged))
    return found


def online(reference: pd.DataFrame, windows: list[pd.DataFrame], kind: str) -> Scores:
    """Alibi Detect's online detectors on thinned rows, at an expected run time of a year."""
    from alibi_detect.cd import LSDDDriftOnline, MMDDriftOnline

    each = ONLINE_ROWS
    rng = np.random.default_rng(0)
    numbers = [name for name in names_of(reference) if not is_text(reference[name])]
    middle, spread = reference[numbers].median(), reference[numbers].std()

    def matrix(table: pd.DataFrame, rows: int) -> np.ndarray:
        taken = table[numbers].sample(rows, random_state=int(rng.integers(2**31)))
        return ((taken - middle) / spread).fillna(0.0).to_numpy(np.float32)

    detector = (LSDDDriftOnline if kind == "lsdd" else MMDDriftOnline)(
        matrix(reference, 300),
        ert=52.0 * each,
        window_size=each,
        backend="tensorflow",
        n_bootstraps=ONLINE_BOOTSTRAPS,
        verbose=False,
    )
    lines: list[tuple[float, bool]] = []
    for window in windows:
        flagged, score = False, 0.0
        for row in matrix(window, each):
            told = detector.predict(row)["data"]
            score = max(score, float(told["test_stat"] or 0) / float(told["threshold"] or 1))
            if told["is_drift"]:
                flagged = True
                detector.reset_state()
        lines.append((score, flagged))
    return {"all columns": lines}


TOOLS: dict[str, Callable[[pd.DataFrame, list[pd.DataFrame]], Scores]] = {
    "evidently": evidently,
    "tabular": tabular,
    "nannyml": nannyml,
    "lsdd": lambda reference, windows: online(reference, windows, "lsdd"),
    "mmd": lambda reference, windows: online(reference, windows, "mmd"),
}


def main() -> None:
    """Run one tool over all jobs that it has no answer to yet."""
    warnings.filterwarnings("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    tool, folder = sys.argv[1], Path(sys.argv[2])
    for job in sorted(path for path in folder.iterdir() if path.is_dir()):
        target = job / f"{tool}.json"
        if target.exists() or (tool in ONLINE and not (job / "online").exists()):
            continue
        kept = "whole" if tool == "nannyml" else "reference"
        reference = pd.read_parquet(job / f"{kept}.parquet")
        windows = [
            part.drop(columns="window").reset_index(drop=True)
            for _, part in pd.read_parquet(job / "windows.parquet").groupby("window", sort=True)
        ]
        found = TOOLS[tool](reference, windows)
        plain = {name: [[float(s), bool(f)] for s, f in own] for name, own in found.items()}
        target.write_text(json.dumps(plain))


if __name__ == "__main__":
    main()
