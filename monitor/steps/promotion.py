"""The next version of a reference: labels that join it, or a newer time; checked before it counts.

A reference that was made from broken rows makes the bug the normal state, and silent for ever. So
what is to be promoted is first held against the active version: the quality checks run on it, its
differences are shown, and critical findings stop it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitor.config import MonitorConfig
from monitor.core.errors import ReferenceDataError, UsageError
from monitor.core.finding import Finding
from monitor.core.window import Window
from monitor.curation.given import as_class
from monitor.sources.frame import Frame
from monitor.steps import baseline as learning
from monitor.steps import labels as later
from monitor.steps.baseline import Baseline
from monitor.steps.consensus import labelled
from monitor.steps.engine import Engine
from monitor.steps.judge import judge_pair
from monitor.steps.reading import provenance
from monitor.steps.references import References, to_store
from monitor.steps.setup import Setup
from monitor.steps.tables import from_bytes, to_bytes
from monitor.steps.training import ADDED, TrainingRows, training_rows
from monitor.store.records import NewReference, StoredReference
from monitor.store.store import Store

#: How many rows a time has, and how old they are, is no bug of theirs.
_OF_TIME = frozenset({"quality.volume", "quality.freshness"})
#: Differences that are shown, the largest first.
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version that is not there yet, and what is to be known before."""

    monitor: str
    after: int  #: the version that is active now
    new: NewReference
    rows: int  #: that are new
    row_ids: tuple[str, ...]  #: queue rows whose labels join
    findings: tuple[Finding, ...]  #: of the quality checks, against the active version
    differences: tuple[str, ...]  #: sentences
    notes: tuple[str, ...] = ()

    @property
    def critical(self) -> tuple[Finding, ...]:
        """What stops it."""
        return tuple(one for one in self.findings if one.severity == "critical")


def with_labels(
    references: References, monitor: MonitorConfig, setup: Setup, engine: Engine
) -> Candidate:
    """The active version with all settled labels that have not joined one yet.

    Histograms and what is usual stay as they are, since the queue is not like production; the
    labelled rows count to the training set from then on, when rows are drawn for labelling.

    Raises
    ------
    UsageError
        There is no reference yet, or no settled label that is new.
    """
    stored, baseline = active(references, monitor, setup)
    found = labelled(references.store, monitor.name, monitor.queue.consensus)
    new = [row for row in found if row.state == "labelled"]
    made = training_rows(references.store, monitor.name, baseline, new)
    if not made.rows:
        msg = (
            f"Monitor {monitor.name!r} has no settled labels that are new: "
            f"{len(new)} are back, {len(made.left_out)} are left out. "
            f"See `driftloop queue list {monitor.name}`."
        )
        raise UsageError(msg)
    names = [name for name in made.table.column_names if not name.startswith(ADDED)]
    frame = Frame(made.table.select(names), "the labelled rows")
    judged, changed = _judged(baseline, setup, engine, frame)
    table = _joined(stored, _without_images(made.table, setup))
    return Candidate(
        monitor=monitor.name,
        after=stored.version,
        new=_extended(stored, table, made, monitor.queue.consensus),
        rows=made.table.num_rows,
        row_ids=tuple(row.row_id for row in made.rows),
        findings=judged,
        differences=(*_classes(baseline, made), *changed),
        notes=_left_out(made),
    )


def of_span(
    references: References,
    monitor: MonitorConfig,
    setup: Setup,
    engine: Engine,
    *,
    span: Window,
    labels: later.Labels | None,
) -> Candidate:
    """A version that is learned from production of that time, with labels that came back.

    Raises
    ------
    UsageError
        There is no reference yet, or the monitor has no timestamp.
    SourceError
        There are no rows in that time.
    """
    if setup.roles.timestamp is None:
        msg = f"Monitor {monitor.name!r} has no timestamp, so no time can be promoted."
        raise UsageError(msg)
    stored, baseline = active(references, monitor, setup)
    source = references.places.source(monitor)
    judged, changed = _judged(baseline, setup, engine, source, window=span, labels=labels)
    source = references.places.source(monitor)
    learned = learning.build(source, replace(setup, reference_window=span), engine, labels)
    origin = {**provenance(source), "promoted": str(span), "after": stored.version}
    new = to_store(learned, str(stored.meta["config"]), origin)
    return Candidate(
        monitor=monitor.name,
        after=stored.version,
        new=replace(new, fingerprint=f"{new.fingerprint}:{span}", labelled=stored.labelled),
        rows=learned.pooled.rows,
        row_ids=(),
        findings=judged,
        differences=changed,
        notes=(f"{learned.windows} windows, {learned.pooled.rows:,} rows",),
    )


def promote(store: Store, candidate: Candidate, *, force: bool = False) -> int:
    """Store the version and make it the active one; its number.

    Raises
    ------
    ReferenceDataError
        The quality checks have critical findings, and `force` is not set.
    """
    if candidate.critical and not force:
        said = "\n".join(f"- {sentence(one)}" for one in candidate.critical[:_SHOWN])
        msg = (
            f"Not promoted: against version {candidate.after} the quality checks have "
            f"{len(candidate.critical)} critical findings.\n{said}\n"
            "A reference with a bug in it makes the bug the normal state. Mend the data, or "
            "promote all the same with --force."
        )
        raise ReferenceDataError(msg)
    origin = {**candidate.new.provenance, "forced": bool(candidate.critical)}
    version = store.references.save(candidate.monitor, replace(candidate.new, provenance=origin))
    if candidate.row_ids:
        store.queue.mark(
            candidate.monitor, candidate.row_ids, "accepted", by=_by(version), only={"labelled"}
        )
    return version


def rollback(store: Store, monitor: str) -> tuple[int, int]:
    """Back to the version before; its number, and how many labels left the training set with it."""
    leaving = store.references.active(monitor)
    version = store.references.rollback(monitor)
    if leaving is None or leaving.labelled is None:
        return version, 0
    kept = store.references.get(monitor, version).labelled
    ids = _ids(leaving.labelled) - (_ids(kept) if kept is not None else set())
    by = f"rollback of {_by(leaving.version)}"
    back = store.queue.mark(monitor, sorted(ids), "labelled", by=by, only={"accepted"})
    return version, len(back.changed)


def sentence(finding: Finding) -> str:
    """What a check says, with the column that it is about."""
    return f"`{finding.column}`: {finding.message}" if finding.column else finding.message


def _by(version: int) -> str:
    return f"reference {version}"


def _ids(data: bytes) -> set[str]:
    return set(from_bytes(data).column(f"{ADDED}id").to_pylist())


def active(
    references: References, monitor: MonitorConfig, setup: Setup
) -> tuple[StoredReference, Baseline]:
    """The active version, stored and ready to judge by. Raises `UsageError` without one."""
    stored = references.store.references.active(monitor.name)
    if stored is None:
        msg = (
            f"Monitor {monitor.name!r} has no reference yet; its first run learns it: "
            f"`driftloop run {monitor.name}`."
        )
        raise UsageError(msg)
    return stored, references.version(monitor, stored.version, setup)


def _judged(
    baseline: Baseline,
    setup: Setup,
    engine: Engine,
    source: Any,
    *,
    window: Window | None = None,
    labels: later.Labels | None = None,
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings of the quality checks, and the other differences as sentences."""
    reading = learning.open_window(source, baseline.plan, window, labels)
    profile = engine.profile(reading, baseline.plan, window=window)
    found = judge_pair(baseline, setup, profile, reading.notes).findings
    quality = [
        one
        for one in found
        if one.check.startswith("quality.")
        and one.check not in _OF_TIME
        and (one.drifted or one.severity == "critical")
    ]
    apart = [one for one in found if one.drifted and one.check.startswith("drift.") and one.column]
    apart.sort(key=lambda one: -abs(one.effect or 0.0))
    said = [sentence(one) for one in apart[:_SHOWN]]
    if len(apart) > _SHOWN:
        said.append(f"{len(apart) - _SHOWN} more differences")
    return tuple(quality), tuple(said)


def _without_images(table: pa.Table, setup: Setup) -> pa.Table:
    return table.drop_columns([name for name in setup.roles.images if name in table.column_names])


def _joined(stored: StoredReference, table: pa.Table) -> pa.Table:
    """Labels that joined before, and the new ones; of a row the newer label counts."""
    if stored.labelled is None:
        return table
    before = from_bytes(stored.labelled)
    key = f"{ADDED}id"
    older = pc.is_in(before.column(key), value_set=table.column(key).combine_chunks())
    kept = before.filter(pc.invert(older))
    return pa.concat_tables([kept, table], promote_options="permissive")


def _extended(
    stored: StoredReference, table: pa.Table, made: TrainingRows, method: str
) -> NewReference:
    ids = sorted(table.column(f"{ADDED}id").to_pylist())
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    windows = [row.window for row in made.rows]
    origin = {
        **stored.provenance,
        "after": stored.version,
        "labels": {
            "rows": table.num_rows,
            "new": len(made.rows),
            "digest": digest,
            "consensus": method,
            "sources": dict(Counter(row.source for row in made.rows)),
            "guidelines": sorted({name for row in made.rows for name in row.guidelines}),
            "first_window": min(one.start for one in windows).isoformat(),
            "last_window": max(one.end for one in windows).isoformat(),
        },
    }
    return NewReference(
        fingerprint=f"{stored.fingerprint.split(':labels:')[0]}:labels:{digest}",
        plan=stored.plan,
        profile=stored.profile,
        evidence=stored.evidence,
        windows=stored.windows,
        rows=stored.rows,
        sample=stored.sample,
        labelled=to_bytes(table),
        meta=stored.meta,
        provenance=origin,
    )


def _classes(baseline: Baseline, made: TrainingRows) -> Sequence[str]:
    """Shares of the classes in the reference and among the labels, the largest changes first."""
    known = baseline.pooled.sample.table
    if made.label not in known.column_names or any(row.type != "class" for row in made.rows):
        return ()
    old = Counter(as_class(one) for one in known.column(made.label).to_pylist() if one is not None)
    new = Counter(as_class(row.label) for row in made.rows)
    shares = _shares(old), _shares(new)
    names = sorted({*old, *new}, key=lambda name: -abs(shares[1][name] - shares[0][name]))
    return [
        f"class {name}: {shares[0][name]:.1%} of the reference, {shares[1][name]:.1%} of the labels"
        for name in names[:_SHOWN]
    ]


def _shares(counts: Mapping[str, int]) -> Counter[str]:
    total = sum(counts.values())
    return Counter({name: count / total for name, count in counts.items()})


def _left_out(made: TrainingRows) -> tuple[str, ...]:
    reasons = Counter(why for _, why in made.left_out)
    return tuple(f"{count} left out: {why}" for why, count in reasons.most_common(_SHOWN))
