"""A probability sample: sizes to inclusion probabilities to drawn units."""

from __future__ import annotations

import numpy as np

from monitor.curation.rows import BoolArray, FloatArray, IntArray

#: A box of the kd-order that holds less than this of a drawn unit need not be cut any more.
_ENOUGH = 0.5


def inclusion_probabilities(
    sizes: FloatArray, draws: int, *, certain: BoolArray | None = None
) -> FloatArray:
    """Probabilities proportional to size that add up to the number of draws.

    π = min(1, k s / Σ s), repeated with those at 1 set aside (Särndal, Swensson & Wretman 1992,
    §3.6).

    Parameters
    ----------
    sizes : array, shape (n,), > 0
    draws : int
        k. From n on every unit is certain.
    certain : array of bool, shape (n,), optional
        Units that are drawn in any case; at most k, else none of them is.

    Returns
    -------
    array, shape (n,)
        In (0, 1], Σ = min(k, n).

    Examples
    --------
    >>> inclusion_probabilities(np.array([1.0, 1.0, 2.0, 8.0]), 2).tolist()
    [0.25, 0.25, 0.5, 1.0]
    """
    if draws >= len(sizes):
        return np.ones(len(sizes))
    chosen = np.zeros(len(sizes), dtype=bool) if certain is None else certain.copy()
    if int(chosen.sum()) >= draws:
        chosen[:] = False
    while True:
        left = draws - int(chosen.sum())
        share = np.where(chosen, 0.0, sizes)
        probability = np.where(chosen, 1.0, left * share / share.sum())
        above = (probability >= 1) & ~chosen
        if not above.any():
            return probability
        chosen |= above


def spread(features: FloatArray, probabilities: FloatArray, rng: np.random.Generator) -> IntArray:
    """Order the units so that neighbours in space are neighbours in the list (a kd-order).

    Each box is cut where half of its probability lies on either side, across its widest column;
    a coin decides which half comes first. A systematic draw along this order is well spread, and
    spread samples vary less (Grafström, Lundström & Schelin 2012).

    Parameters
    ----------
    features : array, shape (n, p); p may be 0
    probabilities : array, shape (n,)

    Returns
    -------
    array, shape (n,)
        A permutation of the units.
    """
    order: list[IntArray] = []
    boxes = [rng.permutation(len(features)).astype(np.intp)]
    while boxes:
        box = boxes.pop()
        weight = probabilities[box]
        inside = features[box]
        if len(box) < 2 or weight.sum() <= _ENOUGH or (width := _widest(inside, weight)) is None:
            order.append(box)
            continue
        along = np.argsort(inside[:, width], kind="stable")
        box, running = box[along], np.cumsum(weight[along])
        cut = min(int(np.searchsorted(running, running[-1] / 2)) + 1, len(box) - 1)
        halves = [box[:cut], box[cut:]]
        boxes.extend(halves if rng.random() < 0.5 else halves[::-1])
    return np.concatenate(order) if order else np.empty(0, dtype=np.intp)


def _widest(inside: FloatArray, weight: FloatArray) -> int | None:
    """Column of the largest weighted variance; None when all rows are equal."""
    if inside.shape[1] == 0:
        return None
    share = weight / weight.sum()
    centred = inside - share @ inside
    variance = share @ (centred * centred)
    column = int(np.argmax(variance))
    return column if variance[column] > 0 else None


def systematic(probabilities: FloatArray, order: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw units with given inclusion probabilities along an order, with one random start.

    Parameters
    ----------
    probabilities : array, shape (n,), in [0, 1], with an integer sum k
    order : array, shape (n,), a permutation

    Returns
    -------
    array, shape (k,)
        Drawn units, each once, in their order along the list.

    References
    ----------
    W. G. Madow, "On the theory of systematic sampling, II", Ann. Math. Stat. 20, 1949.
    """
    certain = order[probabilities[order] >= 1]
    open_ = order[probabilities[order] < 1]
    draws = round(float(probabilities.sum())) - len(certain)
    start = rng.random()
    if draws <= 0 or not len(open_):
        return certain
    running = np.cumsum(probabilities[open_])
    # Rounding must not push the last point over the end.
    running *= draws / running[-1]
    points = np.searchsorted(running, start + np.arange(draws), side="right")
    drawn = open_[np.minimum(points, len(open_) - 1)]
    return np.concatenate([certain, drawn])
