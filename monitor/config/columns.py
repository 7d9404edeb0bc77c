"""What the config says about single columns: roles, rules, overrides."""

from __future__ import annotations

import difflib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pydantic
from pydantic import BeforeValidator, Field

from monitor.core.columns import Kind, Roles
from monitor.core.errors import ConfigError
from monitor.evidence.types import Gate
from monitor.profiles.expression import parse_expression


def listed(value: Any) -> Any:
    """One text where a list may stand: a list of one."""
    return (value,) if isinstance(value, str) else value


class Section(pydantic.BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """A table of the config: frozen, unknown keys are errors, values stay out of messages."""


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(listed)]


class ColumnsConfig(Section):
    """Which columns play which part. No role is compulsory."""

    timestamp: Name | None = None
    id: Name | None = None
    label: Name | None = None
    prediction: Name | None = None
    score: Names = ()
    model_version: Name | None = None
    segments: Names = ()
    embeddings: Names = ()
    images: Names = ()
    texts: Names = ()
    ignore: Names = ()
    kinds: dict[str, Kind] = {}

    @pydantic.model_validator(mode="after")
    def _one_role_each(self) -> Self:
        seen: dict[str, str] = {}
        for key, column in self.roles().named():
            if key in ("segments", "kinds", "images", "texts", "embeddings"):
                continue  # a label may be a segment, a text may have a kind
            if column in seen:
                msg = f"gives column {column!r} two roles, {seen[column]} and {key}; keep one"
                raise ValueError(msg)
            seen[column] = key
        return self

    def roles(self) -> Roles:
        """The roles as the rooms below know them."""
        return Roles(
            timestamp=self.timestamp,
            id=self.id,
            label=self.label,
            prediction=self.prediction,
            scores=self.score,
            model_version=self.model_version,
            segments=self.segments,
            embeddings=self.embeddings,
            images=self.images,
            texts=self.texts,
            ignore=self.ignore,
            kinds=tuple(self.kinds.items()),
        )


def _bound(value: Any) -> Any:
    """A date or time as a bound: microseconds since 1970, as rules count time."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
    return value


Bound = Annotated[float, BeforeValidator(_bound), Field(allow_inf_nan=False)]


class RuleConfig(Section):
    """What a person declares of a column, or of several by an expression."""

    name: str | None = Field(None, min_length=1, max_length=200)
    column: Name | None = None
    min: Bound | None = None  #: of times: microseconds since 1970, UTC
    max: Bound | None = None
    values: tuple[str | int | float | bool, ...] | None = None
    pattern: str | None = None  #: RE2; the whole value must match
    unique: bool = False
    not_null: bool = False
    expression: str | None = Field(None, min_length=1)
    max_share: float = Field(0.0, ge=0, lt=1)  #: share of rows that may break it
    enabled: bool = True

    @pydantic.field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                pc.match_substring_regex(pa.array([""]), value)
            except pa.ArrowInvalid as error:
                msg = f"is not a regular expression: {error}"
                raise ValueError(msg) from None
        return value

    @pydantic.field_validator("expression")
    @classmethod
    def _parses(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_expression(value)
            except ConfigError as error:
                msg = f"cannot be used: {str(error).rstrip('.')}"
                raise ValueError(msg) from None
        return value

    @pydantic.model_validator(mode="after")
    def _says_something(self) -> Self:
        about_values = (self.min, self.max, self.values, self.pattern)
        of_column = any(part is not None for part in about_values) or self.unique or self.not_null
        if self.expression is not None and (of_column or self.column is not None):
            msg = "has an expression and something about a column; make two rules of it"
            raise ValueError(msg)
        if self.expression is None and self.column is None:
            msg = "names neither a column nor an expression"
            raise ValueError(msg)
        if self.expression is None and not of_column:
            msg = (
                f"says nothing about column {self.column!r}; add min, max, values, pattern, "
                "unique or not_null"
            )
            raise ValueError(msg)
        if self.min is not None and self.max is not None and self.min > self.max:
            msg = f"has min {self.min:g} above max {self.max:g}"
            raise ValueError(msg)
        return self


#: Figures of the whole that an override may name; gaps between groups are "bias:<rate>".
METRICS = {
    "accuracy": "performance:accuracy",
    "roc_auc": "performance:roc_auc",
    "mean_absolute_error": "performance:mean_absolute_error",
    "mean_error": "performance:mean_error",
    "rows": "volume:rows",
}
_FAMILIES = ("performance", "bias", "volume")


class OverrideConfig(Section):
    """What is different for one column, or for one figure beside the columns."""

    column: Name | None = None
    metric: Name | None = None
    weight: float = Field(1.0, gt=0, le=100)  #: share of the alarm budget, relative to others
    alarm_on: Literal["rise", "fall", "both"] = "both"
    group: Name | None = None  #: columns of one group are one event
    gate: float | None = Field(None, ge=0)  #: of a metric, in its own units
    gate_location: float | None = Field(None, ge=0)
    gate_scale: float | None = Field(None, ge=0)
    gate_skewness: float | None = Field(None, ge=0)
    gate_level: float | None = Field(None, ge=0, le=1)
    gate_level_relative: float | None = Field(None, ge=0)
    gate_bin: float | None = Field(None, ge=0, le=1)
    gate_missing: float | None = Field(None, ge=0, le=1)
    ignore: bool = False
    rules: bool = True

    @pydantic.field_validator("metric")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is None or value in METRICS or value.partition(":")[0] in _FAMILIES:
            return value
        near = difflib.get_close_matches(value, METRICS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        msg = (
            f"is no figure that is judged; {hint}known: {', '.join(METRICS)}, and of gaps "
            "between groups bias:selection_rate, bias:accuracy … or bias:sex=Female:accuracy"
        )
        raise ValueError(msg)

    @pydantic.model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        if (self.column is None) == (self.metric is None):
            msg = "must name either a column or a metric"
            raise ValueError(msg)
        of_columns = [key for key, value in self if key.startswith("gate_") and value is not None]
        if self.metric is not None and (of_columns or self.group or not self.rules):
            key = next(iter(of_columns), "group" if self.group else "rules")
            msg = f"has {key}, which is about columns; of a metric write `gate`, in its own units"
            raise ValueError(msg)
        if self.column is not None and self.gate is not None:
            msg = "has gate, which is about metrics; of a column write gate_location, gate_level …"
            raise ValueError(msg)
        return self

    def means(self, figure: str) -> bool:
        """Whether it is about that figure: by its whole name, or all gaps of one rate."""
        if self.metric is None:
            return False
        family, _, rest = self.metric.partition(":")
        of_all = family == "bias" and ":" not in rest and figure.endswith(f":{rest}")
        return figure == METRICS.get(self.metric, self.metric) or (
            of_all and figure.startswith("bias:")
        )

    def gates(self, default: Gate) -> Gate:
        """The default gate with what this column changes."""
        changed = {
            key.removeprefix("gate_"): value
            for key, value in self.model_dump().items()
            if key.startswith("gate_") and value is not None
        }
        return replace(default, **changed)
