"""Views as a year of production would fill them, made from a seed."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from PIL import Image

from reports import view as v

START = datetime(2013, 3, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
GENERATED = datetime(2013, 12, 9, 6, 0, 4, tzinfo=UTC)
_Z = 1.96

WEATHER = {"temp": 0.9, "dewp": 0.8, "humid": 0.25, "wind_speed": 0.12, "pressure": 0.1, "visib": 0.1}
CALM_NUMERIC = ("distance", "sched_dep_minute", "sched_arr_minute", "air_time_planned", "seats", "plane_age",
                "wind_dir", "precip", "score", "crew_hours")  # fmt: skip
CATEGORIES = {
    "origin": ("EWR", "JFK", "LGA"),
    "carrier": ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "other"),
    "dest": tuple(f"D{i:02d}" for i in range(24)) + ("other",),
    "weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "late15": ("0", "1"),
    "pred": ("0", "1"),
}  # fmt: skip


def gauss_bins(shift: float, spread: float = 1.0, *, low: float = -3.2, high: float = 3.2,
               centre: float = 0.0, unit: float = 1.0, size: int = 24) -> v.Bins:  # fmt: skip
    edges = np.linspace(low, high, size + 1)

    def shares(mean: float, sd: float) -> tuple[float, ...]:
        cumulative = [0.5 * (1 + math.erf((e - mean) / (sd * math.sqrt(2)))) for e in edges]
        cumulative[0], cumulative[-1] = 0.0, 1.0
        return tuple(float(share) for share in np.diff(cumulative))

    real = [float(centre + unit * edge) for edge in edges]
    return v.Bins(
        labels=tuple(f"{a:.1f} … {b:.1f}" for a, b in zip(real, real[1:], strict=False)),
        reference=shares(0.0, 1.0),
        current=shares(shift, spread),
        edges=(-math.inf, *real[1:-1], math.inf),
    )


def history(effects: np.ndarray, se: float, gate: float, *, start: datetime = START,
            gaps: tuple[int, ...] = ()) -> tuple[v.HistoryPoint, ...]:  # fmt: skip
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


def numeric(name: str, effects: np.ndarray, *, se: float = 0.03, gate: float = 0.05,
            centre: float = 0.0, unit: float = 1.0, role: str = "feature", parent: str = "",
            gaps: tuple[int, ...] = (), start: datetime = START) -> v.ColumnView:  # fmt: skip
    points = history(effects, se, gate, gaps=gaps, start=start)
    now = float(effects[-1])
    first = next((p.window_start for p in points if p.drifted), None)
    drifted = points[-1].drifted
    z = abs(now) / se
    p = math.erfc(z / math.sqrt(2))
    word = "higher" if now > 0 else "lower"
    return v.ColumnView(
        name=name, kind="numeric", role=role, parent=parent, drifted=drifted,
        severity="warning" if drifted else "info",
        statement=f"The mean is {abs(now):.2f} sd {word}: {centre + now * unit:.1f}, was {centre:.1f}."
        if drifted else "",
        statistic="location", effect=now, unit="sd", interval=(now - _Z * se, now + _Z * se),
        gate=gate, p_value=p, threshold=2.3e-5, once_in_years=min(1e9, 0.003 / p) if p else 1e12,
        n_reference=48_213, n_current=5_803, missing_reference=0.0012, missing_current=0.0009,
        distances={"psi": now**2 * 0.9, "js": abs(now) * 0.2, "ks": abs(now) * 0.38, "wasserstein": abs(now)},
        sight=f"Shifts above {2.2 * se:.2f} sd can be seen in one window, above {1.1 * se:.2f} sd in eight.",
        bins=gauss_bins(now, centre=centre, unit=unit),
        history=points, since=first if drifted else None,
        findings=(
            v.FindingView(check="drift.numeric", message=f"Kolmogorov–Smirnov distance {abs(now) * 0.38:.3f}.", p_value=p),
        ) if drifted else (),
    )  # fmt: skip


def categorical(name: str, rng: np.random.Generator, *, drift: float = 0.0, role: str = "feature",
                weeks: int = 40) -> v.ColumnView:  # fmt: skip
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
        name=name, kind="categorical", role=role, drifted=drifted,
        severity="warning" if drifted else "info",
        statement=f"`{labels[0]}` has {100 * moved[0]:.1f} % of the rows, was {100 * share[0]:.1f} %." if drifted else "",
        statistic=f"level {labels[0]}", effect=float(effects[-1]), unit="share",
        interval=(float(effects[-1]) - 0.008, float(effects[-1]) + 0.008), gate=0.005,
        p_value=1e-9 if drifted else 0.41, threshold=2.3e-5,
        once_in_years=4200.0 if drifted else None,
        n_reference=48_213, n_current=5_803, missing_reference=0.0, missing_current=0.0,
        distances={"psi": 0.012, "js": 0.05, "chi2": 14.2},
        sight="Changes above 1.6 points can be seen in one window.",
        bins=v.Bins(labels=labels, reference=tuple(map(float, share)), current=tuple(map(float, moved))),
        history=points, since=points[-5].window_start if drifted else None,
    )  # fmt: skip


def flights(weeks: int = 40) -> v.ReportView:
    rng = np.random.default_rng(20130304)
    season = np.sin(np.linspace(-0.15, 1.0, weeks) * math.pi)
    columns = []
    for name, size in WEATHER.items():
        effects = size * season * 1.1 + rng.normal(0, 0.06, weeks)
        if name == "temp":
            effects[-1] = 0.83
        columns.append(numeric(name, effects, centre=37.6, unit=10.4, gaps=(17,)))
    columns += [
        numeric(name, rng.normal(0, 0.022, weeks), centre=1040, unit=730, role="score" if name == "score" else "feature")
        for name in CALM_NUMERIC
    ]
    columns += [
        categorical("origin", rng, weeks=weeks), categorical("carrier", rng, drift=0.021, weeks=weeks),
        categorical("dest", rng, weeks=weeks), categorical("weekday", rng, weeks=weeks),
        categorical("late15", rng, drift=-0.05, role="label", weeks=weeks),
        categorical("pred", rng, role="prediction", weeks=weeks),
    ]  # fmt: skip
    columns.append(
        v.ColumnView(name="tail_age_at_service", enough=False, n_reference=48_213, n_current=12,
                     statement="Too few rows to say: 12 have a value, 180 are needed.")
    )  # fmt: skip
    columns += [v.ColumnView(name="id", kind="categorical", role="id"), v.ColumnView(name="ts", kind="datetime", role="timestamp")]
    end = START + weeks * WEEK
    return v.ReportView(
        monitor="flights", generated_at=GENERATED, version="0.1.0",
        window_start=end - WEEK, window_end=end,
        rows_reference=48_213, rows_current=5_812,
        reference_label="1 Jan – 28 Feb 2013, 8 windows",
        alarms=(
            v.AlarmView(
                key="column:temp", title="`temp` and 5 more columns differ from the reference", state="open",
                since=START + 4 * WEEK, windows_open=36, columns=("temp", "dewp", "humid"),
                what=("The mean of `temp` is 0.83 sd higher: 46.2, was 37.6.", "`dewp`, `humid` and 3 more moved with it.",
                      "The reference has seen January and February only; a season needs a year."),
                once_in_years=3_214.0, budget_text="One false mail a year is allowed over 22 columns and 52 windows.",
                acknowledge="driftloop alarms acknowledge flights column:temp",
            ),
            v.AlarmView(
                key="column:carrier", title="`carrier`: `UA` comes more often", state="opened", since=end - WEEK,
                columns=("carrier",), what=("`UA` has 23.4 % of the rows, was 21.3 %.",), once_in_years=41.0,
                acknowledge="https://drift.example.org/alarms/flights/carrier?token=abc",
            ),
            v.AlarmView(key="volume", title="The window had half of its usual rows", state="closed",
                        since=end - 5 * WEEK, windows_open=2),
        ),
        columns=tuple(columns),
        balance=(
            v.BalanceView(
                title="Label `late15`",
                rows=(
                    v.BalanceRow(label="0", reference=0.774, current=0.823, current_interval=(0.812, 0.833), drifted=True),
                    v.BalanceRow(label="1", reference=0.226, current=0.177, current_interval=(0.167, 0.188), drifted=True),
                ),
                note="Labels of 97.1 % of the rows are back.",
            ),
            v.BalanceView(
                title="Prediction `pred`",
                rows=(
                    v.BalanceRow(label="0", reference=0.91, current=0.914, current_interval=(0.906, 0.921)),
                    v.BalanceRow(label="1", reference=0.09, current=0.086, current_interval=(0.079, 0.094)),
                ),
            ),
        ),
        bias=tuple(
            v.BiasGroup(
                metric=metric, segment=segment, group=group, n=n, value=value, interval=(value - wide, value + wide),
                reference=reference, gap=value - 0.19, gap_interval=(value - 0.19 - wide, value - 0.19 + wide),
                drifted=group == "JFK" and metric == "selection_rate",
                verdict="differs from the reference" if group == "JFK" and metric == "selection_rate" else "",
            )
            for metric, segment, group, n, value, wide, reference in (
                ("selection_rate", "origin", "EWR", 2110, 0.206, 0.017, 0.213),
                ("selection_rate", "origin", "JFK", 1908, 0.247, 0.019, 0.181),
                ("selection_rate", "origin", "LGA", 1794, 0.158, 0.017, 0.166),
                ("true_positive_rate", "carrier", "UA", 1032, 0.41, 0.06, 0.43),
                ("true_positive_rate", "carrier", "B6", 984, 0.38, 0.06, 0.40),
                ("true_positive_rate", "carrier", "EV", 871, 0.52, 0.06, 0.50),
                ("true_positive_rate", "carrier", "AA", 604, 0.35, 0.09, 0.39),
            )
        ) + (v.BiasGroup(metric="true_positive_rate", segment="carrier", group="HA", n=7, verdict="too few rows to say: 84 are needed"),),
        performance=tuple(
            v.PerformanceView(
                metric=metric, estimated=estimated, value=value, interval=(value - 0.012, value + 0.012), reference=reference,
                n=5_640 if not estimated else 5_812, drifted=metric == "roc_auc",
                history=tuple(
                    v.ValuePoint(window_start=START + i * WEEK, value=None if i == 17 else level,
                                 interval=None if i == 17 else (level - 0.014, level + 0.014))
                    for i, level in enumerate(value - 0.02 * season + rng.normal(0, 0.005, weeks))
                ),
            )
            for metric, estimated, value, reference in (
                ("accuracy", False, 0.812, 0.804), ("roc_auc", False, 0.701, 0.742), ("estimated_accuracy", True, 0.806, 0.804)
            )
        ),
        quality=(
            v.QualityView(check="quality.missing", column="wind_dir", message="4.1 % of the values are missing, was 0.6 %.",
                          count=238, rows=("2013-12-02-UA-1141", "2013-12-02-B6-725", "2013-12-03-DL-461"), since=end - 2 * WEEK),
            v.QualityView(check="quality.new_categories", column="dest", severity="info", message="1 level that the reference does not have: `SBN`.", count=6),
        ),
        queue=tuple(
            v.QueueCard(
                row_id=f"2013-12-0{1 + i % 7}-UA-{1100 + i}", reason=reason, reason_text=text, score=0.51 + i / 40,
                inclusion_probability=0.0121 * (1 + i % 3), prediction=str(i % 2),
                fields=(("carrier", "UA"), ("origin", "JFK"), ("temp", f"{44 + i}"), ("distance", "2,475")),
            )
            for i, (reason, text) in enumerate(
                [("drifted", "Lies where the training set is thin: `temp` above 45."), ("ambiguous", "The model is undecided."),
                 ("random", "Drawn at random."), ("underrepresented", "`HA` from JFK has 3 rows in the training set.")] * 2
            )
        ),
        queue_total=50, queue_candidates=2_000, queue_hint="Export them with `driftloop queue export flights --format label-studio`.",
        marks=(v.Mark(at=START + 22 * WEEK, label="model v2"),),
        notes=(
            v.Note(kind="season", text="The reference has seen the weeks of January and February; from March on a season cannot be told from drift."),
            v.Note(kind="sight", text="3 of 22 columns can only show changes above 0.2 sd; a longer reference would sharpen that."),
        ),
        report_url="https://drift.example.org/reports/flights/2013-12-02", duration_seconds=1.84, rows_per_second=31_400,
    )  # fmt: skip


def quiet() -> v.ReportView:
    rng = np.random.default_rng(5)
    names = [*CALM_NUMERIC, *WEATHER, *(f"sensor_{i:02d}" for i in range(14))]
    columns = tuple(numeric(name, rng.normal(0, 0.02, 40), centre=10, unit=2) for name in names)
    return replace(
        flights(), columns=columns, alarms=(), balance=(), bias=(), performance=(), quality=(), queue=(),
        queue_total=0, marks=(), notes=(),
    )  # fmt: skip


def thumbnail(rng: np.random.Generator) -> bytes:
    y, x = np.mgrid[0:28, 0:28]
    cx, cy, r = rng.uniform(9, 19, 2).tolist() + [rng.uniform(5, 11)]
    body = np.clip(1 - np.hypot(x - cx, (y - cy) * rng.uniform(0.6, 1.4)) / r, 0, 1) ** 0.4
    pixels = (255 * body * (0.75 + 0.25 * np.sin(x * rng.uniform(0.2, 1.6)))).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def fashion(weeks: int = 11) -> v.ReportView:
    rng = np.random.default_rng(3)
    start = datetime(2024, 1, 8, tzinfo=UTC)
    ramp = np.concatenate([np.zeros(5), np.linspace(0.15, 0.8, weeks - 5)])
    derived = [
        numeric(f"embedding.{part}", size * ramp + rng.normal(0, 0.04, weeks), se=0.05, parent="embedding", start=start)
        for part, size in (("pc0", 1.0), ("pc1", -0.3), ("pc2", 0.02), ("pc3", 0.0), ("residual", 0.9),
                           ("centroid_distance", 0.8), ("novelty", 1.4), ("norm", 0.05))
    ]  # fmt: skip
    owner = v.ColumnView(
        name="embedding", kind="embedding", drifted=True, severity="critical", since=start + 5 * WEEK,
        statement="Rows lie further from all that the reference has: `novelty` is 1.12 sd higher; 38 of 300 rows are beyond its 99 %.",
    )  # fmt: skip
    classes = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    prediction = v.ColumnView(
        name="pred", kind="categorical", role="prediction", statistic="level Sandal", effect=0.004, unit="share", gate=0.005,
        p_value=0.2, bins=v.Bins(labels=classes, reference=(0.1,) * 10, current=(0.09, 0.11, 0.1, 0.1, 0.1, 0.104, 0.1, 0.1, 0.1, 0.096)),
    )  # fmt: skip
    reasons = [("novel", "Nothing like it in the training set."), ("drifted", "Lies where the training set is thin."),
               ("ambiguous", "Shirt or Coat: the scores are 0.41 and 0.39."), ("random", "Drawn at random.")]  # fmt: skip
    return v.ReportView(
        monitor="fashion", generated_at=datetime(2024, 3, 25, 6, tzinfo=UTC), version="0.1.0",
        window_start=start + (weeks - 1) * WEEK, window_end=start + weeks * WEEK, rows_reference=2_100, rows_current=300,
        reference_label="week 0, seven windows in file order", columns=(owner, *derived, prediction),
        alarms=(v.AlarmView(key="column:embedding", title="`embedding` differs from the reference", state="opened",
                            since=start + 5 * WEEK, windows_open=6, columns=("embedding",), severity="critical",
                            what=("`novelty` is 1.12 sd higher.", "`pc0` moved by 0.8 sd."), once_in_years=2.2e7,
                            acknowledge="driftloop alarms acknowledge fashion column:embedding"),),
        queue=tuple(
            v.QueueCard(row_id=f"img-{1000 + i}", reason=reasons[i % 4][0], reason_text=reasons[i % 4][1], score=0.35 + i / 60,
                        inclusion_probability=None if i == 11 else 0.08 + i / 200, prediction=classes[i % 10],
                        image_png=thumbnail(rng))
            for i in range(20)
        ),
        queue_total=50, queue_candidates=300, queue_hint="Export them with `driftloop queue export fashion`.",
        notes=(v.Note(kind="learning", text="The reference has seven windows in file order, no weeks of its own."),),
        duration_seconds=0.9, rows_per_second=900,
    )  # fmt: skip


NASTY = (
    '<script>alert("x")</script>',
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style><svg onload=alert(1)>",
    "user\u202egnp.exe\u2066",
    "nul\x00bell\x07esc\x1b[31m\x9b",
    "long " + "x" * 495,
    "Z" + "\u0351" * 200,
    "{{ 7*7 }}{% raw %}",
    "line\nbreak\r\nBcc: victim@example.com",
    "javascript:alert(1)",
    "lone\ud800surrogate",
    "عمود البيانات",
    "🛫 departures `ticks` ``",
    "",
    "&lt;b&gt; &amp; ]]> -->",
)  # fmt: skip


def hostile() -> v.ReportView:
    """Every text of the view is one of `NASTY`."""
    base = flights(12)
    columns = tuple(
        replace(
            base.columns[i % len(base.columns)], name=text, statement=text, statistic=text, sight=text, kind=text, role=text,
            distances={text: float("nan")},
            bins=v.Bins(labels=NASTY, reference=(0.05,) * len(NASTY), current=(float("nan"), *(0.05,) * (len(NASTY) - 1))),
            findings=(v.FindingView(check=text, message=text, segment=text, p_value=0.0),), drifted=i % 2 == 0,
            interval=(float("nan"), float("inf")), effect=float("inf") if i % 3 else float("nan"),
        )
        for i, text in enumerate(NASTY)
    )  # fmt: skip
    return replace(
        base, columns=columns, monitor=NASTY[1], version=NASTY[0], reference_label=NASTY[4], current_label=NASTY[2],
        alarms=tuple(v.AlarmView(key=t, title=t, columns=(t,), what=(t,), budget_text=t, acknowledge=t, once_in_years=0.01) for t in NASTY),
        balance=tuple(v.BalanceView(title=t, note=t, rows=(v.BalanceRow(label=t, reference=0.1, current=float("nan")),)) for t in NASTY),
        bias=tuple(v.BiasGroup(metric=t, segment=t, group=t, n=3, verdict=t, value=0.5, interval=(0.0, float("inf"))) for t in NASTY),
        performance=tuple(v.PerformanceView(metric=t, value=float("nan"), note=t) for t in NASTY),
        quality=tuple(v.QualityView(check=t, message=t, column=t, rows=(t,) * 20) for t in NASTY),
        queue=tuple(
            v.QueueCard(row_id=t, reason=t, reason_text=t, prediction=t, fields=((t, t),), image_png=t.encode("utf-8", "replace"))
            for t in NASTY
        ),
        marks=tuple(v.Mark(at=START + i * WEEK, label=t) for i, t in enumerate(NASTY[:8])),
        notes=tuple(v.Note(text=t, kind=t) for t in NASTY), queue_hint=NASTY[0], report_url=NASTY[10], verdict="",
    )  # fmt: skip


def wide(columns: int = 50, weeks: int = 52) -> v.ReportView:
    rng = np.random.default_rng(1)
    made = [
        numeric(f"feature_{i:03d}", rng.normal(0.02 * (i % 9), 0.05, weeks), centre=10 * i, unit=3)
        for i in range(columns - 10)
    ] + [replace(categorical("dest", rng, weeks=weeks), name=f"category_{i}") for i in range(10)]
    return replace(flights(), columns=tuple(made))
