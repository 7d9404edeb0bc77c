"""A first config from a look at the data: it loads, it runs, and its comments say why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from monitor.config import toml
from monitor.config.cadence import Cadence
from monitor.config.datamap import SAMPLE_ROWS, DataMap, data_map, facts_of
from monitor.config.guess import Guess, guess_roles
from monitor.config.noise import percent
from monitor.config.rules import suggested_rules
from monitor.core.window import Window
from monitor.sources.files import Files

#: Window -> when it is run.
_SCHEDULES = {"7d": "0 6 * * mon", "1d": "0 6 * * *", "1mo": "0 6 1 * *", "1h": "10 * * * *"}
#: (least windows, least rows in each), from what one wishes to what is just possible.
_WISHES = ((24, 500), (12, 100), (8, 30))
_LEAST_REFERENCE, _MOST_REFERENCE = 6, 52
_BLOCKS = 8
_MOST_HINTS = 40

_HEAD = """\
[store]
url = "sqlite:///driftloop.db"          # one machine; for teams postgresql+psycopg://…

[budget]
false_alarms_per_year = 1.0             # false alarm mails that you accept from each monitor

[[alerts]]
kind = "mail"
folder = "mails"                        # .eml files; host, sender, recipients to send them"""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How time is cut, when the data cover enough of it."""

    window: str
    reference: Window
    windows: int  #: whole ones in the data


def init_config(path: str, *, name: str | None = None, base: Path | None = None) -> str:
    """A commented config for the data at a path or URL.

    Parameters
    ----------
    path : str
        A file, a folder, a glob or a URL; a relative one starts from the current folder.
    name : str, optional
        Of the monitor; made from the path by default.
    base : Path, optional
        The folder that the config will lie in, the current one by default. Paths below it are
        written relative to it, others absolute.

    Raises
    ------
    SourceError
        The data cannot be read.
    """
    options = _time_options(path)
    source = _files(path, options)
    look = data_map(source)
    facts = facts_of(source.sample(SAMPLE_ROWS))
    plan = _plan(look)
    where = _where(_written(path, (base or Path.cwd()).absolute()), options)
    sections = [
        "\n".join(_about(look)),
        _HEAD,
        _monitor(name or monitor_name(path), plan),
        f"[monitors.source]\n{where}",
        _reference(where, plan),
        "\n".join(_columns(look, plan)),
        *suggested_rules(facts, look.roles),
        "[monitors.queue]\nbudget = 50                             # rows a window to be labelled",
    ]
    return "\n\n".join(sections) + "\n"


def monitor_name(path: str) -> str:
    """A name for a monitor: the file's, or its folder's where the file is a pattern."""
    parts = PurePosixPath(urlsplit(path).path.replace("\\", "/")).parts
    plain = [part for part in parts if not re.search(r"[*?\[]", part) and part != "/"]
    stem = re.sub(r"(\.[A-Za-z0-9]{1,8}){1,2}$", "", plain[-1]) if plain else ""
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-_.")
    return slug[:100] or "monitor"


def _files(path: str, options: dict[str, str]) -> Files:
    return Files(Files.Options.model_validate({"path": (path,), **options}), Path.cwd())


def _time_options(path: str) -> dict[str, str]:
    """How times are to be read, where they are numbers or text of another form."""
    _, guesses = guess_roles(facts_of(_files(path, {}).sample(2_000)))
    guess = next((guess for guess in guesses if guess.key == "timestamp"), None)
    if guess is None:
        return {}
    found = {"timestamp_unit": guess.timestamp_unit, "timestamp_format": guess.timestamp_format}
    return {key: value for key, value in found.items() if value is not None}


def _plan(look: DataMap) -> _Plan | None:
    """The window, and the first quarter of the windows as reference."""
    if look.extent is None or not look.rows:
        return None
    counts = {
        window: len(list(_tiles(window, look.extent)))
        for window in _SCHEDULES
        if look.extent.end - look.extent.start < Cadence.parse(window).length * 20_000
    }
    for least, rows in _WISHES:
        for window, count in counts.items():
            if count >= least and look.rows / count >= rows:
                chosen = list(_tiles(window, look.extent))
                size = min(max(count // 4, _LEAST_REFERENCE), _MOST_REFERENCE)
                reference = Window(chosen[0].start, chosen[size - 1].end)
                return _Plan(window, reference, count)
    return None


def _tiles(window: str, extent: Window) -> Iterator[Window]:
    return Cadence.parse(window).tile(extent.start, extent.end)


def _written(path: str, base: Path) -> str:
    if "://" in path:
        return path
    whole = Path(path).expanduser().absolute()
    try:
        return whole.relative_to(base).as_posix() or "."
    except ValueError:
        return str(whole)


def _about(look: DataMap) -> Iterator[str]:
    """The data map in comments: what to look at before the first run."""
    rows = f"{look.rows:,} rows" if look.rows is not None else "rows not counted"
    yield "# Written by `driftloop init` after a look at the data."
    yield "# config.example.toml explains all keys."
    yield f"# {rows}, {len(look.columns)} columns; looked at {look.sampled:,} rows."
    if look.extent is not None:
        start, end = look.extent.start, look.extent.end
        yield f"# Times from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC."
    if look.balance:
        shares = ", ".join(f"{level!r} {percent(share)}" for level, share in look.balance[:10])
        yield toml.comment(f"Classes: {shares}.")
    hints = list(_hints(look))
    if hints:
        yield "#"
        yield "# Worth a look before the first run:"
        yield from (toml.comment(f"  - {hint}") for hint in hints[:_MOST_HINTS])
    if len(hints) > _MOST_HINTS:
        yield f"#   - and {len(hints) - _MOST_HINTS} more"


def _hints(look: DataMap) -> Iterator[str]:
    yield from (note.message for note in look.notes)
    if look.duplicates > 0:
        yield f"{percent(look.duplicates)} of the rows repeat another one"
    for column in look.columns:
        if column.missing > 0.2:
            yield f"column {column.name!r}: missing in {percent(column.missing)} of the rows"
        yield from (f"column {column.name!r}: {hint}" for hint in column.noise)


def _monitor(name: str, plan: _Plan | None) -> str:
    lines = ["[[monitors]]", f"name = {toml.text(name)}"]
    if plan is not None:
        zone = 'where days begin, such as "Europe/Berlin"'
        when = "when `driftloop serve` runs it, in `timezone`"
        lines += [
            _noted(f'window = "{plan.window}"', f"{plan.windows} in the data"),
            _noted(f"schedule = {toml.text(_SCHEDULES[plan.window])}", when),
            _noted('timezone = "UTC"', zone),
        ]
    return "\n".join(lines)


def _where(path: str, options: dict[str, str]) -> str:
    lines = ['kind = "files"', f"path = {toml.text(path)}"]
    return "\n".join(lines + [f"{key} = {toml.text(value)}" for key, value in options.items()])


def _reference(where: str, plan: _Plan | None) -> str:
    if plan is not None:
        return (
            "[monitors.reference]                    # what later windows are compared with\n"
            f"start = {toml.moment(plan.reference.start)}\n"
            f"end = {toml.moment(plan.reference.end)}\n"
            "# better: the data that the model was trained on, with `kind` and `path` as above"
        )
    return (
        "# The data do not cover time enough to be cut into windows, so these rows serve as\n"
        "# reference, in blocks of their order. Better: data that the model was trained on.\n"
        f"[monitors.reference]\n{where}\nblocks = {_BLOCKS}"
    )


def _columns(look: DataMap, plan: _Plan | None) -> Iterator[str]:
    yield "[monitors.columns]                      # guesses; correct what is wrong"
    for guess in look.guesses:
        line = _column(guess)
        if guess.key == "timestamp" and plan is None:
            yield f"#{line} (too little time to make windows)"
        else:
            yield line
    yield _noted("#ignore = []", "what is known only after the event belongs here")


def _column(guess: Guess) -> str:
    key = "score" if guess.key == "scores" else guess.key
    one = key not in ("segments", "embeddings", "images", "texts") and len(guess.columns) == 1
    value = toml.text(guess.columns[0]) if one else toml.texts(guess.columns)
    return _noted(f"{key} = {value}", guess.reason)


def _noted(line: str, why: str) -> str:
    return f"{line:<39} {toml.comment(why)}"
