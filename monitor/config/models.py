"""The models behind `config.toml`. Every key is documented in `config.example.toml`."""

from __future__ import annotations

import difflib
import re
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from monitor.config.alerts import AlertConfig
from monitor.config.cadence import Cadence
from monitor.config.columns import ColumnsConfig, OverrideConfig, RuleConfig, Section, listed
from monitor.config.events import EventConfig, SeasonConfig
from monitor.config.moments import CronLine, Moment, Timezone, instant
from monitor.config.service import (
    Duration,
    HeartbeatConfig,
    LogConfig,
    RetentionConfig,
    TelemetryConfig,
)
from monitor.core.errors import ConfigError
from monitor.core.window import Window

#: `for_each` with this value makes one monitor of each file of the source.
FOR_EACH_FILE = "{file}"
#: So many monitors are named in a message.
_NAMED = 20


def _window_length(value: str) -> str:
    Cadence.parse(value)
    return value


def checked_name(value: str) -> str:
    """The name of a monitor, which is part of paths and links. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", value):
        msg = (
            "is no name for files and links; use up to 100 letters, digits, '-', '_' and '.', "
            "a letter or digit first"
        )
        raise ValueError(msg)
    return value


def _slash(value: str | None) -> str | None:
    return None if value is None else value.rstrip("/")


Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$"), AfterValidator(_slash)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(listed)]


class StoreConfig(Section):
    """Where runs, profiles, alarms and the queue are kept."""

    #: SQLAlchemy URL, a SQLite path in it absolute; it may hold a password, so not in `repr`.
    url: str = Field(
        "sqlite:///driftloop.db", repr=False, pattern=r"^(sqlite|postgresql)(\+\w+)?://"
    )


class BudgetConfig(Section):
    """How many false alarm mails a year are allowed: for each monitor, or for all together."""

    false_alarms_per_year: float | None = Field(None, gt=0, le=365)
    installation_per_year: float | None = Field(None, gt=0, le=36500)
    digest: bool = False  #: one mail for all monitors that are run together

    @pydantic.model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.false_alarms_per_year is not None and self.installation_per_year is not None:
            msg = (
                "names false_alarms_per_year and installation_per_year; keep one: "
                "the first is for each monitor, the second for all together"
            )
            raise ValueError(msg)
        return self

    def share(self, weight: float = 1.0, total: float = 1.0) -> float:
        """False mails a year that one monitor may cause; `total` is the weight of all of them."""
        if self.installation_per_year is not None:
            return self.installation_per_year * min(1.0, weight / max(total, 1e-9))
        return 1.0 if self.false_alarms_per_year is None else self.false_alarms_per_year


class ReportConfig(Section):
    """Where reports are written, and the address under which people find them."""

    folder: Path = Path("reports")
    base_url: Url | None = None


class WebConfig(Section):
    """Where `driftloop serve` listens."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    #: auto: as soon as there is a user, and always where other machines reach the page
    login: Literal["auto", "on", "off"] = "auto"
    #: whose word on the address of a visitor is believed
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(listed)] = ()


class PluginConfig(Section):
    """A plug-in by name, with its options already checked by the plug-in's own `Options`."""

    kind: str
    options: Any = Field(None, repr=False)  #: an instance of the plug-in's `Options`


class ReferenceConfig(Section):
    """What windows are compared with: a stretch of the same source, or a source of its own."""

    start: Moment | None = None
    end: Moment | None = None
    blocks: int | None = Field(None, ge=2, le=1000)  #: cut into so many windows in file order
    kind: str | None = None  #: None: the same source
    options: Any = Field(None, repr=False)

    @pydantic.model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.start is None) != (self.end is None):
            msg = "needs both start and end; the end is not part of it"
            raise ValueError(msg)
        if self.start is not None and self.end is not None:
            utc = ZoneInfo("UTC")
            if instant(self.end, utc) <= instant(self.start, utc):
                msg = "must end after it starts; the end is not part of it"
                raise ValueError(msg)
        return self


class LabelsConfig(PluginConfig):
    """Labels that come later, from elsewhere, joined to the rows by id."""

    id: str | None = None  #: column there; None: named as in [monitors.columns]
    label: str | None = None


class QueueConfig(Section):
    """The relabel queue: how many rows a window, and what is asked of the annotators."""

    budget: int = Field(50, ge=0, le=100_000)
    type: Literal[
        "classification", "multilabel", "regression", "text", "boxes", "polygons", "spans"
    ] = "classification"
    classes: tuple[str, ...] = ()  #: empty: the levels of the label column in the reference
    guideline: str | None = None
    guideline_version: str = "1"
    annotators: int = Field(1, ge=1, le=20)  #: how many people label each item
    annotators_ambiguous: int | None = Field(None, ge=1, le=20)  #: None: as many as of the others
    without_draft: float = Field(0.2, ge=0, le=1)  #: share of items without the model's opinion
    #: How the answers of several people become one label.
    consensus: Literal["majority", "dawid-skene", "model-assisted"] = "dawid-skene"
    gold: float = Field(0.0, ge=0, le=1)  #: share of labelled items that an expert labels too
    similar_limit: int = Field(200, ge=0, le=100_000)  #: rows asked for by likeness, a window
    automatic: bool = True  #: `serve` pushes and pulls by itself
    tool: PluginConfig | None = None  #: where `queue push` and `pull` go


class ChecksConfig(Section):
    """Checks that are switched off, by name ("quality.duplicates") or family ("bias").

    A table of its own, `[monitors.checks."drift.numeric"]`, holds the options of one check.
    """

    off: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")], ...] = ()
    #: By check, already tried by its `Options`.
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def enabled(self, check: str) -> bool:
        """Whether a check runs."""
        return not any(check == name or check.startswith(f"{name}.") for name in self.off)


class MonitorConfig(Section):
    """One monitor: a source, its reference, and how often to look."""

    name: Annotated[str, AfterValidator(checked_name)]
    source: PluginConfig
    window: Annotated[str, AfterValidator(_window_length)] = "7d"
    anchor: Moment | None = None
    timezone: Timezone = "UTC"
    schedule: CronLine | None = None
    lateness: Duration = timedelta(0)
    settle: Duration | None = None  #: run as soon as no new row came for so long; None: at once
    revise: Duration = timedelta(0)  #: how long a window that was run is watched for late rows
    #: How long one window may take; then it has failed.
    timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(hours=6)
    engine: str = "local"
    engine_options: Any = None  #: an instance of the engine's `Options`; None: its defaults
    for_each: str | None = Field(None, min_length=1)
    for_each_limit: int = Field(1000, ge=1, le=10_000)  #: at most so many monitors of the block
    reference: ReferenceConfig | None = None
    labels: LabelsConfig | None = None
    columns: ColumnsConfig = ColumnsConfig()
    rules: tuple[RuleConfig, ...] = ()
    overrides: tuple[OverrideConfig, ...] = ()
    events: tuple[EventConfig, ...] = ()
    weight: float = Field(1.0, gt=0, le=1000)  #: share of installation_per_year, to the others'
    tests: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_-]+:[A-Za-z0-9_.-]+$")], ...] = ()
    queue: QueueConfig = QueueConfig()
    recipients: Addresses = ()
    checks: ChecksConfig = ChecksConfig()
    season: SeasonConfig = SeasonConfig()

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            Cadence.parse(self.window, timezone=self.timezone, anchor=self.anchor)
        except ValueError as error:
            msg = f"has an {error}"
            raise ValueError(msg) from None
        names = [rule.name for rule in self.rules if rule.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"has two rules named {twice[0]!r}; give each a name of its own"
            raise ValueError(msg)
        reference = self.reference
        if reference and reference.start and not self.columns.timestamp:
            msg = (
                "has a reference with start and end, but no timestamp column; "
                "name it as `timestamp` under [monitors.columns]"
            )
            raise ValueError(msg)
        return self

    @property
    def family(self) -> str:
        """The name that the config gives: of a monitor of a `for_each` block, the block's."""
        return self.name

    @property
    def part(self) -> float:
        """Its share of the budget of one monitor: less than 1 in a `for_each` block."""
        return 1.0

    @property
    def folder(self) -> str:
        """Where its reports lie, below the folder of reports."""
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the monitor."""
        return ZoneInfo(self.timezone)

    @property
    def cadence(self) -> Cadence:
        """How time is cut into windows."""
        return Cadence.parse(self.window, timezone=self.timezone, anchor=self.anchor)

    def first_judged(self, start: datetime) -> datetime:
        """Where the windows begin that can be judged, of rows that begin at `start`.

        Without a reference the first window is the first part of it.
        """
        begin = self.cadence.filled_from(start)
        return begin if self.reference is not None else self.cadence.window(begin).end

    @property
    def reference_window(self) -> Window | None:
        """The stretch of time of the reference; None when it has no start and end."""
        if self.reference is None or self.reference.start is None or self.reference.end is None:
            return None
        return Window(
            instant(self.reference.start, self.zone), instant(self.reference.end, self.zone)
        )

    def override(self, column: str) -> OverrideConfig | None:
        """What a person set for that column."""
        return next((entry for entry in self.overrides if entry.column == column), None)

    def metric(self, name: str) -> OverrideConfig | None:
        """What a person set for that figure ("performance:accuracy", "bias:sex=F:accuracy")."""
        return next((entry for entry in self.overrides if entry.means(name)), None)


class Config(Section):
    """The whole of `config.toml`, secrets filled in and the options of plug-ins checked."""

    path: Path = Field(exclude=True)  #: the file it came from
    store: StoreConfig = StoreConfig()
    budget: BudgetConfig = BudgetConfig()
    report: ReportConfig = ReportConfig()
    web: WebConfig = WebConfig()
    retention: RetentionConfig = RetentionConfig()
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    log: LogConfig = LogConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    alerts: tuple[AlertConfig, ...] = ()
    monitors: tuple[MonitorConfig, ...] = ()

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent

    def allowance(self, monitor: MonitorConfig) -> float:
        """False mails a year that this monitor may cause."""
        if self.budget.installation_per_year is None:
            return self.budget.share() * monitor.part
        weights = {one.name: one.weight for one in self.monitors}
        total = sum({**weights, monitor.name: monitor.weight}.values())
        return self.budget.share(monitor.weight, total) * (
            monitor.part if self.budget.installation_per_year is None else 1.0
        )

    def monitor(self, name: str) -> MonitorConfig:
        """The monitor of that name.

        Raises
        ------
        ConfigError
            There is none; the message names the nearest one.
        """
        for monitor in self.monitors:  # asked for each window: no list of all names is made
            if monitor.name == name:
                return monitor
        known = [monitor.name for monitor in self.monitors]
        if own := [monitor.name for monitor in self.monitors if monitor.family == name]:
            msg = f"{name!r} is {len(own)} monitors, such as {own[0]!r}; name one of them."
            raise ConfigError(msg)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        there = (", ".join(known[:_NAMED]) or "none") + more
        msg = f"There is no monitor {name!r} in {self.path}.{hint} Monitors: {there}."
        raise ConfigError(msg)
