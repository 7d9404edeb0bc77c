"""What the config says of the service: how long things are kept, and who learns that it lives."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import pydantic
from pydantic import BeforeValidator, Field

from monitor.config.cadence import parse_duration
from monitor.config.columns import Section


def duration(value: object) -> object:
    """`"90min"` or `"3d"` of the config as a length of time; what is none is left to pydantic."""
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(duration), Field(ge=timedelta(0))]
#: Whatever is younger than this is never pruned, whatever the config says.
LEAST = timedelta(days=1)
Kept = Annotated[timedelta, BeforeValidator(duration), Field(ge=LEAST)]


class RetentionConfig(Section):
    """How long what a run leaves behind is kept; findings, alarms and documents stay for ever.

    Profiles of windows shorter than a day become days after `hourly_profiles`, days become weeks
    after `daily_profiles`: nothing is lost but the time inside of the day or week.
    """

    hourly_profiles: Kept = timedelta(days=90)
    daily_profiles: Kept = timedelta(days=400)
    samples: Kept = timedelta(days=90)
    reports: Kept = timedelta(days=730)
    reports_gb: float = Field(20.0, gt=0)  #: of the folder; the oldest go first
    spool: Kept = timedelta(days=90)  #: batches of an inbox whose windows are done
    spool_gb: float = Field(40.0, gt=0)  #: of each inbox; the oldest that nobody needs go first


class LogConfig(Section):
    """How `driftloop serve` and `worker` write down what they do."""

    format: Literal["text", "json"] = "text"


class TelemetryConfig(Section):
    """Where spans of OpenTelemetry go; nowhere by default."""

    otlp_endpoint: str | None = Field(None, pattern=r"^https?://[^\s]+$")
    service: str = Field("driftloop", min_length=1, max_length=100)


class HeartbeatConfig(Section):
    """Who learns that the service lives, and what it says before it cannot say it any more."""

    url: pydantic.SecretStr | None = None  #: asked after each healthy tick; it may hold a key
    every: Duration = timedelta(minutes=1)
    timeout: float = Field(10.0, gt=0, le=60)
    overdue: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(hours=6)
    free_gb: float = Field(1.0, ge=0)  #: less on the disk of the store or the reports is an alarm
    store_gb: float = Field(50.0, gt=0)  #: an alarm from nine tenths of it on

    @pydantic.field_validator("url")
    @classmethod
    def _is_url(cls, value: pydantic.SecretStr | None) -> pydantic.SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("https://", "http://")):
            msg = "must be an http:// or https:// address"
            raise ValueError(msg)
        return value
