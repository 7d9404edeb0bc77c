"""The check `drift.mix`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from monitor.checks.context import Context
from monitor.checks.customary import standard_deviation
from monitor.checks.sides import Side, side_of
from monitor.checks.wording import percent, points, quoted
from monitor.core.arrow import filled
from monitor.core.finding import Finding
from monitor.evidence.types import Verdict
from monitor.profiles.chunks import whole
from monitor.profiles.levels import encode_levels
from monitor.profiles.sample import representative
from monitor.stats.mix import Mix, decompose

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

#: Values beyond these shares of the reference count as these: no single row decides a mean.
_TAILS = (0.005, 0.995)
#: Groups with fewer sampled rows on both sides together are one.
_SMALL = 20


class DriftMix:
    """How much of a column's change is only another mix of groups.

    Where segments are named, a change of a mean or of a share is taken apart: *mix* is what
    remains when each group keeps what it had and only the shares of the groups change (carrier A
    flies more), *within* what remains when the groups keep their shares (Kitagawa 1955).

    **Raises a finding** for each column that differs: `mix_share`, the share of the change that
    is mix, of the segmentation that explains most. It rests on the sample that profiles keep,
    with a 95 % interval, and decides nothing. Segments themselves have none, nor columns whose mean
    or share did not surely change, such as those that only spread wider.

    **Config**

        [monitors.checks."drift.mix"]
        min_rows = 200
    """

    name = "drift.mix"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `drift.mix`."""

        min_rows: int = pydantic.Field(
            200, ge=20, description="Sampled rows of each side below which nothing is said."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each column that differs."""
        told = [
            (column.name, verdict, side)
            for column in context.physical()
            if column.name not in context.roles.segments
            and (verdict := context.verdicts.get(column.name)) is not None
            for missing in (True, False)
            if (side := side_of(verdict, missing=missing)) is not None and side.drifted
        ]
        if not told or not context.roles.segments:
            return
        sides = tuple(representative(p.sample) for p in (context.reference, context.current))
        if (rows := min(side.num_rows for side in sides)) < self.options.min_rows:
            yield Finding(
                check=self.name,
                statistic="rows",
                value=float(rows),
                n_current=context.current.rows,
                message=f"Too few sampled rows to say what another mix of groups explains: "
                f"{rows:,} rows, {self.options.min_rows:,} needed.",
            )
            return
        groups = {name: _groups(sides, name) for name in context.roles.segments}
        for name, verdict, side in {one[0]: one for one in told}.values():
            values = _values(context, sides, name, side)
            best = None if values is None else self._best(name, verdict, groups, values)
            if values is not None and best is not None:
                yield self._finding(context, name, side, best, values)

    def _best(
        self,
        name: str,
        verdict: Verdict,
        groups: dict[str, tuple[IntArray, IntArray] | None],
        values: tuple[FloatArray, FloatArray],
    ) -> tuple[str, Mix] | None:
        """The segmentation that explains most; None where nothing surely changed."""
        found: list[tuple[str, Mix]] = []
        for segment, codes in groups.items():
            if codes is None:
                continue
            pairs = [
                (at[np.isfinite(x)], x[np.isfinite(x)]) for at, x in zip(codes, values, strict=True)
            ]
            if min(len(x) for _, x in pairs) < self.options.min_rows:
                continue
            mix = decompose(
                pairs[0], pairs[1], _rng(name, segment), design_effect=verdict.design_effect
            )
            if np.isfinite(mix.share_interval).all():
                found.append((segment, mix))
        return max(found, key=lambda pair: pair[1].share, default=None)

    def _finding(
        self,
        context: Context,
        name: str,
        side: Side,
        best: tuple[str, Mix],
        values: tuple[FloatArray, FloatArray],
    ) -> Finding:
        segment, mix = best
        return Finding(
            check=self.name,
            column=name,
            statistic="mix_share",
            value=mix.share,
            interval=mix.share_interval,
            effect=mix.within,
            n_reference=int(np.isfinite(values[0]).sum()),
            n_current=int(np.isfinite(values[1]).sum()),
            message=_sentence(context, name, side, segment, mix),
        )


def _sentence(context: Context, name: str, side: Side, segment: str, mix: Mix) -> str:
    low, high = mix.share_interval
    kind, label = side.contrast.kind, side.contrast.label
    if kind == "missing":
        what, within = "of missing values", points(mix.within)
    elif kind == "level":
        what, within = f"of the share of {quoted(label)}", points(mix.within)
    else:
        profiles = context.numeric(name)
        sd = standard_deviation(profiles[0]) if profiles else 0.0
        what, within = "of the mean", f"{mix.within / sd:+.2g} sd" if sd > 0 else "there"
    share, ends = percent(mix.share), f"95 %: {percent(low)} … {percent(high)}"
    if high < 0.1:
        return f"Another mix of {segment} does not explain the change {what}."
    if low > 0.9:
        return f"The change {what} is another mix of {segment} alone ({share}, {ends})."
    return (
        f"{share} ({ends}) of the change {what} is another mix of {segment}; within its groups "
        f"it is {within}."
    )


def _rng(name: str, segment: str) -> np.random.Generator:
    seed = hashlib.sha256(f"{name}\n{segment}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(seed[:8], "big"))


def _joined(sides: tuple[pa.Table, ...], name: str) -> pa.Array | None:
    """A column of both samples, one after the other; None where it is not the same on both."""
    columns = [whole(side.column(name)) for side in sides if name in side.column_names]
    if len(columns) != len(sides):
        return None
    if columns[0].type != columns[1].type:
        try:
            columns[1] = pc.cast(columns[1], columns[0].type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
    return pa.concat_arrays(columns)


def _groups(sides: tuple[pa.Table, ...], name: str) -> tuple[IntArray, IntArray] | None:
    """Group of each row of both samples; the missing are a group, the small ones are one."""
    column = _joined(sides, name)
    if column is None:
        return None
    positions = encode_levels(column).positions.astype(np.int64)
    counts = np.bincount(positions)
    renamed = np.where(counts >= _SMALL, np.cumsum(counts >= _SMALL), 0)
    codes = renamed[positions]
    return codes[: sides[0].num_rows], codes[sides[0].num_rows :]


def _values(
    context: Context, sides: tuple[pa.Table, ...], name: str, side: Side
) -> tuple[FloatArray, FloatArray] | None:
    """What changed, as a number for each row of both samples; NaN where a row has none."""
    column = _joined(sides, name)
    if column is None:
        return None
    rows, contrast = sides[0].num_rows, side.contrast
    if contrast.kind == "missing":
        nan = pa.types.is_floating(column.type)
        numbers = filled(pc.is_null(column, nan_is_null=nan), 0).astype(np.float64)
    elif contrast.kind == "level":
        found = encode_levels(column)
        hit = np.array([*(label == contrast.label for label in found.names()), np.nan], np.float64)
        if not np.nanmax(hit):  # "other": many levels together
            return None
        numbers = hit[found.positions]
    elif context.numeric(name) is not None and not pa.types.is_temporal(column.type):
        numbers = filled(pc.cast(column, pa.float64(), safe=False), np.nan).astype(np.float64)
        ends = numbers[:rows][np.isfinite(numbers[:rows])]
        if not len(ends):
            return None
        numbers = np.clip(numbers, *np.quantile(ends, _TAILS))
    else:
        return None
    return numbers[:rows], numbers[rows:]


plugin = DriftMix
