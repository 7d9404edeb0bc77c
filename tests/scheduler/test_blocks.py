"""`for_each`: one block, a monitor for each value of a column or for each file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.main import main
from monitor.config import MemberConfig, load
from monitor.config.members import member_name, member_of
from monitor.core.errors import ConfigError
from monitor.scheduler.clock import Clock
from monitor.scheduler.installation import Installation
from monitor.steps import shared
from monitor.store.store import Store

CONFIG = """
[report]
folder = "reports"
[budget]
false_alarms_per_year = 2.0
[[alerts]]
kind = "mail"
folder = "mails"
[[monitors]]
name = "alone"
window = "1d"
[monitors.source]
kind = "files"
path = "data.csv"
[monitors.reference]
start = 2024-01-01
end = 2024-01-09
[monitors.columns]
timestamp = "ts"
id = "id"
[[monitors]]
name = "shops"
window = "1d"
for_each = "{column}"
{more}
[monitors.source]
kind = "files"
path = "{path}"
[monitors.reference]
start = 2024-01-01
end = 2024-01-09
[monitors.columns]
timestamp = "ts"
id = "id"
"""
HOSTILE = ["../../etc/passwd", "<script>", "a/b", "", " x ", "\x1b[2J", "é", "x" * 300, "~", "a\nb"]


def day(number: int, hour: int = 1) -> datetime:
    return datetime(2024, 1, number, hour, tzinfo=UTC)


def rows(shops: dict[str, range]) -> str:
    """Twelve rows a day of each shop, on its days."""
    lines = ["id,ts,shop,x"]
    for shop, days in shops.items():
        quoted = '"' + shop.replace('"', '""') + '"'
        lines += [
            f"{shop.encode().hex()[:8]}-{d}-{n},2024-01-{d:02d}T{2 * n:02d}:00:00Z,{quoted},"
            f"{(n * 7 + d) % 13}"
            for d in days
            for n in range(12)
        ]
    return "\n".join(lines) + "\n"


def write(
    folder: Path, shops: dict[str, range], *, column: str = "shop", path: str = "data.csv",
    more: str = "",
) -> Path:  # fmt: skip
    (folder / "data.csv").write_text(rows(shops))
    config = CONFIG.format(column=column, path=path, more=more)
    (folder / "config.toml").write_text(config)
    return folder / "config.toml"


@contextmanager
def clock_at(config_file: Path, now: datetime, said: list[str] | None = None) -> Iterator[Clock]:
    config = load(config_file)
    with Store.open(config.store.url, upgrade=True) as store:
        say = ([] if said is None else said).append
        yield Clock(Installation(config, store, say=say, clock=lambda: now))


def names(clock: Clock) -> list[str]:
    return [monitor.name for monitor in clock.home.config.monitors if monitor.family == "shops"]


def ran(clock: Clock, name: str) -> dict[int, int]:
    """Day -> rows of the runs of a monitor."""
    runs = clock.home.store.runs.summaries(name)
    return {run.window.start.day: run.rows for run in reversed(runs)}


def test_each_value_is_a_monitor_with_its_own_rows_reference_and_report(tmp_path):
    said: list[str] = []
    config = write(tmp_path, {"north": range(1, 13), "south": range(1, 12), "": range(1, 3)})
    with clock_at(config, day(13), said) as clock:
        assert clock.tick() == 12
        assert names(clock)[:2] == ["shops[north]", "shops[south]"]
        assert ran(clock, "alone") == {9: 24, 10: 24, 11: 24, 12: 12}
        assert ran(clock, "shops[north]") == {9: 12, 10: 12, 11: 12, 12: 12}
        assert ran(clock, "shops[south]") == {9: 12, 10: 12, 11: 12, 12: 0}
        runs = [r for name in names(clock) for r in clock.home.store.runs.summaries(name)]
        assert all(Path(str(run.report)).is_file() for run in runs)
        references = {r.rows for n in names(clock) for r in clock.home.store.references.versions(n)}
    assert references == {96}
    assert clock.failures == 0
    assert any("shops: 2 values, a monitor for each" in line for line in said)
    assert any("rows without a value of 'shop' (24 at the first look)" in line for line in said)


def test_a_block_has_the_budget_of_one_monitor(tmp_path):
    config = write(tmp_path, {name: range(1, 12) for name in "abcd"})
    with clock_at(config, day(12)) as clock:
        clock.announce()
        budget = {m.name: clock.home.config.allowance(m) for m in clock.home.config.monitors}
    assert budget["alone"] == 2.0
    assert [budget[f"shops[{name}]"] for name in "abcd"] == [0.5] * 4

    text = config.read_text().replace("false_alarms_per_year = 2.0", "installation_per_year = 4.0")
    config.write_text(text)
    with clock_at(config, day(12)) as clock:
        budget = {m.name: clock.home.config.allowance(m) for m in clock.home.config.monitors}
    assert budget["alone"] == 2.0
    assert sum(budget.values()) == pytest.approx(4.0)


def test_a_value_that_comes_later_is_a_new_monitor_with_a_reference_of_its_own(tmp_path):
    said: list[str] = []
    config = write(tmp_path, {"north": range(1, 11)})
    with clock_at(config, day(11), said) as clock:
        clock.tick()
        assert names(clock) == ["shops[north]"]
        (tmp_path / "data.csv").write_text(rows({"north": range(1, 24), "new": range(12, 24)}))
        clock.home.clock = lambda: day(24)
        clock.tick()
        assert names(clock) == ["shops[north]", "shops[new]"]
        assert list(ran(clock, "shops[new]")) == [20, 21, 22, 23]  # eight days are its reference
        assert list(ran(clock, "shops[north]")) == list(range(9, 24))
    assert any("1 new values, a monitor for each: shops[new]" in line for line in said)
    assert any("its own begins at 2024-01-12" in line for line in said)

    with clock_at(config, day(24)) as again:  # what was found is known to whoever starts next
        assert names(again) == ["shops[north]", "shops[new]"]
        assert again.tick() == 0


def test_hostile_values_are_monitors_like_others_and_lead_nowhere(tmp_path):
    shops = {value: range(1, 11) for value in HOSTILE if value}
    config = write(tmp_path, shops)
    with clock_at(config, day(11)) as clock:
        assert clock.tick() == 2 + 2 * len(shops)
        found = [m for m in clock.home.config.monitors if isinstance(m, MemberConfig)]
        assert {m.value.strip() for m in found} == {value.strip() for value in shops}
        for member in found:
            assert ran(clock, member.name) == {9: 12, 10: 12}
        folder = (tmp_path / "reports").resolve()
        assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".html"}
        assert len({m.folder for m in found}) == len(found)
        assert all((folder / m.folder).resolve().is_relative_to(folder / "shops") for m in found)


@given(st.text(max_size=200), st.text(max_size=200))
def test_names_are_printable_short_and_tell_values_apart(one, other):
    first, second = member_name("b", one), member_name("b", other)

    assert first.isprintable()
    assert len(first) <= 80
    assert "/" not in first
    assert (first == second) == (one == other)


def test_too_many_values_are_bounded_said_and_an_incident(tmp_path):
    said: list[str] = []
    config = write(
        tmp_path, {**{f"s{n}": range(1, 11) for n in range(6)}, "big": range(1, 13)},
        more="for_each_limit = 3",
    )  # fmt: skip
    with clock_at(config, day(13), said) as clock:
        clock.tick()
        assert names(clock) == ["shops[big]", "shops[s0]", "shops[s1]"]
        (incident,) = clock.home.store.incidents.open()
    assert incident.title == "shops has 4 values that are not monitored"
    assert any("4 values more than for_each_limit = 3" in line for line in said)


def test_each_file_of_a_glob_is_a_monitor(tmp_path):
    config = write(tmp_path, {"north": range(1, 11)}, column="{file}", path="parts/*.csv")
    (tmp_path / "parts").mkdir()
    for name in ("a", "b"):
        (tmp_path / "parts" / f"{name}.csv").write_text(rows({name: range(1, 11)}))
    with clock_at(config, day(11)) as clock:
        clock.tick()
        assert names(clock) == ["shops[parts:a.csv]", "shops[parts:b.csv]"]
        assert ran(clock, "shops[parts:b.csv]") == {9: 12, 10: 12}
        (tmp_path / "parts" / "c.csv").write_text(rows({"c": range(1, 11)}))
        clock.home.clock = lambda: day(11, 2)
        clock.tick()
        assert ran(clock, "shops[parts:c.csv]") == {9: 12, 10: 12}


def test_a_window_is_read_once_for_all_values(tmp_path, monkeypatch):
    opened = []
    real = shared.SharedRows.every
    monkeypatch.setattr(
        shared.SharedRows, "every", lambda self, *a: opened.append(a[0]) or real(self, *a)
    )
    config = write(tmp_path, {f"s{n}": range(1, 11) for n in range(8)})
    with clock_at(config, day(11)) as clock:
        clock.tick()
        assert len(names(clock)) == 8
    assert len(opened) == len(set(opened)) == 3  # the reference, and two days


def test_a_window_too_large_to_be_kept_is_read_for_each(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "KEPT_BYTES", 1)
    config = write(tmp_path, {"a": range(1, 11), "b": range(1, 11)})
    with clock_at(config, day(11)) as clock:
        clock.tick()
        assert ran(clock, "shops[b]") == {9: 12, 10: 12}


def test_a_column_without_names_for_its_values_is_one_clear_error(tmp_path):
    config = write(tmp_path, {"a": range(1, 11)}, column="nothing")
    said: list[str] = []
    with clock_at(config, day(11), said) as clock:
        clock.tick()
        assert list(ran(clock, "alone")) == [9, 10]
    assert any(line.startswith("shops: ") and "'nothing'" in line for line in said)


def test_the_command_line_knows_blocks_and_their_monitors(tmp_path, capsys):
    config = str(write(tmp_path, {"north": range(1, 11), "south": range(1, 11)}))

    assert main(["run", "shops[south]", "-c", config, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["monitor"], document["rows"]["current"]) == ("shops[south]", 12)
    assert main(["run", "shops", "-c", config]) == 1
    assert "'shops' is 2 monitors, such as 'shops[north]'" in capsys.readouterr().err

    assert main(["status", "-c", config, "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)["monitors"]
    assert [(g["name"], g["monitors"]) for g in groups] == [("alone", 1), ("shops", 2)]
    assert main(["status", "shops", "-c", config]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "shops[south]: nothing differs; newest window 2024-01-10" in lines[1]


def test_a_late_value_keeps_the_length_of_its_block_s_reference(tmp_path):
    config = load(write(tmp_path, {"a": range(1, 3)}))
    late = member_of(config.monitor("shops"), "z", name="n", begins=day(20, 0), members=1)

    assert late.reference_window is not None
    assert (late.reference_window.end - late.reference_window.start).days == 8


def test_a_block_itself_cannot_be_run(tmp_path):
    config = write(tmp_path, {"a": range(1, 11)})
    with clock_at(config, day(11)) as clock:
        clock.tick()
        with pytest.raises(ConfigError, match="is 1 monitors, such as"):
            clock.home.config.monitor("shops")
