"""Weights that make what is trained on like production, class by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

#: No class counts for more, or less, than so many times itself.
MOST = 5.0
#: Fewer drawn labels say too little about production.
FEWEST = 30


def rebalancing_weights(
    training: Mapping[str, int],
    labelled: Sequence[str],
    drawn: Sequence[tuple[str, float]],
) -> dict[str, float]:
    """Share of each class in production, over its share in the training set with the new labels.

    Parameters
    ----------
    training : mapping of class to rows of the training set
    labelled : sequence of class
        Of all new labels, which join the training set.
    drawn : sequence of (class, inclusion probability)
        Of those that were drawn: production's shares are Σ 1/π of the class / Σ 1/π.

    Returns
    -------
    dict of class to weight
        Within 1/5 … 5; 1 for all while fewer than `FEWEST` drawn labels are there. A class that
        production was not seen to have keeps 1.

    Examples
    --------
    >>> weights = rebalancing_weights({"a": 90, "b": 10}, [], [("a", 0.1)] * 20 + [("b", 0.1)] * 20)
    >>> {name: round(weight, 3) for name, weight in weights.items()}
    {'a': 0.556, 'b': 5.0}
    """
    together = Counter(training) + Counter(labelled)
    if len(drawn) < FEWEST:
        return dict.fromkeys(together, 1.0)
    production: dict[str, float] = {}
    for label, probability in drawn:
        production[label] = production.get(label, 0.0) + 1 / probability
    rows, total = together.total(), sum(production.values())
    return {
        label: min(MOST, max(1 / MOST, production[label] / total / (count / rows)))
        if label in production
        else 1.0
        for label, count in together.items()
    }
