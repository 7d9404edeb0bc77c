"""Views as a year of production would fill them, made from a seed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from report_making import (
    CALM_NUMERIC,
    GENERATED,
    START,
    WEATHER,
    WEEK,
    categorical,
    numeric,
)

from reports import view as v


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
        numeric(
            name,
            rng.normal(0, 0.022, weeks),
            centre=1040,
            unit=730,
            role="score" if name == "score" else "feature",
        )
        for name in CALM_NUMERIC
    ]
    columns += [
        categorical("origin", rng, weeks=weeks),
        categorical("carrier", rng, drift=0.021, weeks=weeks),
        categorical("dest", rng, weeks=weeks),
        categorical("weekday", rng, weeks=weeks),
        categorical("late15", rng, drift=-0.05, role="label", weeks=weeks),
        categorical("pred", rng, role="prediction", weeks=weeks),
    ]
    columns.append(
        v.ColumnView(
            name="tail_age_at_service",
            enough=False,
            n_reference=48_213,
            n_current=12,
            statement="Too few rows to say: 12 have a value, 180 are needed.",
        )
    )
    columns += [
        v.ColumnView(name="id", kind="categorical", role="id"),
        v.ColumnView(name="ts", kind="datetime", role="timestamp"),
    ]
    end = START + weeks * WEEK
    return v.ReportView(
        monitor="flights",
        generated_at=GENERATED,
        version="0.1.0",
        window_start=end - WEEK,
        window_end=end,
        rows_reference=48_213,
        rows_current=5_812,
        reference_label="1 Jan – 28 Feb 2013, 8 windows",
        budget_text="1 false mail a year, shared over 22 columns and 52 windows",
        alarms=(
            v.AlarmView(
                key="column:temp",
                subject="`temp`",
                title="`temp` and 5 more columns differ from the reference",
                state="open",
                since=START + 4 * WEEK,
                windows_open=36,
                columns=("temp", "dewp", "humid"),
                what=(
                    "The mean of `temp` is 0.83 sd higher: 46.2, was 37.6.",
                    "`dewp`, `humid` and 3 more moved with it.",
                    "The reference has seen January and February only; a season needs a year.",
                ),
                once_in_years=3_214.0,
                acknowledge="driftloop alarms acknowledge flights column:temp",
            ),
            v.AlarmView(
                key="column:carrier",
                title="`carrier`: `UA` comes more often",
                state="opened",
                since=end - WEEK,
                columns=("carrier",),
                what=("`UA` has 23.4 % of the rows, was 21.3 %.",),
                once_in_years=41.0,
                acknowledge="https://drift.example.org/alarms/flights/carrier?token=abc",
            ),
            v.AlarmView(
                key="volume",
                title="The window had half of its usual rows",
                state="closed",
                since=end - 5 * WEEK,
                windows_open=2,
            ),
        ),
        columns=tuple(columns),
        balance=(
            v.BalanceView(
                title="Label `late15`",
                rows=(
                    v.BalanceRow(
                        label="0",
                        reference=0.774,
                        current=0.823,
                        current_interval=(0.812, 0.833),
                        drifted=True,
                    ),
                    v.BalanceRow(
                        label="1",
                        reference=0.226,
                        current=0.177,
                        current_interval=(0.167, 0.188),
                        drifted=True,
                    ),
                ),
                note="Labels of 97.1 % of the rows are back.",
            ),
            v.BalanceView(
                title="Prediction `pred`",
                rows=(
                    v.BalanceRow(
                        label="0", reference=0.91, current=0.914, current_interval=(0.906, 0.921)
                    ),
                    v.BalanceRow(
                        label="1", reference=0.09, current=0.086, current_interval=(0.079, 0.094)
                    ),
                ),
            ),
        ),
        bias=(
            *tuple(
                v.BiasGroup(
                    metric=metric,
                    segment=segment,
                    group=group,
                    n=n,
                    value=value,
                    interval=(value - wide, value + wide),
                    reference=reference,
                    gap=value - 0.19,
                    gap_interval=(value - 0.19 - wide, value - 0.19 + wide),
                    drifted=group == "JFK" and metric == "selection_rate",
                    verdict="differs from the reference"
                    if group == "JFK" and metric == "selection_rate"
                    else "",
                )
                for metric, segment, group, n, value, wide, reference in (
                    ("selection_rate", "origin", "EWR", 2110, 0.206, 0.017, 0.213),
                    ("selection_rate", "origin", "JFK", 1908, 0.247, 0.019, 0.181),
                    ("selection_rate", "origin", "LGA", 1794, 0.158, 0.017, 0.166),
                    ("true_positive_rate", "carrier", "UA", 1032, 0.41, 0.06, 0.43),
                    ("true_positive_rate", "carrier", "B6", 984, 0.38, 0.06, 0.4),
                    ("true_positive_rate", "carrier", "EV", 871, 0.52, 0.06, 0.5),
                    ("true_positive_rate", "carrier", "AA", 604, 0.35, 0.09, 0.39),
                )
            ),
            v.BiasGroup(
                metric="true_positive_rate",
                segment="carrier",
                group="HA",
                n=7,
                verdict="too few rows to say: 84 are needed",
            ),
        ),
        performance=tuple(
            v.PerformanceView(
                metric=metric,
                estimated=estimated,
                value=value,
                interval=(value - 0.012, value + 0.012),
                reference=reference,
                n=5_640 if not estimated else 5_812,
                drifted=metric == "roc_auc",
                history=tuple(
                    v.ValuePoint(
                        window_start=START + i * WEEK,
                        value=None if i == 17 else level,
                        interval=None if i == 17 else (level - 0.014, level + 0.014),
                    )
                    for i, level in enumerate(value - 0.02 * season + rng.normal(0, 0.005, weeks))
                ),
            )
            for metric, estimated, value, reference in (
                ("accuracy", False, 0.812, 0.804),
                ("roc_auc", False, 0.701, 0.742),
                ("estimated_accuracy", True, 0.806, 0.804),
            )
        ),
        quality=(
            v.QualityView(
                check="quality.missing",
                column="wind_dir",
                message="4.1 % of the values are missing, was 0.6 %.",
                count=238,
                rows=("2013-12-02-UA-1141", "2013-12-02-B6-725", "2013-12-03-DL-461"),
                since=end - 2 * WEEK,
            ),
            v.QualityView(
                check="quality.new_categories",
                column="dest",
                severity="info",
                message="1 level that the reference does not have: `SBN`.",
                count=6,
            ),
        ),
        queue=tuple(
            v.QueueCard(
                row_id=f"2013-12-0{1 + i % 7}-UA-{1100 + i}",
                reason=reason,
                reason_text=text,
                score=0.51 + i / 40,
                inclusion_probability=0.0121 * (1 + i % 3),
                prediction=str(i % 2),
                fields=(
                    ("carrier", "UA"),
                    ("origin", "JFK"),
                    ("temp", f"{44 + i}"),
                    ("distance", "2,475"),
                ),
            )
            for i, (reason, text) in enumerate(
                [
                    ("drifted", "Lies where the training set is thin: `temp` above 45."),
                    ("ambiguous", "The model is undecided."),
                    ("random", "Drawn at random."),
                    ("underrepresented", "`HA` from JFK has 3 rows in the training set."),
                ]
                * 2
            )
        ),
        queue_total=50,
        queue_candidates=2_000,
        queue_hint="Export them with `driftloop queue export flights --format label-studio`.",
        marks=(v.Mark(at=START + 22 * WEEK, label="model v2"),),
        notes=(
            v.Note(
                kind="season",
                text="The reference has seen January and February; from March on "
                "a season cannot be told from drift.",
            ),
            v.Note(
                kind="sight",
                text="3 of 22 columns can only show changes above 0.2 sd; "
                "a longer reference would sharpen that.",
            ),
        ),
        report_url="https://drift.example.org/reports/flights/2013-12-02",
        duration_seconds=1.84,
        rows_per_second=31_400,
    )


def quiet() -> v.ReportView:
    rng = np.random.default_rng(5)
    names = [*CALM_NUMERIC, *WEATHER, *(f"sensor_{i:02d}" for i in range(14))]
    columns = tuple(numeric(name, rng.normal(0, 0.02, 40), centre=10, unit=2) for name in names)
    return replace(
        flights(),
        columns=columns,
        alarms=(),
        balance=(),
        bias=(),
        performance=(),
        quality=(),
        queue=(),
        queue_total=0,
        marks=(),
        notes=(),
    )


def wide(columns: int = 50, weeks: int = 52) -> v.ReportView:
    rng = np.random.default_rng(1)
    made = [
        numeric(f"feature_{i:03d}", rng.normal(0.02 * (i % 9), 0.05, weeks), centre=10 * i, unit=3)
        for i in range(columns - 10)
    ] + [replace(categorical("dest", rng, weeks=weeks), name=f"category_{i}") for i in range(10)]
    return replace(flights(), columns=tuple(made))


def fewest() -> v.ReportView:
    """The least that a view can be."""
    return v.ReportView(monitor="least", generated_at=GENERATED, version="0.0")
