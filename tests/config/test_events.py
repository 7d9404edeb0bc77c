"""Named events, overrides of figures, and how the installation's budget is shared."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from monitor.config import Config, load
from monitor.core.errors import ConfigError

BASE = """
[budget]
installation_per_year = 12.0
[[monitors]]
name = "a"
weight = 3
[monitors.source]
kind = "files"
path = "a.parquet"
{more}
[[monitors]]
name = "b"
[monitors.source]
kind = "files"
path = "b.parquet"
"""


@pytest.fixture
def read(tmp_path: Path):
    def reading(more: str = "") -> Config:
        path = tmp_path / "config.toml"
        path.write_text(BASE.format(more=more))
        return load(path)

    return reading


def test_the_budget_of_the_installation_is_shared_by_weight(read):
    config = read()

    assert [config.allowance(one) for one in config.monitors] == [9.0, 3.0]


def test_an_event_is_about_one_column_or_several_or_all(read):
    config = read(
        """
[[monitors.events]]
name = "Black Friday"
start = 2024-11-29
end = 2024-11-30
kind = "holiday"
[[monitors.events]]
name = "sensor"
start = 2024-05-01
end = 2024-05-02
column = "temp"
"""
    )

    first, second = config.monitor("a").events
    assert (first.start, first.column) == (date(2024, 11, 29), ())
    assert second.column == ("temp",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[monitors.events]]\nname = "x"\nstart = 2024-01-02\nend = 2024-01-02', "must end after"),
        ("[[monitors.overrides]]\nweight = 2", "either a column or a metric"),
        ('[[monitors.overrides]]\nmetric = "acuracy"', "did you mean 'accuracy'"),
        ('[[monitors.overrides]]\nmetric = "rows"\ngate_level = 0.1', "gate_level"),
        ('[[monitors.overrides]]\ncolumn = "x"\ngate = 0.1', "gate_location"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(read, more, said):
    with pytest.raises(ConfigError, match=said):
        read(more)


def test_an_override_means_one_figure_or_all_gaps_of_one_rate(read):
    monitor = read(
        """
[[monitors.overrides]]
metric = "accuracy"
alarm_on = "fall"
[[monitors.overrides]]
metric = "bias:accuracy"
ignore = true
"""
    ).monitor("a")

    assert monitor.metric("performance:accuracy").alarm_on == "fall"
    assert monitor.metric("bias:sex=Female:accuracy").ignore
    assert monitor.metric("bias:sex=Female:selection_rate") is None
