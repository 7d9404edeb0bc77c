"""Labels of several annotators for the same items, as arrays."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from monitor.curation.rows import FloatArray, IntArray


@dataclass(frozen=True)
class Answers:
    """n answers in long form; the last answer of an annotator to an item counts."""

    items: tuple[Hashable, ...]
    annotators: tuple[str, ...]
    classes: tuple[str, ...]
    item: IntArray  #: (n,) places in `items`
    annotator: IntArray  #: (n,) places in `annotators`
    label: IntArray  #: (n,) places in `classes`

    @classmethod
    def of(
        cls, answers: Iterable[tuple[Hashable, str, str]], classes: Iterable[str] = ()
    ) -> Answers:
        """From (item, annotator, label), oldest first.

        Parameters
        ----------
        answers : iterable of (item, annotator, label)
        classes : iterable of str, optional
            Those of the label spec come first, in their order; others that were given follow.

        Examples
        --------
        >>> given = Answers.of([("a", "Ann", "cat"), ("a", "Bo", "dog"), ("a", "Bo", "cat")])
        >>> given.votes().tolist(), given.classes
        ([[2.0]], ('cat',))
        """
        last = {(item, annotator): label for item, annotator, label in answers}
        items = {item: place for place, item in enumerate(dict.fromkeys(key[0] for key in last))}
        names = {name: place for place, name in enumerate(sorted({key[1] for key in last}))}
        given = sorted(set(last.values()))
        known = {name: place for place, name in enumerate(dict.fromkeys([*classes, *given]))}
        rows = np.array(
            [(items[item], names[who], known[label]) for (item, who), label in last.items()],
            dtype=np.intp,
        ).reshape(-1, 3)
        return cls(tuple(items), tuple(names), tuple(known), rows[:, 0], rows[:, 1], rows[:, 2])

    def __len__(self) -> int:
        """Answers."""
        return len(self.item)

    def votes(self) -> FloatArray:
        """How many annotators gave each class, (items, classes)."""
        found = np.zeros((len(self.items), len(self.classes)))
        np.add.at(found, (self.item, self.label), 1.0)
        return found

    def without(self, annotator: int) -> Answers:
        """All answers but those of one annotator; items and classes keep their places."""
        kept = self.annotator != annotator
        return Answers(
            self.items,
            self.annotators,
            self.classes,
            self.item[kept],
            self.annotator[kept],
            self.label[kept],
        )
