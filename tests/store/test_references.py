from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.core.errors import StoreError
from monitor.store.records import NewReference

from .making import MONITOR


def reference(fingerprint: str, **changed: object) -> NewReference:
    values = {
        "fingerprint": fingerprint,
        "plan": b"plan",
        "profile": b"profile",
        "evidence": b"\x00\xff",
        "windows": 9,
        "rows": 3_000_000_000,
        "meta": {"start": "2013-01-01"},
        "provenance": {"files": ["a.parquet"]},
    }
    return NewReference(**{**values, **changed})


def test_there_is_none_at_first(store):
    assert store.references.active(MONITOR) is None
    assert store.references.active_version(MONITOR) is None
    assert store.references.versions(MONITOR) == []


def test_what_is_saved_comes_back_and_is_active(store):
    assert store.references.save(MONITOR, reference("a", sample=b"sample")) == 1

    active = store.references.active(MONITOR)
    assert active == store.references.get(MONITOR, 1)
    assert (active.version, active.active, active.rows) == (1, True, 3_000_000_000)
    assert (active.plan, active.profile, active.evidence, active.sample) == (
        b"plan",
        b"profile",
        b"\x00\xff",
        b"sample",
    )
    assert (active.meta, active.provenance) == (
        {"start": "2013-01-01"},
        {"files": ["a.parquet"]},
    )


def test_versions_count_for_each_monitor_and_are_listed_newest_first(store):
    assert [store.references.save(MONITOR, reference(f)) for f in "abc"] == [1, 2, 3]
    assert store.references.save("other", reference("a")) == 1
    assert [(v.version, v.active) for v in store.references.versions(MONITOR)] == [
        (3, True),
        (2, False),
        (1, False),
    ]


def test_the_active_one_again_is_no_new_version(store):
    store.references.save(MONITOR, reference("a"))
    assert store.references.save(MONITOR, reference("a")) == 1
    store.references.save(MONITOR, reference("b"))
    assert store.references.save(MONITOR, reference("a")) == 3


def test_promote_and_rollback_walk_through_what_was_active(store):
    for fingerprint in "abc":
        store.references.save(MONITOR, reference(fingerprint))
    store.references.promote(MONITOR, 1)
    store.references.promote(MONITOR, 1)
    assert store.references.active(MONITOR).version == 1

    assert [store.references.rollback(MONITOR) for _ in range(3)] == [3, 2, 1]
    with pytest.raises(StoreError, match="no earlier reference"):
        store.references.rollback(MONITOR)
    assert store.references.active_version(MONITOR) == 1


def test_a_version_that_is_not_there_is_an_error(store):
    store.references.save(MONITOR, reference("a"))
    for act in (store.references.promote, store.references.get):
        with pytest.raises(StoreError, match="no reference of version 7"):
            act(MONITOR, 7)
    assert store.references.active_version(MONITOR) == 1


def test_two_at_once_get_two_versions(open_store):
    def save(fingerprint):
        return open_store().references.save(MONITOR, reference(fingerprint))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(save, ["a", "b"])) == [1, 2]


def test_what_is_too_large_is_refused_with_its_name(store, monkeypatch):
    monkeypatch.setattr("monitor.store.engine.MAX_BLOB", 5)

    with pytest.raises(StoreError, match="profile of the reference"):
        store.references.save(MONITOR, reference("a", plan=b"p", profile=b"123456"))
    assert store.references.versions(MONITOR) == []
