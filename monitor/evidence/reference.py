"""What evidence knows of a reference: learned once for each version and stored with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from monitor.evidence import contrasts as questions
from monitor.evidence import noise, prior, storage
from monitor.evidence.contrasts import Contrasts
from monitor.evidence.grid import PHIS, fixed_cell
from monitor.evidence.layout import BoolArray, Layout, empty_layout, flatten, layout_of
from monitor.evidence.types import FloatArray, IntArray, Observation, Scalar, Series

#: With fewer windows the promise is kept only by seeing very little.
FEWEST_WINDOWS = 6
#: A share with fewer expected rows a window cannot show how it varies.
FEWEST_EXPECTED = 2.0
#: What such a share is taken to do: (kappa, phi).
ASSUMED = (1.0, 0.5)
#: Bins and skewness are judged if at most this share of reference windows is silent on them.
MOST_SILENT = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The frozen knowledge of a reference. Build it with `learn`, keep it with `to_bytes`.

    Arrays run over contrasts (series first, then scalars) unless said otherwise.
    """

    layout: Layout
    contrasts: Contrasts
    scalars: tuple[Scalar, ...]
    windows: int  #: windows with rows
    weights: FloatArray  #: posterior over the grid, (n_contrasts, CELLS), rounded to float32
    sampling: FloatArray  #: v0, the sampling variance of a typical reference window
    coefficients: FloatArray  #: of the design, (n_contrasts, rank)
    pattern: IntArray  #: index into `errors`, -1 where the reference has nothing
    errors: FloatArray  #: `noise.reference_error` of each, (n_patterns, 1 + len(PHIS), rank, rank)
    leaning: FloatArray  #: third cumulant of the variation between windows, (n_contrasts,)
    mean_row: FloatArray  #: the design's mean row, (rank,)
    rows: FloatArray  #: typical rows of a window: with a value, and all, (n_series, 2)
    centre: FloatArray  #: mean of each scalar over the reference, (n_scalars,)

    @property
    def judged(self) -> tuple[Series | Scalar, ...]:
        """Series first, then scalars: what `contrasts.column` counts."""
        return (*self.layout.series, *self.scalars)

    @property
    def short(self) -> bool:
        """Fewer than six windows: the report must say that ordinary variation is hardly known."""
        return self.windows < FEWEST_WINDOWS

    @classmethod
    def learn(
        cls,
        series: Sequence[Series],
        scalars: Sequence[Scalar],
        windows: Sequence[Observation],
        *,
        design_effects: Mapping[str, float],
        missing_design_effects: Mapping[str, float] | None = None,
    ) -> Reference:
        """Learn how the columns vary from window to window.

        Parameters
        ----------
        series, scalars : what is judged. Names must be unique over both.
        windows : the reference's windows, oldest first, at equal distances in time; a window
            without rows keeps its place. What their `calendar` says is taken out (a constant is
            added to it); `judge` then wants as many numbers of the recent windows.
        design_effects, missing_design_effects : by series name, >= 1: by how much rows that come
            in clusters inflate the variance of a mean, and of the missing share. Names that are
            absent, and values below 1 or not finite, count as 1.

        Raises
        ------
        ProfileError
            If a window's bins do not fit its series.
        ValueError
            If the windows do not all know equally many numbers of the calendar.
        """
        counts, missing, _ = flatten(empty_layout(series), windows)
        layout = layout_of(series, counts.sum(axis=0), missing.sum(axis=0))
        design = _design(windows)
        filled = np.stack([layout.per_series(counts), layout.per_series(counts) + missing], axis=2)
        rows = _typical_rows(filled)
        delta = _effects(series, design_effects)
        delta_missing = _effects(series, missing_design_effects or {})
        table = questions.table(layout, rows, delta, delta_missing)
        values = questions.evaluate(table, layout, counts, missing)
        table = questions.by_factors(table, values)
        values = questions.evaluate(table, layout, counts, missing)
        values = replace(values, location=_beyond_calendar(values, design))
        centre, centred, noises = _scalar_series(scalars, windows)
        table = _with_scalars(table, len(series), centred)
        table, standard = _regular(table, values, centred)
        with np.errstate(divide="ignore"):
            variances = np.concatenate([1 / filled[:, :, 0], 1 / filled[:, :, 1], noises], axis=1)
        learned = _learn_noise(table, standard, variances, rows, design)
        return cls(
            layout=layout,
            contrasts=table,
            scalars=tuple(scalars),
            windows=int((filled[:, :, 1].sum(axis=1) > 0).sum() if series else len(windows)),
            mean_row=design.mean(axis=0) if len(design) else np.ones(design.shape[1]),
            rows=rows,
            centre=centre,
            **learned,
        )

    def to_bytes(self) -> bytes:
        """An npz archive with a version; no pickle inside."""
        arrays = {f"layout.{name}": getattr(self.layout, name) for name in storage.LAYOUT_ARRAYS}
        arrays |= {
            f"contrasts.{one.name}": getattr(self.contrasts, one.name) for one in fields(Contrasts)
        }
        arrays |= {name: getattr(self, name) for name in _ARRAYS}
        arrays["weights"] = self.weights.astype(np.float32)
        return storage.pack(arrays, self.layout.series, self.scalars, self.windows)

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Read what `to_bytes` wrote.

        Raises
        ------
        ProfileError
            If these bytes are no reference, or one of another version.
        """
        arrays, series, scalars, windows = storage.unpack(data)
        arrays["weights"] = arrays["weights"].astype(np.float64)
        return cls(
            layout=Layout(
                series, **{name: arrays[f"layout.{name}"] for name in storage.LAYOUT_ARRAYS}
            ),
            contrasts=Contrasts(*(arrays[f"contrasts.{one.name}"] for one in fields(Contrasts))),
            scalars=scalars,
            windows=windows,
            **{name: arrays[name] for name in _ARRAYS},
        )


_ARRAYS = (
    "weights", "sampling", "coefficients", "pattern", "errors", "leaning", "mean_row", "rows",
    "centre",
)  # fmt: skip


def _effects(series: Sequence[Series], given: Mapping[str, float]) -> FloatArray:
    values = np.array([float(given.get(one.name, 1.0)) for one in series], dtype=np.float64)
    return np.where(np.isfinite(values), np.maximum(values, 1.0), 1.0)


def _design(windows: Sequence[Observation]) -> FloatArray:
    known = {len(one.calendar) for one in windows}
    if len(known) > 1:
        msg = f"reference windows know {sorted(known)} numbers of the calendar; give all the same"
        raise ValueError(msg)
    return np.array([(1.0, *one.calendar) for one in windows]).reshape(len(windows), -1)


def _typical_rows(filled: FloatArray) -> FloatArray:
    """Harmonic mean of the rows of the windows that have any, shape (n_series, 2)."""
    some = filled > 0
    inverse = np.where(some, 1.0 / np.maximum(filled, 1.0), 0.0).sum(axis=0)
    result: FloatArray = some.sum(axis=0) / np.where(inverse > 0, inverse, np.inf)
    return result


def _scalar_series(
    scalars: Sequence[Scalar], windows: Sequence[Observation]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means, centred series (nan where absent) and sampling variances (inf where absent)."""
    given = np.full((len(windows), len(scalars), 2), np.nan)
    for row, window in enumerate(windows):
        for column, scalar in enumerate(scalars):
            given[row, column] = window.scalars.get(scalar.name, (np.nan, np.nan))
    value, variance = given[:, :, 0], given[:, :, 1]
    has = np.isfinite(value) & np.isfinite(variance) & (variance >= 0)
    count = np.maximum(has.sum(axis=0), 1)
    centre = np.where(has, value, 0.0).sum(axis=0) / count
    centred = np.where(has, value - centre, np.nan)
    observed = np.where(has, centred, 0.0) ** 2
    # A variance of 0 would leave the grid without a unit.
    least = np.maximum(1e-4 * observed.sum(axis=0) / count, 1e-12 * (centre**2 + 1e-6))
    return centre, centred, np.where(has, np.maximum(variance, least), np.inf)


def _with_scalars(table: Contrasts, series: int, centred: FloatArray) -> Contrasts:
    count = centred.shape[1]
    extra = Contrasts(
        kind=np.full(count, questions.SCALAR),
        column=series + np.arange(count),
        cell=np.full(count, -1),
        weight=np.ones(count),
        share=np.full(count, np.nan),
        complement=np.zeros(count, dtype=np.bool_),
        logit=np.zeros(count, dtype=np.bool_),
        skewness=np.zeros(count),
        design_effect=np.ones(count),
        judged=np.isfinite(centred).sum(axis=0) >= 2,
    )
    return questions.joined(table, extra)


def _beyond_calendar(values: questions.Values, design: FloatArray) -> FloatArray:
    """Locations without what the calendar explains: else a weekday's bins would never be judged.

    A fit by least squares over the windows that have rows at all; shape as `values.location`.
    """
    location = values.location
    some = (values.rows > 0).any(axis=1)
    if design.shape[1] == 1 or not some.any():
        return location
    coefficients = np.linalg.lstsq(design[some], location[some], rcond=None)[0]
    return np.asarray(location - design @ coefficients, dtype=np.float64)


def _regular(
    table: Contrasts, values: questions.Values, centred: FloatArray
) -> tuple[Contrasts, FloatArray]:
    """The reference series, with silent windows at 0; contrasts that are mostly silent drop out."""
    silent = questions.silent(table.take(table.kind != questions.SCALAR), values.location)
    has = values.rows > 0
    kept = 1 - (silent & has).sum(axis=0) / np.maximum(has.sum(axis=0), 1)
    series = np.where(silent, 0.0, values.value) / np.sqrt(np.maximum(kept, 1e-9))
    judged = table.judged.copy()
    judged[: len(kept)] &= kept >= 1 - MOST_SILENT
    return replace(table, judged=judged), np.concatenate([series, np.nan_to_num(centred)], axis=1)


def _learn_noise(
    table: Contrasts,
    series: FloatArray,
    variances: FloatArray,
    rows: FloatArray,
    design: FloatArray,
) -> dict[str, Any]:
    """Posterior, unit variance, coefficients and their error for each contrast."""
    found, of_source = noise.patterns(variances, design)
    source = _sources(table, len(rows))
    pattern = of_source[source] if len(source) else source
    finite = np.isfinite(variances)
    mean = np.where(finite, variances, 0.0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    sampling = table.design_effect * (mean[source] if len(source) else np.zeros(0))
    sampling = np.where(sampling > 0, sampling, 1.0)
    scaled = series / np.sqrt(sampling)
    likelihood = np.zeros((len(source), len(fixed_cell(*ASSUMED))))
    coefficients = np.zeros((len(source), design.shape[1]))
    left = np.zeros_like(series)
    leaning = np.zeros(len(source))
    skewness = _of_rows(table, sampling)
    for number, one in enumerate(found):
        of = np.flatnonzero(pattern == number)
        part = scaled[np.ix_(one.at, of)]
        likelihood[of] = noise.log_likelihood(one, part)
        coefficients[of] = (one.fit @ series[np.ix_(one.at, of)]).T
        left[np.ix_(one.at, of)] = rest = noise.residuals(one, part)
        leaning[of] = noise.leaning(rest, skewness[of])
    rare = table.is_share & (_expected(table, rows) < FEWEST_EXPECTED)
    degrees = len(design) - (int(np.linalg.matrix_rank(design)) if len(design) else 0)
    weights = prior.posteriors(
        likelihood,
        table.kind,
        table.column,
        left,
        degrees=degrees,
        counted=table.judged & ~rare & (pattern >= 0),
    )
    weights[rare] = fixed_cell(*ASSUMED)
    shape = (0, 1 + len(PHIS), design.shape[1], design.shape[1])
    errors = [noise.reference_error(one) for one in found]
    return {
        "weights": weights.astype(np.float32).astype(np.float64),
        "sampling": sampling,
        "coefficients": coefficients,
        "pattern": pattern,
        "leaning": np.where(rare, 0.0, leaning * sampling**1.5),
        "errors": np.stack(errors) if errors else np.zeros(shape),
    }


def _of_rows(table: Contrasts, sampling: FloatArray) -> FloatArray:
    """Third cumulant that the rows of a typical window give a contrast, in units of v0^1.5."""
    delta = table.design_effect
    result: FloatArray = table.skewness * np.sqrt(sampling) * (2 - 1 / delta)
    return result


def _sources(table: Contrasts, series: int) -> IntArray:
    """Where the sampling variance of a contrast comes from: values, missing flags, scalars."""
    shift = np.where(
        (table.kind == questions.MISSING) | (table.kind == questions.SCALAR), series, 0
    )
    result: IntArray = table.column + shift
    return result


def _expected(table: Contrasts, rows: FloatArray) -> FloatArray:
    """Rows of the judged share expected in a typical window; nan where it is no share."""
    column = np.minimum(table.column, max(0, len(rows) - 1))
    if not len(rows):
        return np.full(len(column), np.nan)
    window = np.where(table.kind == questions.MISSING, rows[column, 1], rows[column, 0])
    result: FloatArray = window * table.share
    return result


def known(reference: Reference) -> BoolArray:
    """Contrasts of which the reference can say anything, shape (n_contrasts,)."""
    return reference.contrasts.judged & (reference.pattern >= 0)
