"""Streams of windows whose labels can be bought: real images and flights, for `bench.relabel`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.core.columns import Column
from monitor.curation.features import FeatureSpace, features

FloatArray = npt.NDArray[np.float64]
FOLDER = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data"))
#: Share of the rows that one seed sees: seeds differ in their training set and in their pool.
SHARE = 0.9
FLIGHTS_TRAINING, FLIGHTS_POOL = 5_000, 1_000
_CATEGORIES = ("carrier", "origin", "dest")
_NUMBERS = (
    "distance", "sched_dep_min", "sched_arr_min", "weekday", "temp", "dewp", "humid", "wind_dir",
    "wind_speed", "precip", "pressure", "visib",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Features (n, d), standardised by the training set, and classes (n,)."""

    features: FloatArray
    classes: npt.NDArray[Any]

    def take(self, rows: npt.NDArray[Any]) -> Rows:
        """Some of them."""
        return Rows(self.features[rows], self.classes[rows])


@dataclass(frozen=True, slots=True)
class Step:
    """One window: rows that can be labelled, and the rows on which the model is tried then."""

    pool: Rows
    test: Rows | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A training set and the windows that follow."""

    training: Rows
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A stream by its name; `budgets` are labels over all of its windows."""

    name: str
    make: Callable[[np.random.Generator], Stream]
    kind: str  #: corrupted, unseen, clean, gone, burst, loop
    budgets: tuple[int, ...] = (50, 200, 400)


class Fashion:
    """The stream of images, read once."""

    def __init__(self) -> None:
        names = ["week", "label", "corruption", "unseen_class", "embedding"]
        self.table = pq.read_table(FOLDER / "images_fashion_stream.parquet", columns=names)
        self.week = self.table["week"].to_numpy()
        self.label = self.table["label"].to_numpy().astype(int)
        self.columns = (Column("embedding", "embedding"),)

    def rows(self, *weeks: int) -> npt.NDArray[Any]:
        """Places of the rows of some weeks."""
        return np.flatnonzero(np.isin(self.week, weeks))

    def stream(
        self,
        training: npt.NDArray[Any],
        steps: list[tuple[npt.NDArray[Any], npt.NDArray[Any] | None]],
        rng: np.random.Generator,
        *,
        copies: int = 0,
    ) -> Stream:
        """Seeded parts of the training set and of each pool; tests are whole."""
        own = _part(training, rng)
        space = FeatureSpace.fit(self.table.take(own), self.columns)

        def made(rows: npt.NDArray[Any]) -> Rows:
            return Rows(features(self.table.take(rows), space), self.label[rows])

        windows = []
        for pool, test in steps:
            there = made(_part(pool, rng))
            if copies:
                there = _with_burst(there, copies, rng)
            windows.append(Step(there, None if test is None else made(test)))
        return Stream(made(own), tuple(windows))

    def weekly(self, *weeks: int, test: int, copies: int = 0) -> Callable[..., Stream]:
        """Week after week labelled, tried on `test` after the last."""

        def make(rng: np.random.Generator) -> Stream:
            last = len(weeks) - 1
            steps = [
                (self.rows(week), self.rows(test) if at == last else None)
                for at, week in enumerate(weeks)
            ]
            return self.stream(self.rows(0), steps, rng, copies=copies)

        return make

    def three_classes_unknown(self, rng: np.random.Generator) -> Stream:
        """Clean weeks; three classes, drawn anew by each seed, make up a tenth of pool and test."""
        missing = rng.choice(np.unique(self.label[self.week == 0]), 3, replace=False)
        training = self.rows(0)
        training = training[~np.isin(self.label[training], missing)]
        pool, test = (
            self._tenth(rows, missing, rng) for rows in (self.rows(1, 2), self.rows(3, 4))
        )
        return self.stream(training, [(pool, test)], rng)

    def _tenth(
        self, rows: npt.NDArray[Any], missing: npt.NDArray[Any], rng: np.random.Generator
    ) -> npt.NDArray[Any]:
        new = np.isin(self.label[rows], missing)
        drawn = [rng.choice(rows[new], 80, False), rng.choice(rows[~new], 720, False)]
        return np.concatenate(drawn)


def _part(rows: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    return rng.choice(rows, round(SHARE * len(rows)), replace=False)


def _with_burst(rows: Rows, copies: int, rng: np.random.Generator) -> Rows:
    """Three rows come again and again, as a stuck sensor or a retried request sends them."""
    again = np.repeat(rng.choice(len(rows.classes), 3, replace=False), copies)
    noise = rng.normal(scale=1e-4, size=(len(again), rows.features.shape[1]))
    return Rows(
        np.vstack([rows.features, rows.features[again] + noise]),
        np.concatenate([rows.classes, rows.classes[again]]),
    )


class Flights:
    """Weeks after January and February, each with rows to label; tried on the week after."""

    def __init__(self) -> None:
        names = [*_CATEGORIES, *_NUMBERS, "ts", "week_start", "late15"]
        table = pq.read_table(FOLDER / "flights_nyc_2013.parquet", columns=names)
        self.table = table.filter(pc.is_valid(table["late15"]))
        self.week = np.array(self.table["week_start"].cast(pa.int32()).to_numpy()) // 7
        self.month = pc.month(self.table["ts"]).to_numpy()
        self.label = self.table["late15"].to_numpy(zero_copy_only=False).astype(int)
        self.columns = (
            *(Column(name, "categorical") for name in _CATEGORIES),
            *(Column(name, "numeric") for name in _NUMBERS),
        )

    def loop(self, rng: np.random.Generator) -> Stream:
        """All weeks of the year; a part of the rows of each, so that a head fits in a second."""
        own = rng.choice(np.flatnonzero(self.month <= 2), FLIGHTS_TRAINING, replace=False)
        space = FeatureSpace.fit(self.table.take(own), self.columns)

        def made(rows: npt.NDArray[Any]) -> Rows:
            found = features(self.table.take(rows), space)
            return Rows(np.nan_to_num(found), self.label[rows])

        later = np.unique(self.week[self.month > 2])[1:]
        weeks = [np.flatnonzero(self.week == week) for week in later]
        steps = [
            Step(made(rng.choice(now, min(FLIGHTS_POOL, len(now)), False)), made(then))
            for now, then in pairwise(weeks)
        ]
        return Stream(made(own), tuple(steps))


def streams() -> list[Named]:
    """All streams of the benchmark. Raises `FileNotFoundError` without the test data."""
    fashion, flights = Fashion(), Flights()
    weeks = len(np.unique(flights.week[flights.month > 2])) - 2
    return [
        Named("images 7→8", fashion.weekly(7, test=8), "corrupted"),
        Named("images 5..7→8", fashion.weekly(5, 6, 7, test=8), "corrupted"),
        Named("three classes unknown", fashion.three_classes_unknown, "unseen"),
        Named("images 11→12", fashion.weekly(11, test=12), "unseen week"),
        Named("images 2→3 (clean)", fashion.weekly(2, test=3), "clean"),
        Named("images 8→9 (drift gone)", fashion.weekly(8, test=9), "gone"),
        Named("burst of copies, 7→8", fashion.weekly(7, test=8, copies=100), "burst"),
        Named("flights, 50 a week", flights.loop, "loop", (50 * weeks,)),
    ]
