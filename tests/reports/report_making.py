"""Parts of views, made from a seed: columns with a history, thumbnails."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta

import numpy as np

from reports import view as v

START = datetime(2013, 3, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
GENERATED = datetime(2013, 12, 9, 6, 0, 4, tzinfo=UTC)
_Z = 1.96

WEATHER = {
    "temp": 0.9,
    "dewp": 0.8,
    "humid": 0.25,
    "wind_speed": 0.12,
    "pressure": 0.1,
    "visib": 0.1,
}
CALM_NUMERIC = (
    "distance",
    "sched_dep_minute",
    "sched_arr_minute",
    "air_time_planned",
    "seats",
    "plane_age",
    "wind_dir",
    "precip",
    "score",
    "crew_hours",
)
CATEGORIES = {
    "origin": ("EWR", "JFK", "LGA"),
    "carrier": (
        "UA",
        "B6",
        "EV",
        "DL",
        "AA",
        "MQ",
        "US",
        "9E",
        "WN",
        "VX",
        "FL",
        "AS",
        "F9",
        "YV",
        "HA",
        "other",
    ),
    "dest": (*tuple(f"D{i:02d}" for i in range(24)), "other"),
    "weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "late15": ("0", "1"),
    "pred": ("0", "1"),
}


def gauss_bins(
    shift: float,
    spread: float = 1.0,
    *,
    low: float = -3.2,
    high: float = 3.2,
    centre: float = 0.0,
    unit: float = 1.0,
    size: int = 24,
) -> v.Bins:
    edges = np.linspace(low, high, size + 1)

    def shares(mean: float, sd: float) -> tuple[float, ...]:
        cumulative = [0.5 * (1 + math.erf((e - mean) / (sd * math.sqrt(2)))) for e in edges]
        cumulative[0], cumulative[-1] = 0.0, 1.0
        return tuple(float(share) for share in np.diff(cumulative))

    real = [float(centre + unit * edge) for edge in edges]
    return v.Bins(
        labels=tuple(f"{a:.1f} … {b:.1f}" for a, b in itertools.pairwise(real)),
        reference=shares(0.0, 1.0),
        current=shares(shift, spread),
        edges=(-math.inf, *real[1:-1], math.inf),
    )


def history(
    effects: np.ndarray,
    se: float,
    gate: float,
    *,
    start: datetime = START,
    gaps: tuple[int, ...] = (),
) -> tuple[v.HistoryPoint, ...]:
    points = []
    for i, effect in enumerate(effects):
        sure = abs(effect) > 4.5 * se and abs(effect) >= gate
        points.append(
            v.HistoryPoint(
                window_start=start + i * WEEK,
                effect=None if i in gaps else float(effect),
                drifted=bool(sure) and i not in gaps,
                gap=i in gaps,
                strength=None if i in gaps else float(abs(effect) / gate),
                interval=None if i in gaps else (float(effect - _Z * se), float(effect + _Z * se)),
            )
        )
    return tuple(points)


def numeric(
    name: str,
    effects: np.ndarray,
    *,
    se: float = 0.03,
    gate: float = 0.05,
    centre: float = 0.0,
    unit: float = 1.0,
    role: str = "feature",
    parent: str = "",
    gaps: tuple[int, ...] = (),
    start: datetime = START,
) -> v.ColumnView:
    points = history(effects, se, gate, gaps=gaps, start=start)
    now = float(effects[-1])
    first = next((p.window_start for p in points if p.drifted), None)
    drifted = points[-1].drifted
    z = abs(now) / se
    p = math.erfc(z / math.sqrt(2))
    word = "higher" if now > 0 else "lower"
    return v.ColumnView(
        name=name,
        kind="numeric",
        role=role,
        parent=parent,
        drifted=drifted,
        severity="warning" if drifted else "info",
        statement=f"The mean is {abs(now):.2f} sd {word}: "
        f"{centre + now * unit:.1f}, was {centre:.1f}."
        if drifted
        else "",
        statistic="location",
        effect=now,
        unit="sd",
        interval=(now - _Z * se, now + _Z * se),
        gate=gate,
        p_value=p,
        threshold=2.3e-5,
        once_in_years=min(1e9, 0.003 / p) if p else 1e12,
        n_reference=48_213,
        n_current=5_803,
        missing_reference=0.0012,
        missing_current=0.0009,
        distances={
            "psi": now**2 * 0.9,
            "js": abs(now) * 0.2,
            "ks": abs(now) * 0.38,
            "wasserstein": abs(now),
        },
        sight=f"Shifts above {2.2 * se:.2f} sd can be seen in one window, "
        f"above {1.1 * se:.2f} sd in eight.",
        bins=gauss_bins(now, centre=centre, unit=unit),
        history=points,
        since=first if drifted else None,
        findings=(
            v.FindingView(
                check="drift.numeric",
                message=f"Kolmogorov–Smirnov distance {abs(now) * 0.38:.3f}.",
                p_value=p,
            ),
        )
        if drifted
        else (),
    )


def categorical(
    name: str,
    rng: np.random.Generator,
    *,
    drift: float = 0.0,
    role: str = "feature",
    weeks: int = 40,
) -> v.ColumnView:
    labels = CATEGORIES.get(name, ("a", "b", "c", "other"))
    share = rng.dirichlet(np.linspace(9, 0.6, len(labels)))
    moved = share.copy()
    moved[0] += drift
    moved = np.clip(moved, 0, None) / moved.sum()
    effects = rng.normal(0, 0.003, weeks)
    effects[-5:] += drift
    points = history(effects, 0.004, 0.005)
    drifted = points[-1].drifted
    return v.ColumnView(
        name=name,
        kind="categorical",
        role=role,
        drifted=drifted,
        severity="warning" if drifted else "info",
        statement=f"`{labels[0]}` has {100 * moved[0]:.1f} % of the rows, "
        f"was {100 * share[0]:.1f} %."
        if drifted
        else "",
        statistic=f"level {labels[0]}",
        effect=float(effects[-1]),
        unit="share",
        interval=(float(effects[-1]) - 0.008, float(effects[-1]) + 0.008),
        gate=0.005,
        p_value=1e-9 if drifted else 0.41,
        threshold=2.3e-5,
        once_in_years=4200.0 if drifted else None,
        n_reference=48_213,
        n_current=5_803,
        missing_reference=0.0,
        missing_current=0.0,
        distances={"psi": 0.012, "js": 0.05, "chi2": 14.2},
        sight="Changes above 1.6 points can be seen in one window.",
        bins=v.Bins(
            labels=labels, reference=tuple(map(float, share)), current=tuple(map(float, moved))
        ),
        history=points,
        since=points[-5].window_start if drifted else None,
    )
