"""The tables of `bench.relabel`: gains, differences from random, estimates, duplicates, targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]
#: × random's gain that driftloop is held to, by kind of stream and budget.
TARGETS = {
    ("corrupted", 50): 1.3, ("corrupted", 200): 1.15, ("corrupted", 400): 1.0,
    ("unseen", 50): 2.0, ("unseen", 200): 1.1, ("unseen", 400): 0.97,
}  # fmt: skip

Result = dict[str, Any]


def print_tables(results: Sequence[Result]) -> None:
    """All of them."""
    streams = list(dict.fromkeys(one["stream"] for one in results))
    by_stream = {name: [one for one in results if one["stream"] == name] for name in streams}
    seeds = {name: len(rows) for name, rows in by_stream.items()}
    print(f"\nseeds: {min(seeds.values())}; gain in points of accuracy over the old model ± 95 %\n")
    _gains(by_stream)
    _differences(by_stream)
    _estimates(by_stream)
    _near(by_stream)


def _gain(rows: Sequence[Result], rule: str, k: str) -> FloatArray:
    """Points of accuracy that k labels bought, (seeds,)."""
    return np.array([100 * (row["rules"][rule][k] - row["before"]) for row in rows])


def _half(values: FloatArray) -> float:
    """Half of the 95 % interval of a mean."""
    if len(values) < 2:
        return float("nan")
    spread = float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    t = float(stats.t.ppf(0.975, len(values) - 1))
    return t * spread


def _gains(by_stream: dict[str, list[Result]]) -> None:
    rules = list(next(iter(by_stream.values()))[0]["rules"])
    print(f"| stream | k | {' | '.join(rules)} | all rows | × random [95 %] | target |")
    print("|---" * (len(rules) + 5) + "|")
    for name, rows in by_stream.items():
        for k in rows[0]["near"]["driftloop"]:
            cells = [_gain(rows, rule, k) for rule in rules]
            ceiling = np.array([100 * (next(iter(r["all"].values())) - r["before"]) for r in rows])
            target = TARGETS.get((rows[0]["kind"], int(k)))
            shown = " | ".join(f"{one.mean():.2f} ±{_half(one):.2f}" for one in [*cells, ceiling])
            ratio = _ratio(_gain(rows, "driftloop", k), _gain(rows, "random", k))
            print(f"| {name} | {k} | {shown} | {ratio} | {target or ''} |")


def _ratio(ours: FloatArray, random: FloatArray) -> str:
    """Ratio of mean gains with a bootstrap interval over seeds."""
    if random.mean() <= 0.2:
        return "–"
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(ours), size=(2000, len(ours)))
    below = random[places].mean(axis=1)
    drawn = ours[places].mean(axis=1) / np.where(below > 0, below, np.nan)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"{ours.mean() / random.mean():.2f} [{low:.2f}, {high:.2f}]"


def _differences(by_stream: dict[str, list[Result]]) -> None:
    """Each rule against random: mean over all cells, worst cell, cells below and above by Holm."""
    cells = [(rows, k) for rows in by_stream.values() for k in rows[0]["near"]["driftloop"]]
    print("\n| rule | mean difference from random | worst cell | below (Holm) | above (Holm) |")
    print("|---|---|---|---|---|")
    for rule in cells[0][0][0]["rules"]:
        if rule == "random":
            continue
        paired = [_gain(rows, rule, k) - _gain(rows, "random", k) for rows, k in cells]
        mean = float(np.mean([one.mean() for one in paired]))
        worst = int(np.argmin([one.mean() for one in paired]))
        where = f"{cells[worst][0][0]['stream']}, {cells[worst][1]}: {paired[worst].mean():+.2f}"
        below, above = _holm(paired, "less"), _holm(paired, "greater")
        spread = float(np.sqrt(np.mean([_half(one) ** 2 for one in paired]) / len(paired)))
        print(f"| {rule} | {mean:+.2f} ±{spread:.2f} | {where} | {below} | {above} |")


def _holm(
    paired: Sequence[FloatArray], side: Literal["less", "greater"], level: float = 0.05
) -> int:
    """How many cells differ on that side (paired t, Holm over all cells)."""
    values = sorted(
        float(stats.ttest_1samp(one, 0, alternative=side).pvalue) if np.ptp(one) > 0 else 1.0
        for one in paired
        if len(one) > 1
    )
    for found, value in enumerate(values):
        if not value <= level / (len(values) - found):
            return found
    return len(values)


def _estimates(by_stream: dict[str, list[Result]]) -> None:
    heads = ("stream, k = 200", "bias, points ± 3 se", "with an interval", "coverage of those")
    print(f"\n| {' | '.join(heads)} | width | × a random fifth's | (that one by the sizes, too) |")
    print("|---" * 7 + "|")
    total, covered = 0, 0
    for name, rows in by_stream.items():
        drawn = [one for row in rows for one in row.get("estimates", [])]
        if not drawn:
            continue
        truth = np.array([one["truth"] for one in drawn])
        value, low, high = np.array([one["queue"] for one in drawn]).T
        fifths = [np.array([one[by] for one in drawn]) for by in ("fifth", "fifth_with_sizes")]
        error, there = value - truth, np.isfinite(low)
        holds = ((low <= truth) & (truth <= high))[there]
        total, covered = total + len(holds), covered + int(holds.sum())
        limit = 300 * error.std(ddof=1) / len(error) ** 0.5
        cells = f"{100 * error.mean():+.2f} ±{limit:.2f} | {there.mean():.0%}"
        if there.any():
            width = (high - low)[there].mean()
            times = [width / np.nanmean(one[:, 2] - one[:, 1]) for one in fifths]
            cells += f" | {holds.mean():.3f} | {100 * width:.1f} points"
            cells += f" | {times[0]:.2f} | {times[1]:.2f}"
        print(f"| {name} | {cells} |")
    if total:
        print(f"| all | | | {covered / total:.3f} of {total} draws | | | |")


def _near(by_stream: dict[str, list[Result]]) -> None:
    """Rows of a queue that have an earlier row nearer than the copies' mark, or 4 times that."""
    print("\n| stream | k | copies | near-duplicates | those of a random queue |")
    print("|---|---|---|---|---|")
    for name, rows in by_stream.items():
        for k in rows[0]["near"]["driftloop"]:
            copies, near = np.mean([row["near"]["driftloop"][k] for row in rows], axis=0)
            _, plain = np.mean([row["near"]["random"][k] for row in rows], axis=0)
            print(f"| {name} | {k} | {copies:.2%} | {near:.2%} | {plain:.2%} |")
