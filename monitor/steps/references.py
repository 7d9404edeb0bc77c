"""The active version of a monitor's reference: from the store, or learned now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from monitor.config import Config, MonitorConfig
from monitor.core.errors import ConfigError, ProfileError, UsageError
from monitor.core.ports import Source
from monitor.core.window import Window
from monitor.evidence import Reference
from monitor.evidence.reference import FEWEST_WINDOWS
from monitor.profiles import packing
from monitor.profiles.plan import Plan
from monitor.profiles.types import Profile, Sample
from monitor.steps import baseline as learning
from monitor.steps import labels as later
from monitor.steps.baseline import Baseline
from monitor.steps.engine import Engine
from monitor.steps.places import Places
from monitor.steps.reading import persistently, provenance
from monitor.steps.season import Seasons
from monitor.steps.setup import Setup, fingerprint
from monitor.store.records import NewReference, StoredReference
from monitor.store.store import Store


@dataclass(slots=True)
class References:
    """Baselines by monitor and version; each is read or learned once for the process."""

    store: Store
    config: Config
    say: Callable[[str], None]
    places: Places
    known: dict[tuple[str, int], Baseline] = field(default_factory=dict)

    def obtain(
        self,
        monitor: MonitorConfig,
        setup: Setup,
        engine: Engine,
        labels: later.Labels | None,
        window: Window,
    ) -> Baseline:
        """The active version if it was made from this config, else a new one.

        Without a reference in the config, the first windows before the one that is judged are it,
        until there are six.

        Raises
        ------
        UsageError
            It is the first window, and the config names no reference.
        """
        print_ = fingerprint(monitor)
        if monitor.reference is None:
            first = self._first_windows(monitor, window)
            period = Window(first[0].start, first[-1].end)
            setup = replace(setup, reference_window=period, first_windows=len(first))
            print_ = f"{print_}:{len(first)}"
        active = next((v for v in self.store.references.versions(monitor.name) if v.active), None)
        if active is not None and active.meta.get("config") == print_:
            key = (monitor.name, active.version)
            if key not in self.known:
                stored = self.store.references.get(*key)
                try:
                    self.known[key] = _restored(stored, setup)
                except ProfileError as error:
                    self.say(f"{monitor.name}: the reference is learned again: {error}")
                    return self._learn(monitor, setup, engine, labels, print_)
            return self.known[key]
        return self._learn(monitor, setup, engine, labels, print_)

    def _first_windows(self, monitor: MonitorConfig, window: Window) -> list[Window]:
        source, timestamp = reference_source(self.places, monitor), monitor.columns.timestamp
        extent = source.extent(timestamp)[0] if timestamp else None
        start = window.start if extent is None else monitor.cadence.filled_from(extent.start)
        first = list(islice(monitor.cadence.tile(start, window.start), FEWEST_WINDOWS))
        if not first:
            msg = (
                f"{window} is the first window of {monitor.name!r}, which has no "
                "[monitors.reference]: there is nothing to compare it with. The next one can be "
                "compared with it."
            )
            raise UsageError(msg)
        return first

    def _learn(
        self,
        monitor: MonitorConfig,
        setup: Setup,
        engine: Engine,
        labels: later.Labels | None,
        print_: str,
    ) -> Baseline:
        self.say(f"{monitor.name}: learning the reference")

        def learn() -> tuple[Baseline, dict[str, Any]]:
            source = reference_source(self.places, monitor)
            return learning.build(source, setup, engine, labels), provenance(source)

        (learned, origin), _ = persistently(learn, say=self.say)
        learned = replace(learned, first_windows=setup.first_windows)
        version = self.store.references.save(monitor.name, to_store(learned, print_, origin))
        learned = replace(learned, version=version)
        self.known[(monitor.name, version)] = learned
        return learned

    def version(self, monitor: MonitorConfig, number: int, setup: Setup) -> Baseline:
        """A version that some stored run was judged by."""
        key = (monitor.name, number)
        if key not in self.known:
            self.known[key] = _restored(self.store.references.get(*key), setup)
        return self.known[key]


def reference_source(places: Places, monitor: MonitorConfig) -> Source:
    """Where the reference's rows come from.

    Raises
    ------
    ConfigError
        The monitor has no reference, and no timestamp to tell its first windows by.
    """
    if monitor.reference is None and monitor.columns.timestamp is None:
        msg = (
            f"Monitor {monitor.name!r} has neither a [monitors.reference] nor a timestamp. Name "
            "the `kind` and `path` of a reference, or the timestamp: then its first windows are "
            "the reference."
        )
        raise ConfigError(msg)
    return places.reference(monitor)


def to_store(learned: Baseline, print_: str, origin: Mapping[str, Any]) -> NewReference:
    """A learned reference as the store keeps it; `print_` is the fingerprint of its config."""
    pooled = learned.pooled
    return NewReference(
        fingerprint=f"{print_}:{learned.plan.id}:{pooled.rows}",
        plan=learned.plan.to_bytes(),
        profile=pooled.to_bytes(),
        sample=pooled.sample.to_bytes(),
        evidence=_packed(learned.evidence, learned.figures, learned.branches),
        windows=learned.windows,
        rows=pooled.rows,
        meta={
            "config": print_,
            "by_time": learned.by_time,
            "step": learned.step,
            "seasons": learned.seasons.to_dict() if learned.seasons else None,
            "first_windows": learned.first_windows,
            "design_effect": learned.scalars.design_effect,
            "agreement_effect": learned.scalars.agreement_effect,
        },
        provenance={
            **origin,
            "first": pooled.first.isoformat() if pooled.first else None,
            "last": pooled.last.isoformat() if pooled.last else None,
        },
    )


def _restored(stored: StoredReference, setup: Setup) -> Baseline:
    pooled = Profile.from_bytes(stored.profile)
    if stored.sample is not None:
        pooled = replace(pooled, sample=Sample.from_bytes(stored.sample))
    found = learning.restore(
        Plan.from_bytes(stored.plan),
        pooled,
        *_unpacked(stored.evidence),
        windows=stored.windows,
        step=int(stored.meta["step"]),
        by_time=bool(stored.meta["by_time"]),
        seasons=Seasons.from_dict(stored.meta.get("seasons")),
        effects={name: float(stored.meta[name]) for name in ("design_effect", "agreement_effect")},
        setup=setup,
    )
    first = int(stored.meta.get("first_windows", 0))
    return replace(found, version=stored.version, first_windows=first, labelled=stored.labelled)


def _packed(columns: Reference, figures: Reference, groups: Reference | None) -> bytes:
    parts = [one.to_bytes() for one in (columns, figures, groups) if one is not None]
    return packing.pack([np.frombuffer(part, dtype=np.uint8) for part in parts])


def _unpacked(data: bytes) -> tuple[Reference, Reference, Reference | None]:
    """What `_packed` wrote. Raises `ProfileError`."""
    columns, figures, *groups = (
        Reference.from_bytes(part.tobytes()) for part in packing.unpack(data, {})
    )
    return columns, figures, groups[0] if groups else None
