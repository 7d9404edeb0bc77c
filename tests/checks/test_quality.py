from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from monitor.checks.quality_type import family
from monitor.checks.run import key_of, run_checks
from monitor.core.columns import Roles
from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.profiles.rules import Rule
from tests.checks.scene import findings, only, scene, with_column, without
from tests.checks.tables import ROLES, flights

REFERENCE = flights(5000, seed=1)
CLEAN = flights(2000, seed=2)


def holes(values, share, seed=0):
    """The values with nulls at random."""
    mask = np.random.default_rng(seed).random(len(values)) < share
    return pa.array(values.to_numpy(zero_copy_only=False), mask=mask)


def drifted(context):
    return {(one.check, one.column) for one in run_checks(context) if one.drifted}


@pytest.mark.parametrize("column", ["temp", "port"])
def test_a_half_nulled_column_is_found_with_rows(column):
    table = with_column(CLEAN, column, holes(CLEAN[column], 0.5))
    context = scene(REFERENCE, table, ROLES)
    found = only(context, "quality.missing")

    assert drifted(context) == {("quality.missing", column)}
    assert found.severity == "critical"
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert found.interval[0] < 0.5 < found.interval[1]
    assert "new" in found.message
    values = dict(zip(table["id"].to_pylist(), table[column].to_pylist(), strict=True))
    assert len(found.rows) == 20
    assert {values[key] for key in found.rows} == {None}


def test_as_many_nulls_as_before_are_no_news():
    old = with_column(REFERENCE, "temp", holes(REFERENCE["temp"], 0.1, 1))
    new = with_column(CLEAN, "temp", holes(CLEAN["temp"], 0.1, 2))
    context = scene(old, new, ROLES)
    found = only(context, "quality.missing")

    assert drifted(context) == set()
    assert found.message.startswith("Like the reference")


def test_nan_is_missing_too():
    table = with_column(CLEAN, "temp", np.where(np.arange(2000) % 3 == 0, np.nan, CLEAN["temp"]))
    found = only(scene(REFERENCE, table, ROLES), "quality.missing")

    assert found.drifted
    assert len(found.rows) == 20


def test_an_empty_column_needs_no_statistics():
    table = with_column(CLEAN, "temp", pa.nulls(2000, pa.float64()))
    found = only(scene(REFERENCE, table, ROLES), "quality.missing", column="temp")

    assert found.drifted
    assert found.severity == "critical"
    assert found.message.startswith("Not one of 2,000 rows has a value")


def test_labels_that_are_not_there_yet_are_no_alarm():
    table = with_column(CLEAN, "late", pa.nulls(2000, pa.int64()))
    context = scene(REFERENCE, table, ROLES)

    assert drifted(context) == set()
    assert drifted(scene(REFERENCE, without(CLEAN, "late"), ROLES)) == set()


def test_a_text_without_values_is_missing_under_its_own_name():
    def table(rows, share):
        words = [f"word {i} of some longer text" for i in range(rows)]
        return pa.table({"note": holes(pa.array(words), share), "x": np.arange(rows) % 7})

    context = scene(table(3000, 0.02), table(1000, 0.4), Roles(texts=("note",)))
    found = only(context, "quality.missing", column="note")

    assert found.drifted
    assert found.value == pytest.approx(0.4, abs=0.05)


def test_a_unit_change_is_found_and_leaves_the_range():
    table = with_column(CLEAN, "wait", CLEAN["wait"].to_numpy() * 1000)
    context = scene(REFERENCE, table, ROLES)
    found = only(context, "quality.range", column="wait")

    assert drifted(context) == {("drift.numeric", "wait"), ("quality.range", "wait")}
    assert found.value > 0.9
    values = dict(zip(table["id"].to_pylist(), table["wait"].to_pylist(), strict=True))
    assert min(values[key] for key in found.rows) > max(REFERENCE["wait"].to_pylist())


def test_a_new_record_is_only_told():
    waits = CLEAN["wait"].to_numpy().copy()
    waits[7] = 1e6
    context = scene(REFERENCE, with_column(CLEAN, "wait", waits), ROLES)
    found = only(context, "quality.range", column="wait")

    assert not found.drifted
    assert CLEAN["id"][7].as_py() in found.rows
    assert "up to 1,000,000" in found.message


def test_infinities_are_told():
    temps = CLEAN["temp"].to_numpy().copy()
    temps[:5] = np.inf
    found = only(
        scene(REFERENCE, with_column(CLEAN, "temp", temps), ROLES), "quality.range",
        "infinite_share",
    )  # fmt: skip

    assert found.value == 5 / 2000
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("int64", "number"), ("uint8", "number"), ("double", "number"), ("float", "number"),
        ("decimal128(10, 2)", "number"), ("large_string", "text"), ("bool", "boolean"),
        ("timestamp[us, tz=UTC]", "time"), ("date32[day]", "time"),
        ("dictionary<values=string, indices=int32, ordered=0>", "text"),
        ("fixed_size_list<element: float>[16]", "list"), ("something else", "something"),
    ],
)  # fmt: skip
def test_sorts_of_types(name, sort):
    assert family(name) == sort


def test_another_sort_of_type_is_grave_another_width_is_not():
    words = [f"{value:.1f} F" for value in CLEAN["temp"].to_pylist()]
    grave = only(scene(REFERENCE, with_column(CLEAN, "temp", words), ROLES), "quality.type")
    narrow = CLEAN["temp"].cast(pa.float32())
    slight = only(scene(REFERENCE, with_column(CLEAN, "temp", narrow), ROLES), "quality.type")

    assert (grave.column, grave.drifted, grave.severity) == ("temp", True, "critical")
    assert (slight.column, slight.drifted, slight.severity) == ("temp", False, "info")
    assert "string" in grave.message
    assert "double" in grave.message


def test_a_renamed_column_is_guessed():
    table = CLEAN.rename_columns(["temp_f" if n == "temp" else n for n in CLEAN.column_names])
    context = scene(REFERENCE, table, ROLES)
    gone = only(context, "quality.schema", "column_missing")
    new = only(context, "quality.schema", "column_new")

    assert (gone.column, new.column) == (None, None)
    assert gone.drifted
    assert "renamed to 'temp_f'" in gone.message
    assert not new.drifted
    assert key_of(gone) == "schema"


def test_notes_of_the_source_are_told():
    notes = (
        Note("unparsable_rows", "7 lines of a.csv could not be read.", count=7),
        Note("time_without_zone", "Times in a.csv have no zone.", "when"),
    )
    context = scene(REFERENCE, CLEAN, ROLES, notes=notes)
    found = findings(context, "quality.schema")

    assert [(one.statistic, one.value, one.severity) for one in found] == [
        ("unparsable_rows", 7.0, "warning"),
        ("time_without_zone", 0.0, "info"),
    ]


def test_a_column_that_becomes_constant():
    numbers = only(
        scene(REFERENCE, with_column(CLEAN, "temp", np.full(2000, 61.5)), ROLES), "quality.constant"
    )
    words = only(
        scene(REFERENCE, with_column(CLEAN, "sex", ["Male"] * 2000), ROLES), "quality.constant"
    )

    assert numbers.drifted
    assert "'61.5'" in numbers.message
    assert words.drifted
    assert "'Male'" in words.message
    assert words.column == "sex"


def test_few_equal_rows_are_no_constant():
    table = flights(8, seed=5)
    context = scene(REFERENCE, with_column(table, "sex", ["Male"] * 8), ROLES)

    assert not only(context, "quality.constant", column="sex").drifted


def test_a_constant_that_ends():
    old = with_column(REFERENCE, "version", np.full(5000, 5))
    table = with_column(CLEAN, "version", np.where(np.arange(2000) % 4 == 0, 7, 5))
    same = with_column(CLEAN, "version", np.full(2000, 5))
    for kinds in ((("version", "numeric"),), (("version", "categorical"),)):
        roles = Roles(id="id", kinds=kinds)
        found = only(scene(old, table, roles), "quality.constant", "constant_ended")
        assert found.drifted
        assert found.value == pytest.approx(0.25)
        assert findings(scene(old, same, roles), "quality.constant") == []


def test_ids_that_repeat_are_named():
    ids = CLEAN["id"].to_numpy().copy()
    ids[1::10] = ids[0::10]
    context = scene(REFERENCE, with_column(CLEAN, "id", ids), ROLES)
    found = only(context, "quality.duplicates", "duplicate_id_share")

    assert found.drifted
    assert found.value == pytest.approx(0.2)
    assert set(found.rows) <= set(ids[0::10].tolist())
    assert key_of(found) == "duplicates"


def test_whole_rows_sent_twice():
    table = pa.concat_tables([CLEAN, CLEAN.slice(0, 500)])
    found = only(scene(REFERENCE, table, ROLES), "quality.duplicates", "duplicate_row_share")

    assert found.drifted
    assert found.value == pytest.approx(0.2)
    assert found.column is None


def test_rows_alike_by_coincidence_are_no_alarm_in_a_larger_window():
    def table(rows, seed):
        rng = np.random.default_rng(seed)
        return pa.table(
            {
                "a": rng.integers(0, 1000, rows).astype(str),
                "b": rng.integers(0, 100, rows).astype(str),
            }
        )

    context = scene(table(1000, 1), table(8000, 2))
    found = only(context, "quality.duplicates", "duplicate_row_share")

    assert found.value > 0.02
    assert not found.drifted


WINDOW = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC))


def test_freshness_tells_and_with_a_limit_alarms():
    def at(rows, year):
        return np.datetime64(f"{year}-01-01", "s") + 60 * np.arange(rows).astype("m8[s]")

    roles = Roles(id="id", timestamp="ts")
    old, new = (
        with_column(REFERENCE, "ts", at(5000, 2023)),
        with_column(CLEAN, "ts", at(2000, 2024)),
    )
    context = scene(old, new, roles, window=WINDOW)
    hours = 7 * 24 - 1999 / 60
    told = only(context, "quality.freshness")
    late = findings(context, "quality.freshness", max_age_hours=24)[0]

    assert told.value == pytest.approx(hours)
    assert not told.drifted
    assert late.drifted
    assert key_of(late) == "freshness"


def test_volume_is_judged_in_windows_of_time_only():
    half = flights(150, seed=9)
    told = only(scene(REFERENCE, half, ROLES), "quality.volume")
    judged = only(scene(REFERENCE, half, ROLES, timed=True), "quality.volume")

    assert not told.drifted
    assert judged.drifted
    assert judged.effect < -0.2
    assert key_of(judged) == "volume:rows"


def test_a_window_without_rows_is_one_finding_not_one_for_each_column():
    context = scene(REFERENCE, CLEAN.slice(0, 0), ROLES, timed=True)
    found = [one for one in run_checks(context) if one.drifted]

    assert [(one.check, one.message) for one in found] == [
        ("quality.volume", "The window has no rows; a window of the reference has 500.")
    ]


def test_declared_rules_are_counted_with_their_rows():
    rules = (
        Rule("temp is below 90", "range", "temp", max=90),
        Rule("wait is not negative", "range", "wait", min=0),
        Rule("temp is mild", "range", "temp", max=65, max_share=0.9),
    )
    temps = CLEAN["temp"].to_numpy().copy()
    temps[:7] = 99
    context = scene(REFERENCE, with_column(CLEAN, "temp", temps), ROLES, rules=rules)
    found = {one.statistic: one for one in findings(context, "quality.rules")}
    broken = found["temp is below 90"]

    assert broken.drifted
    assert broken.value >= 7 / 2000
    assert set(CLEAN["id"].to_numpy()[:7].tolist()) <= set(broken.rows)
    assert key_of(broken) == "rule:temp is below 90"
    assert not found["wait is not negative"].drifted
    assert not found["temp is mild"].drifted


def test_hostile_names_and_values_survive():
    name = "a.b, 'c' \u202e <script>"
    old = pa.table({name: ["x\n\x1b[31m", "y" * 500] * 1000, "select": np.arange(2000) % 11})
    new = pa.table({name: ["<img src=x>", "y" * 500] * 500, "select": np.arange(1000) % 11})
    context = scene(old, new, Roles(segments=(name,), kinds=((name, "categorical"),)))
    found = run_checks(context)

    assert any(one.drifted and one.column == name for one in found)
    assert not any("\n" in one.message or "\x1b" in one.message for one in found)
    assert not any(one.statistic == "check_failed" for one in found)


def test_what_is_constant_in_every_window_is_no_news():
    def day(number, rows=2000):
        rng = np.random.default_rng(number)
        return pa.table({"weekday": [f"d{number % 7}"] * rows, "x": rng.normal(size=rows)})

    days = pa.concat_tables([day(number) for number in range(28)])
    context = scene(days, day(30), windows=28, timed=True)
    found = only(context, "quality.constant", column="weekday")

    assert found.p_value < 1e-6
    assert not found.drifted
    assert drifted(context) == set()


def test_a_sensor_that_is_off_every_other_window_is_no_news():
    def week(number, rows=400):
        rng = np.random.default_rng(number)
        values = pa.array(rng.normal(size=rows), mask=np.full(rows, number % 2 == 1))
        return pa.table({"sensor": values, "x": rng.normal(size=rows)})

    weeks = pa.concat_tables([week(number) for number in range(20)])
    context = scene(weeks, week(21), windows=20, timed=True)

    assert not only(context, "quality.missing", column="sensor").drifted


def test_no_value_of_the_data_breaks_a_line_of_a_message():
    def hostile(table):
        ports = [f"{port}\n\u202eX\x1b[2J" for port in table["port"].to_pylist()]
        return with_column(table, "port", ports)

    context = scene(hostile(REFERENCE), hostile(CLEAN.slice(0, 300)), ROLES)

    assert all(one.message.isprintable() for one in run_checks(context))
