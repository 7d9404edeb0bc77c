from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

import monitor
from monitor.core.columns import Roles
from monitor.core.finding import Finding
from monitor.steps import cells, sections
from monitor.store.records import NewQueueRow

ROLES = Roles(
    timestamp="ts", id="id", label="y", prediction="pred", scores=("s",), segments=("seg",)
)


def row(order: int = 0, text: str = "Drawn by chance.", **data: object) -> NewQueueRow:
    return NewQueueRow(
        row_id=str(order),
        reason="drifted",
        reason_text=text,
        score=1.0,
        inclusion_probability=0.5,
        weight=2.0,
        push_order=order,
        data=data,
        prediction=data.get("pred"),
        prediction_score=0.75,
    )


def test_a_card_shows_the_time_and_what_the_reason_speaks_of_first():
    data = {
        "id": 7,
        "a": 1,
        "ts": "2013-08-13T15:00:00+00:00",
        "seg": "UA",
        "pred": "yes",
        "s": 0.002199999988079071,
        "dewp": 0.002199999988079071,
        "distance": 644,
    }
    text = "Farther than before (distance 3.9), mostly for their dewp and temp."
    (card,) = sections.cards([row(text=text, **data)], ROLES, ZoneInfo("Europe/Berlin"))

    assert card.fields == (
        ("ts", "13 Aug 2013, 17:00"),
        ("dewp", "0.0022"),
        ("seg", "UA"),
        ("a", "1"),
        ("distance", "644"),
    )
    assert (card.prediction, card.prediction_score) == ("yes", 0.75)


def test_a_text_that_only_looks_like_a_time_stays_as_it_is():
    odd = [
        "2013-08-13",
        "2013-99-13T15:00:00",
        "0001-01-01T00:00:00+14:00",
        "2013-08-13T15:00:00 <b>",
    ]
    found = [sections.cards([row(note=text)], ROLES, UTC)[0].fields[0][1] for text in odd]

    assert found == odd


def test_rules_that_hold_are_one_line():
    held = [
        Finding(
            check="quality.rules",
            statistic=f"r{i}",
            value=0.0,
            n_current=10,
            message=f"Rule 'r{i}' holds in all 10 rows.",
        )
        for i in range(3)
    ]
    broken = Finding(
        check="quality.rules",
        statistic="b",
        value=0.2,
        n_current=10,
        message="broken",
        drifted=True,
        severity="critical",
    )

    assert [view.message for view in sections.quality([*held, broken])] == [
        "broken",
        "3 rules hold in all rows: `r0`, `r1`, `r2`.",
    ]


def test_classes_and_groups_that_the_training_set_lacks_are_named():
    rng = np.random.default_rng(3)

    def table(bags: float, rare: float) -> pa.Table:
        y = np.where(rng.random(3_000) < bags, "bag", "shoe")
        group = np.where(rng.random(3_000) < rare, "north", "south")
        return pa.table({"y": y, "pred": y, "group": group, "x": rng.normal(size=3_000)})

    compared = monitor.compare(
        table(0.01, 0.3), table(0.2, 0.3), label="y", prediction="pred", segment="group"
    )
    names = [cell.name for cell in compared.view.lacking]

    assert names == ["class bag", "group=south and class bag", "group=north and class bag"]
    assert compared.view.cells_compared == 8
    assert all(cell.queue is None for cell in compared.view.lacking)


def test_a_histogram_reaches_where_the_window_went_but_keeps_the_reference_readable():
    rng = np.random.default_rng(5)
    old = rng.normal(0, 1, 2_000)

    def edges(new: np.ndarray) -> tuple[float, float]:
        compared = monitor.compare(pa.table({"x": old}), pa.table({"x": new}))
        bins = compared.view.columns[0].bins
        return bins.edges[0], bins.edges[-1]

    low, high = edges(old + 4)
    assert low < -2.5
    assert 6 < high < 8
    low, high = edges(1_000 * old)
    assert -9 < low < -7
    assert 7 < high < 9
    assert all(np.isfinite(edges(np.append(old, [np.inf, -np.inf] * 40))))


def test_the_class_of_rows_without_a_label_is_not_taken_for_none():
    rng = np.random.default_rng(3)

    def compared(bags: float) -> monitor.Comparison:
        y = np.where(rng.random(2_000) < bags, "bag", "shoe")
        table = pa.table({"y": y, "pred": y, "group": np.where(y == "bag", "north", "south")})
        return monitor.compare(table, table, label="y", prediction="pred", segment="group")

    profiles = [compared(bags).judged.context.current for bags in (0.01, 0.3)]
    roles = Roles(label="y", prediction="pred", segments=("group",))
    rows = [row(i, group="north") for i in range(10)]
    found, _, _ = cells.lacking(*profiles, rows, roles)
    queue = {cell.name: cell.queue for cell in found}

    assert queue["group=north"] == 1.0
    assert queue["class bag"] is None
    labelled = [row(i, group="north", y="bag") for i in range(10)]
    assert {cell.queue for cell in cells.lacking(*profiles, labelled, roles)[0]} == {1.0}


def test_predictions_stand_for_classes_where_labels_are_missing():
    rng = np.random.default_rng(4)

    def profile(share: float) -> object:
        pred = rng.random(2_000) < share
        table = pa.table({"pred": pred, "group": np.where(pred, "north", "south")})
        return monitor.compare(table, table, prediction="pred", segment="group")

    old, new = (profile(share).judged.context.current for share in (0.01, 0.3))
    roles = Roles(prediction="pred", segments=("group",))
    rows = [row(i, group="north", pred=i < 5) for i in range(10)]
    queue = {cell.name: cell.queue for cell in cells.lacking(old, new, rows, roles)[0]}

    assert queue["class true"] == 0.5
    assert queue["group=north and class true"] == 0.5
    assert queue["group=north"] == 1.0


def test_what_production_has_and_the_labels_lack_is_weighted_by_the_chances():
    rng = np.random.default_rng(5)
    pred = np.where(rng.random(3_000) < 0.3, "bag", "shoe")
    table = pa.table({"pred": pred, "x": rng.normal(size=3_000)})
    profile = monitor.compare(table, table, prediction="pred").judged.context.current
    roles = Roles(prediction="pred")

    def labelled(bags: int, shoes: int, chance: float) -> list[NewQueueRow]:
        made = [row(i, pred="bag" if i < bags else "shoe") for i in range(bags + shoes)]
        chances = [chance] * bags + [0.1] * shoes
        return [
            replace(one, inclusion_probability=chance)
            for one, chance in zip(made, chances, strict=True)
        ]

    def lack(rows: list[NewQueueRow]) -> list[str]:
        found = cells.lacking(profile, profile, [], roles, labelled=rows)
        return [cell.name for cell in found[1]]

    # Nine tenths are bags, each drawn with ten times the chance of a shoe: 0.47 of production.
    assert lack(labelled(90, 10, 1.0)) == []
    # As often as shoes they would be 0.9 of production, and shoes would be lacking.
    assert lack(labelled(190, 10, 0.1)) == ["class shoe"]
    assert lack([]) == []
