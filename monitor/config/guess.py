"""Which column plays which part, guessed by name, type and content; each guess with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor.config import words
from monitor.config.facts import Facts
from monitor.core.columns import Roles

_IMAGE_NAMES = re.compile(r"(^|_)(image|img|photo|picture|pixels|thumbnail|png|jpe?g)s?(_|$)")
_IMAGE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_IMAGE_ENDINGS = r"(?i)\.(png|jpe?g|gif|webp|bmp)$"
_UUID = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
#: Roles that several columns may have.
_MANY = ("scores", "segments", "embeddings", "images", "texts")
_TIME_FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M", "%Y/%m/%d",
)  # fmt: skip
_MOST_SEGMENTS = 3
_SEGMENT_LEVELS = 30

#: Epoch numbers between 2000 and 2100, by their unit.
_EPOCHS = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))


@dataclass(frozen=True, slots=True)
class Guess:
    """One role, and why."""

    key: str  #: as in [monitors.columns]
    columns: tuple[str, ...]
    reason: str
    timestamp_unit: str | None = None  #: of a timestamp that is a number
    timestamp_format: str | None = None  #: of a timestamp that is text, but not ISO 8601
    levels: frozenset[str] = frozenset()  #: of a prediction with few levels


def snake(name: str) -> str:
    """`"Event Time"` and `"eventTime"` as `"event_time"`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^0-9a-z]+", "_", spaced.lower()).strip("_")


def guess_roles(columns: Sequence[Facts]) -> tuple[Roles, tuple[Guess, ...]]:
    """Roles for the columns of a sample. What is not surely something stays a feature."""
    guesses: list[Guess] = []
    left = list(columns)
    finders: list[Callable[[list[Facts], list[Guess]], Guess | None]] = [
        _timestamp, _id, _prediction, _scores, _version, _label, _images, _embeddings, _segments,
        _texts,
    ]  # fmt: skip
    for find in finders:
        guess = find(left, guesses)
        if guess is not None:
            guesses.append(guess)
            left = [facts for facts in left if facts.name not in guess.columns]
    named: dict[str, Any] = {
        guess.key: guess.columns if guess.key in _MANY else guess.columns[0] for guess in guesses
    }
    return Roles(**named), tuple(guesses)


def _rank(name: str, known: Sequence[str]) -> int | None:
    """How well a name fits: 0 is best; endings (`order_id`) come after whole names."""
    snaked = snake(name)
    if snaked in known:
        return known.index(snaked)
    for place, word in enumerate(known):
        if len(word) > 1 and (snaked.endswith(f"_{word}") or snaked.startswith(f"{word}_")):
            return len(known) + place
    return None


def _best(
    columns: Iterable[Facts], known: Sequence[str], fits: Callable[[Facts], bool]
) -> Facts | None:
    ranked = [(rank, f) for f in columns if (rank := _rank(f.name, known)) is not None and fits(f)]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def epoch_unit(facts: Facts) -> str | None:
    """What numbers count that look like times since 1970 (between 2000 and 2100)."""
    values = facts.finite
    if not facts.is_number or len(values) == 0 or facts.nulls:
        return None
    low, high = float(values.min()), float(values.max())
    for unit, factor in _EPOCHS:
        if 946_684_800 * factor <= low and high <= 4_102_444_800 * factor:
            return unit
    return None


def _timestamp(columns: list[Facts], _: list[Guess]) -> Guess | None:
    times = [facts for facts in columns if facts.kind == "datetime" and facts.present]

    def order(facts: Facts) -> tuple[float, ...]:
        rank = _rank(facts.name, words.TIME)
        exact = 0 if pa.types.is_timestamp(facts.values.type) else 1
        gaps = round(facts.nulls / facts.rows, 2)
        return (gaps, exact, len(words.TIME) * 3 if rank is None else rank)

    if times:
        best = min(times, key=order)
        return Guess("timestamp", (best.name,), f"holds times, {_gaps(best)}")
    numbers = _best(columns, words.TIME, lambda facts: epoch_unit(facts) is not None)
    if numbers is not None:
        unit = epoch_unit(numbers)
        reason = f"named like a time, and its numbers are times since 1970 in {unit}"
        return Guess("timestamp", (numbers.name,), reason, unit)
    text = _best(columns, words.TIME, lambda facts: time_format(facts) is not None)
    if text is None:
        return None
    form = time_format(text)
    reason = f"named like a time, and its text has the form {form}"
    return Guess("timestamp", (text.name,), reason, timestamp_format=form)


def time_format(facts: Facts) -> str | None:
    """The only form that all texts of a column have; None when it is none, or not sure."""
    if not facts.is_text or not facts.present:
        return None
    fitting = [form for form in _TIME_FORMATS if _has_form(facts, form)]
    return fitting[0] if len(fitting) == 1 else None


def _has_form(facts: Facts, form: str) -> bool:
    parsed = pc.strptime(facts.values.cast(pa.string()), form, "s", error_is_null=True)
    return int(parsed.null_count) == 0


def _gaps(facts: Facts) -> str:
    return "never missing" if facts.nulls == 0 else f"missing in {facts.nulls} of {facts.rows} rows"


def _id(columns: list[Facts], _: list[Guess]) -> Guess | None:
    def fits(facts: Facts) -> bool:
        whole = pa.types.is_integer(facts.values.type) or facts.is_text
        return whole and facts.unique

    named = _best(columns, words.ID, fits)
    if named is not None:
        return Guess("id", (named.name,), f"named like an id, and unique in {named.rows} rows")
    for facts in columns:
        if facts.is_text and facts.unique:
            matches = pc.match_substring_regex(facts.values, _UUID)
            if pc.all(matches).as_py():
                return Guess("id", (facts.name,), f"a UUID in each of {facts.rows} rows")
    return None


def _prediction(columns: list[Facts], _: list[Guess]) -> Guess | None:
    best = _best(
        columns, words.PREDICTION, lambda f: f.kind in ("categorical", "boolean", "numeric")
    )
    best = best if best is None or not _is_share(best) else None
    if best is None:
        return None
    levels = frozenset(best.levels) if best.few else frozenset()
    return Guess("prediction", (best.name,), "named like a prediction", levels=levels)


def _is_share(facts: Facts) -> bool:
    """Numbers in [0, 1] that are not only 0 and 1."""
    values = facts.finite
    inside = len(values) > 0 and bool(values.min() >= 0 and values.max() <= 1)
    return inside and pa.types.is_floating(facts.values.type) and facts.distinct > 2


def _scores(columns: list[Facts], guesses: list[Guess]) -> Guess | None:
    prefix = re.compile(r"(score|prob|proba|probability|p)_(.+)")
    several = {
        snake(f.name): f for f in columns if prefix.fullmatch(snake(f.name)) and _is_share(f)
    }
    ranked = [f for f in columns if snake(f.name) in words.SCORE and _is_share(f)]
    if len(several) >= 2 and not ranked:
        names = _by_class(several, guesses)
        return Guess("scores", names, f"{len(names)} columns named like scores, one for each class")
    best = _best(columns, words.SCORE, _is_share)
    if best is None and guesses and len(several) == 1:
        best = next(iter(several.values()))
    if best is None:
        return None
    return Guess("scores", (best.name,), "named like a score, and within 0 and 1")


def _by_class(scores: dict[str, Facts], guesses: list[Guess]) -> tuple[str, ...]:
    """Score columns in the sorted order of the classes that they are named after."""
    levels = {snake(level): level for guess in guesses for level in guess.levels}

    def order(key: str) -> str:
        return levels.get(key.partition("_")[2], key)

    return tuple(scores[key].name for key in sorted(scores, key=order))


def _version(columns: list[Facts], _: list[Guess]) -> Guess | None:
    best = _best(
        [facts for facts in columns if snake(facts.name) in words.VERSION],
        words.VERSION,
        lambda facts: facts.is_text and 1 <= facts.distinct <= 20 and facts.nulls == 0,
    )
    if best is None:
        return None
    return Guess("model_version", (best.name,), f"named like one; distinct values: {best.distinct}")


def _label(columns: list[Facts], guesses: list[Guess]) -> Guess | None:
    def fits(facts: Facts) -> bool:
        return facts.few or (facts.kind == "numeric" and facts.distinct > 50)

    named = _best([f for f in columns if snake(f.name) in words.LABEL], words.LABEL, fits)
    if named is not None:
        return Guess("label", (named.name,), "named like a label")
    prediction = next((guess.columns[0] for guess in guesses if guess.key == "prediction"), None)
    if prediction is None:
        return None
    return _named_in_prediction(columns, prediction) or _same_levels(columns, guesses)


def _same_levels(columns: list[Facts], guesses: list[Guess]) -> Guess | None:
    """The only other column with just the values of the prediction."""
    levels = next(guess.levels for guess in guesses if guess.key == "prediction")
    alike = [facts for facts in columns if facts.few and frozenset(facts.levels) == levels]
    if len(levels) < 2 or len(alike) != 1:
        return None
    return Guess("label", (alike[0].name,), "the only column with the values of the prediction")


def _named_in_prediction(columns: list[Facts], prediction: str) -> Guess | None:
    """A column whose name the prediction carries: `employed` beside `employed_pred`."""
    stem = snake(prediction)
    for word in sorted(words.PREDICTION, key=len, reverse=True):
        stem = re.sub(rf"(^|_){word}(_|$)", "_", stem).strip("_")
    for facts in columns:
        if stem and snake(facts.name) == stem and (facts.few or facts.kind == "numeric"):
            return Guess("label", (facts.name,), f"named like the prediction {prediction!r}")
    return None


def _images(columns: list[Facts], _: list[Guess]) -> Guess | None:
    found = tuple(facts.name for facts in columns if _is_image(facts))
    return Guess("images", found, "image files, or paths of them") if found else None


def _is_image(facts: Facts) -> bool:
    head = facts.values[:20]
    if len(head) == 0:
        return False
    if pa.types.is_binary(head.type) or pa.types.is_large_binary(head.type):
        magic = all(value.startswith(_IMAGE_MAGIC) for value in head.to_pylist())
        return magic or bool(_IMAGE_NAMES.search(snake(facts.name)))
    paths = facts.is_text and pc.all(pc.match_substring_regex(head, _IMAGE_ENDINGS)).as_py()
    return bool(paths)


def _embeddings(columns: list[Facts], _: list[Guess]) -> Guess | None:
    found = tuple(facts.name for facts in columns if facts.kind == "embedding")
    return Guess("embeddings", found, "lists of numbers, all of one length") if found else None


def _texts(columns: list[Facts], _: list[Guess]) -> Guess | None:
    found = tuple(facts.name for facts in columns if facts.kind == "text" and _has_words(facts))
    return Guess("texts", found, "free text") if found else None


def _has_words(facts: Facts) -> bool:
    head = [value for value in facts.values[:200].to_pylist() if isinstance(value, str)]
    return bool(head) and float(np.mean([len(value.split()) for value in head])) >= 3


def _segments(columns: list[Facts], _: list[Guess]) -> Guess | None:
    def fits(facts: Facts) -> bool:
        least = min((count for _, count in facts.counts[:_SEGMENT_LEVELS]), default=0)
        return facts.few and 2 <= facts.distinct <= _SEGMENT_LEVELS and least >= 1

    named: dict[str, tuple[int, str]] = {}
    for facts in columns:
        rank = _rank(facts.name, words.SEGMENT)
        if rank is not None and fits(facts) and (facts.is_text or snake(facts.name) not in named):
            named[snake(facts.name)] = (rank, facts.name)  # codes and their names: the names
    chosen = tuple(name for _, name in sorted(named.values())[:_MOST_SEGMENTS])
    return Guess("segments", chosen, "groups that may behave differently") if chosen else None
