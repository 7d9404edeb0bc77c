"""Evidently: any of its column tests, and its report of the same window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pydantic

from monitor.core.columns import Column
from monitor.core.errors import PluginError
from monitor.external.hush import hushed
from monitor.external.opinions import Opinion
from monitor.external.values import Shape, present, shape_of

#: Tests whose score is a p-value; the others give a distance, or how well a classifier does.
P_VALUES = frozenset(
    {
        "anderson", "chisquare", "cramer_von_mises", "es", "fisher_exact", "g_test", "ks", "mannw",
        "empirical_mmd", "t_test", "TVD", "z",
    }
)  # fmt: skip
#: Most values of each side for tests whose cost grows with the square, or that permute in Python.
AT_MOST = {"empirical_mmd": 500, "TVD": 1_000}
#: Tests that refuse samples of two sizes.
_EQUAL = frozenset({"fisher_exact"})
_MAX_ERROR = 300


class Evidently:
    """Second opinions of Evidently, on the stored samples of reference and window.

    **Config**

        [[monitors]]
        tests = ["evidently:anderson", "evidently:jensenshannon"]

    Its verdicts, at its own default thresholds, are told and never alarm: they do not control
    false alarms over columns and weeks. It is imported only when used (that takes seconds), and
    its telemetry is switched off.
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Evidently has no options."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or self.Options()

    def tests(self) -> tuple[str, ...]:
        """Names of all its registered column tests. Raises `PluginError`: it does not import."""
        return tuple(sorted(_registered()))

    def judge(
        self,
        names: Sequence[str],
        reference: pa.Table,
        current: pa.Table,
        columns: Sequence[Column],
    ) -> list[Opinion]:
        """Each named test on each column that it is made for.

        As in Evidently itself missing and infinite values are left out first. `empirical_mmd` and
        `TVD` look at the first `AT_MOST` values of each sample, `fisher_exact` at as many of the
        one as of the other.

        Raises
        ------
        PluginError
            A test that Evidently does not have, or it does not import.
        """
        known = _registered()
        for name in names:
            if name not in known:
                msg = f"Evidently has no column test {name!r}. It has: {', '.join(sorted(known))}."
                raise PluginError(msg)
        opinions: list[Opinion] = []
        with hushed():
            for column in columns:
                shape = shape_of(column.kind)
                tests = [known[name][shape] for name in names if shape in known[name]]
                if shape is not None and tests:
                    opinions += _of_column(tests, column.name, shape, (reference, current))
        return opinions


def _registered() -> Mapping[str, Mapping[str | None, Any]]:
    """Evidently's tests by name, then by the shape of column that they are made for."""
    with hushed():
        try:
            from evidently.legacy.calculations import stattests  # noqa: PLC0415
            from evidently.legacy.calculations.stattests import registry  # noqa: PLC0415
        except Exception as error:
            raise PluginError(not_there(error)) from error
        del stattests  # importing it registers the tests
        tests = registry._registered_stat_tests  # noqa: SLF001 - there is no public list
        return {
            name: {shape.value: test for shape, test in shapes.items()}
            for name, shapes in tests.items()
        }


def not_there(error: Exception) -> str:
    """What to do when Evidently does not import."""
    return (
        f"Evidently does not import: {type(error).__name__}: {error}. "
        'Install it with `pip install "evidently>=0.7.17,<0.8" "pandas<3.1"`, '
        "or take its tests out of the config."
    )


def _of_column(
    tests: Sequence[Any], name: str, shape: Shape, tables: tuple[pa.Table, pa.Table]
) -> list[Opinion]:
    try:
        old, new = (present(table, name, shape) for table in tables)
    except Exception as error:  # noqa: BLE001 - one broken column must not cost the others
        return [_failed(test.name, name, error) for test in tests]
    return [_opinion(test, name, shape, old, new) for test in tests]


def _opinion(test: Any, column: str, shape: Shape, old: pd.Series, new: pd.Series) -> Opinion:
    from evidently.legacy.core import ColumnType  # noqa: PLC0415

    limit = AT_MOST.get(test.name, max(len(old), len(new)))
    if test.name in _EQUAL:
        limit = min(limit, len(old), len(new))
    old, new = old[:limit], new[:limit]
    sizes = len(old), len(new)
    if not all(sizes):
        where = "window" if sizes[0] else "reference"
        return _without(test.name, column, f"the sample of the {where} holds no value", sizes)
    try:
        found = test(old, new, ColumnType(shape), None)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the run goes on
        return _failed(test.name, column, error, sizes)
    score = float(found.drift_score)
    if not math.isfinite(score):
        return _without(test.name, column, f"its score is {score}", sizes)
    return Opinion(
        column=column,
        test=test.name,
        score=score,
        p_value=score if test.name in P_VALUES else None,
        threshold=float(found.actual_threshold),
        differs=bool(found.drifted),
        n_reference=sizes[0],
        n_current=sizes[1],
    )


def _failed(test: str, column: str, error: Exception, sizes: tuple[int, int] = (0, 0)) -> Opinion:
    return _without(test, column, f"{type(error).__name__}: {error}"[:_MAX_ERROR], sizes)


def _without(test: str, column: str, reason: str, sizes: tuple[int, int]) -> Opinion:
    return Opinion(
        column=column,
        test=test,
        score=math.nan,
        n_reference=sizes[0],
        n_current=sizes[1],
        error=reason,
    )


plugin = Evidently
