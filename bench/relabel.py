"""What k labels buy: accuracy on the windows after retraining, by the rule that chose the rows.

    OMP_NUM_THREADS=1 python -m bench.relabel --quick
    OMP_NUM_THREADS=1 nice -n 19 python -m bench.relabel --seeds 24

Real streams of images and flights (`bench.streams`), logistic regression on standardised features,
each rule with the same training set, pool and test rows for a seed; new labels weigh 1, except in
the column `weighted` (driftloop's rows with the weight that it exports). Differences are paired by
seed; Holm's correction goes over all streams and budgets. Seeds draw nine tenths of the training
set and of the pool (and the classes that are missing); the rows behind them are the same.
Needs the bigger test data in ../shared/data or DRIFTLOOP_TEST_DATA.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.peers_labels import RULES, Choice, FloatArray, Scene, driftloop
from bench.relabel_table import print_tables
from bench.streams import FOLDER, Named, Rows, Stream, streams
from monitor.curation.estimate import Answers, estimate
from monitor.curation.units import SHARE, copy_radius
from monitor.curation.weights import training_weight

CACHE = Path(__file__).parent / ".cache" / "relabel.jsonl"
#: Draws for each seed, stream and k = 200 that show whether estimates are unbiased.
DRAWS = 10
MEASURED_AT = 200


def head() -> LogisticRegression:
    """The model that is retrained."""
    return LogisticRegression(max_iter=200, tol=1e-3)


def fitted(rows: Rows, new: Rows, weight: float = 1.0) -> LogisticRegression:
    """Trained on both; each of the new rows weighs `weight`."""
    sizes = [len(rows.classes), len(new.classes)]
    return head().fit(
        np.vstack([rows.features, new.features]),
        np.concatenate([rows.classes, new.classes]),
        sample_weight=np.repeat([1.0, weight], sizes),
    )


def one(named: Named, seed: int, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """All rules and budgets of one stream and seed: accuracies, estimates, duplicates.

    With `known`, an earlier result, only driftloop's own part is computed.
    """
    stream = named.make(np.random.default_rng([seed, _number(named.name)]))
    nothing = stream.steps[0].pool.take(np.empty(0, dtype=np.intp))
    base = fitted(stream.training, nothing)
    result: dict[str, Any] = known or {
        "stream": named.name,
        "kind": named.kind,
        "seed": seed,
        "before": float(np.mean([base.score(*_pair(s.test)) for s in stream.steps if s.test])),
        "all": {str(k): _all_labelled(stream) for k in named.budgets[:1]},
        "rules": {},
        "near": {},
    }
    for k in named.budgets:
        for name in RULES if known is None else ("driftloop",):
            rng = np.random.default_rng([seed, k, _number(name)])
            found = _loop(stream, base, name, k, rng)
            result["rules"].setdefault(name, {})[str(k)] = found["accuracy"]
            if name in {"driftloop", "random"}:
                result["near"].setdefault(name, {})[str(k)] = found["near"]
            if name == "driftloop":
                result["rules"].setdefault("weighted", {})[str(k)] = found["weighted"]
    if MEASURED_AT in named.budgets:
        result["estimates"] = list(_estimates(stream, base, seed))
    return result


def _number(text: str) -> int:
    return int.from_bytes(text.encode()[:6], "little")


def _pair(rows: Rows | None) -> tuple[FloatArray, Any]:
    assert rows is not None
    return rows.features, rows.classes


def _loop(
    stream: Stream, base: LogisticRegression, rule: str, k: int, rng: np.random.Generator
) -> dict[str, Any]:
    """k labels spread evenly over the windows; the model is refitted after each."""
    model, taken, pi = base, stream.steps[0].pool.take(np.empty(0, dtype=np.intp)), np.empty(0)
    scores, weighted, near = [], [], []
    for at, step in enumerate(stream.steps):
        budget = k * (at + 1) // len(stream.steps) - k * at // len(stream.steps)
        known = np.vstack([stream.training.features, taken.features])
        pool = step.pool.features
        choice = RULES[rule](Scene(pool, known, model.predict_proba(pool), rng), budget)
        near.append(_near(pool[choice.rows], stream.training.features))
        new = step.pool.take(choice.rows)
        taken = Rows(
            np.vstack([taken.features, new.features]),
            np.concatenate([taken.classes, new.classes]),
        )
        model = fitted(stream.training, taken)
        if choice.probabilities is not None:
            pi = np.concatenate([pi, choice.probabilities])
        if step.test is not None:
            scores.append(model.score(*_pair(step.test)))
            if rule == "driftloop" and (len(stream.steps) < 5 or at % 8 == 7):
                weighted.append(_weighted(stream, taken, pi, rng).score(*_pair(step.test)))
                weighted[-1] -= scores[-1]
    return {
        "accuracy": float(np.mean(scores)),
        "weighted": float(np.mean(scores) + np.mean(weighted)) if weighted else None,
        "near": np.mean(near, axis=0).tolist(),
    }


def _weighted(
    stream: Stream, taken: Rows, pi: FloatArray, rng: np.random.Generator
) -> LogisticRegression:
    chosen = training_weight(head(), _pair(stream.training), _pair(taken), pi, rng=rng)
    return fitted(stream.training, taken, chosen.weight)


def _all_labelled(stream: Stream) -> float:
    """The ceiling: every row of every window labelled."""
    taken, scores = stream.steps[0].pool.take(np.empty(0, dtype=np.intp)), []
    for step in stream.steps:
        taken = Rows(
            np.vstack([taken.features, step.pool.features]),
            np.concatenate([taken.classes, step.pool.classes]),
        )
        if step.test is not None:
            scores.append(fitted(stream.training, taken).score(*_pair(step.test)))
    return float(np.mean(scores))


def _near(rows: FloatArray, training: FloatArray) -> tuple[float, float]:
    """Share of the rows that are copies of an earlier one, and nearer than the 1 % mark."""
    radius = copy_radius(training)
    if radius is None or len(rows) < 2:
        return 0.0, 0.0
    square = (rows**2).sum(axis=1)
    distance = np.maximum(square[:, None] + square - 2 * rows @ rows.T, 0) ** 0.5
    distance[np.triu_indices(len(rows))] = np.inf
    nearest = distance.min(axis=1)
    return float(np.mean(nearest <= radius)), float(np.mean(nearest <= radius / SHARE))


def _estimates(stream: Stream, base: LogisticRegression, seed: int) -> Iterator[dict[str, Any]]:
    """Accuracy of the old model on the last pool, by a queue and by a random fifth of it."""
    pool = stream.steps[-1].pool
    chances = base.predict_proba(pool.features)
    correct = (base.classes_[chances.argmax(axis=1)] == pool.classes).astype(float)
    expected = chances.max(axis=1)
    fifth = MEASURED_AT // 5
    for draw in range(DRAWS):
        rng = np.random.default_rng([seed, draw, 77])
        choice = driftloop(
            Scene(pool.features, stream.training.features, chances, rng), MEASURED_AT
        )
        plain = rng.choice(len(correct), fifth, replace=False)
        chance = np.full(fifth, fifth / len(correct))
        others = [Choice(plain, chance), Choice(plain, chance, sizes=choice.sizes)]
        made = [_measured(one, correct, expected) for one in (choice, *others)]
        names = ("queue", "fifth", "fifth_with_sizes")
        yield {"truth": float(correct.mean()), **dict(zip(names, made, strict=True))}


def _measured(choice: Choice, correct: FloatArray, expected: FloatArray) -> list[float]:
    assert choice.probabilities is not None
    rows, sizes = choice.rows, choice.sizes
    answers = Answers(
        correct[rows],
        choice.probabilities,
        expected[rows],
        float(expected.mean()),
        copies=choice.copies,
        sizes=None if sizes is None else sizes[rows],
        sizes_mean=None if sizes is None else float(sizes.mean()),
    )
    found = estimate(answers, bounds=(0, 1))
    low, high = found.interval or (np.nan, np.nan)
    return [found.value, low, high]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--quick", action="store_true", help="4 seeds")
    parser.add_argument("--only", default="", help="streams whose name holds this")
    parser.add_argument("--own", action="store_true", help="compute driftloop's part again")
    parser.add_argument("--fresh", action="store_true", help="forget what was computed before")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    seeds = 4 if options.quick else options.seeds
    if not FOLDER.exists():
        print(f"skipped: {FOLDER} is not there; name the test data in DRIFTLOOP_TEST_DATA")
        return
    chosen = [named for named in streams() if options.only in named.name]
    if options.own:
        CACHE.write_text("".join(f"{json.dumps(row)}\n" for row in _again(chosen)))
    print_tables(list(_results(chosen, seeds, fresh=options.fresh)))


def _again(chosen: list[Named]) -> list[dict[str, Any]]:
    """The cached results, driftloop's part by the code as it is."""
    streams_ = {named.name: named for named in chosen}
    rows = [json.loads(line) for line in CACHE.read_text().splitlines()]
    return [
        one(streams_[row["stream"]], row["seed"], row) if row["stream"] in streams_ else row
        for row in rows
    ]


def _results(chosen: list[Named], seeds: int, *, fresh: bool) -> Iterator[dict[str, Any]]:
    """Computed, or read from an earlier run of this benchmark."""
    CACHE.parent.mkdir(exist_ok=True)
    if fresh:
        CACHE.unlink(missing_ok=True)
    lines = CACHE.read_text().splitlines() if CACHE.exists() else []
    known = {(row["stream"], row["seed"]): row for row in map(json.loads, lines)}
    started = time.perf_counter()
    for seed in range(seeds):
        for named in chosen:
            found = known.get((named.name, seed))
            if found is None:
                found = one(named, seed)
                with CACHE.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                spent = time.perf_counter() - started
                print(f"# seed {seed}, {named.name}: {spent:.0f} s", flush=True)
            yield found


if __name__ == "__main__":
    main()
