"""A view of a monitor of images: an embedding with derived columns, a queue of thumbnails."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
from PIL import Image
from report_making import WEEK, numeric

from reports import view as v


def thumbnail(rng: np.random.Generator) -> bytes:
    y, x = np.mgrid[0:28, 0:28]
    cx, cy, r = [*rng.uniform(9, 19, 2).tolist(), rng.uniform(5, 11)]
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
        numeric(
            f"embedding.{part}",
            size * ramp + rng.normal(0, 0.04, weeks),
            se=0.05,
            parent="embedding",
            start=start,
        )
        for part, size in (
            ("pc0", 1.0),
            ("pc1", -0.3),
            ("pc2", 0.02),
            ("pc3", 0.0),
            ("residual", 0.9),
            ("centroid_distance", 0.8),
            ("novelty", 1.4),
            ("norm", 0.05),
        )
    ]
    owner = v.ColumnView(
        name="embedding",
        kind="embedding",
        drifted=True,
        severity="critical",
        since=start + 5 * WEEK,
        statement="Rows lie further from all that the reference has: `novelty` is 1.12 sd "
        "higher; 38 of 300 rows are beyond its 99 %.",
    )
    classes = (
        "T-shirt",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    prediction = v.ColumnView(
        name="pred",
        kind="categorical",
        role="prediction",
        statistic="level Sandal",
        effect=0.004,
        unit="share",
        gate=0.005,
        p_value=0.2,
        bins=v.Bins(
            labels=classes,
            reference=(0.1,) * 10,
            current=(0.09, 0.11, 0.1, 0.1, 0.1, 0.104, 0.1, 0.1, 0.1, 0.096),
        ),
    )
    reasons = [
        ("novel", "Nothing like it in the training set."),
        ("drifted", "Lies where the training set is thin."),
        ("ambiguous", "Shirt or Coat: the scores are 0.41 and 0.39."),
        ("random", "Drawn at random."),
    ]
    return v.ReportView(
        monitor="fashion",
        generated_at=datetime(2024, 3, 25, 6, tzinfo=UTC),
        version="0.1.0",
        window_start=start + (weeks - 1) * WEEK,
        window_end=start + weeks * WEEK,
        rows_reference=2_100,
        rows_current=300,
        reference_label="week 0, seven windows in file order",
        columns=(owner, *derived, prediction),
        alarms=(
            v.AlarmView(
                key="column:embedding",
                title="`embedding` differs from the reference",
                state="opened",
                since=start + 5 * WEEK,
                windows_open=6,
                columns=("embedding",),
                severity="critical",
                what=("`novelty` is 1.12 sd higher.", "`pc0` moved by 0.8 sd."),
                once_in_years=2.2e7,
                acknowledge="driftloop alarms acknowledge fashion column:embedding",
            ),
        ),
        queue=tuple(
            v.QueueCard(
                row_id=f"img-{1000 + i}",
                reason=reasons[i % 4][0],
                reason_text=reasons[i % 4][1],
                score=0.35 + i / 60,
                inclusion_probability=None if i == 11 else 0.08 + i / 200,
                prediction=classes[i % 10],
                image_png=thumbnail(rng),
            )
            for i in range(20)
        ),
        queue_total=50,
        queue_candidates=300,
        queue_hint="Export them with `driftloop queue export fashion`.",
        notes=(
            v.Note(
                kind="learning",
                text="The reference has seven windows in file order, no weeks of its own.",
            ),
        ),
        duration_seconds=0.9,
        rows_per_second=900,
    )
