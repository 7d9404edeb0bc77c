"""What changed, in one sentence: the verdict of a page, the subject of a mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports import humanize
from reports.plain import clean, shorten
from reports.view import AlarmView, ColumnView, ReportView

_UNJUDGED = frozenset({"id", "timestamp", "model_version", "ignored"})
_SEVERITY = {"critical": 0, "warning": 1, "info": 2}
_ROLE = {"label": 0, "prediction": 1, "score": 2}
#: A change goes from what comes in, to what the model makes of it, to how well it does.
_UPSTREAM = {"label": 2, "prediction": 3, "score": 4}
_FIGURE = 1


@dataclass(frozen=True, slots=True)
class Group:
    """A column of the table with the columns that were derived from it."""

    column: ColumnView
    children: tuple[ColumnView, ...] = ()
    anchor: str = ""  #: id of its evidence on the page

    @property
    def drifted(self) -> bool:
        """Whether it, or one of those derived from it, differs."""
        return self.column.drifted or any(child.drifted for child in self.children)


def strength(column: ColumnView) -> float:
    """|effect| over the smallest effect that matters; 0 where that is not known."""
    if column.effect is None or not column.gate:
        return 0.0
    return abs(column.effect / column.gate)


def groups(view: ReportView) -> tuple[Group, ...]:
    """All columns, derived ones with their parent: drifted first, the root change on top."""
    physical = {column.name for column in view.columns if not column.parent}
    tops = [c for c in view.columns if not c.parent or c.parent not in physical]
    owned: dict[str, list[ColumnView]] = {}
    for column in view.columns:
        if column.parent and column.parent in physical:
            owned.setdefault(column.parent, []).append(column)
    roots: dict[str, int] = {}
    for alarm in open_alarms(view):
        for column_name in alarm.columns:
            roots.setdefault(column_name, len(roots))
    made = [
        Group(
            top, tuple(sorted(owned.get(top.name, ()), key=lambda c: (not c.drifted, -strength(c))))
        )
        for top in tops
    ]

    def rank(group: Group) -> tuple[bool, int, int, float, int]:
        members = [group.column, *group.children]
        named = min(roots.get(member.name, len(roots)) for member in members)
        worst = min(_SEVERITY[member.severity] for member in members)
        strong = max(strength(member) for member in members) if group.drifted else 0.0
        role = _ROLE.get(group.column.role, 3 if judged(group.column) else 9)
        return not group.drifted, named if group.drifted else 0, worst, -strong, role

    ranked = enumerate(sorted(made, key=rank), 1)
    return tuple(replace(group, anchor=f"c{number}") for number, group in ranked)


def judged(column: ColumnView) -> bool:
    """Whether the distribution of the column is judged at all."""
    return column.role not in _UNJUDGED


def watched(view: ReportView) -> tuple[Group, ...]:
    """The groups whose distribution is judged."""
    return tuple(group for group in groups(view) if judged(group.column))


def differing(view: ReportView) -> tuple[ColumnView, ...]:
    """Columns that differ, the root change first; of a parent and its derived ones the parent."""
    found: list[ColumnView] = []
    for group in groups(view):
        if group.column.drifted:
            found.append(_spoken(group))
        else:
            found.extend(child for child in group.children if child.drifted)
    return tuple(found)


def _spoken(group: Group) -> ColumnView:
    """The column, with the evidence of its strongest derived column where it has none."""
    column = group.column
    child = next((child for child in group.children if child.drifted), None)
    if column.effect is not None or child is None:
        return column
    return replace(
        column,
        effect=child.effect,
        unit=child.unit,
        interval=child.interval,
        gate=child.gate,
        p_value=child.p_value,
        once_in_years=child.once_in_years,
        statistic=f"{child.name} {child.statistic}".strip(),
        statement=column.statement or child.statement,
        bins=column.bins or child.bins,
        since=column.since or child.since,
    )


def open_alarms(view: ReportView) -> tuple[AlarmView, ...]:
    """Alarms that are open, the root change first; those of another day last.

    Inputs come before figures of merit, labels, predictions and scores; of equals the new ones.
    """
    roles = {column.name: column.role for column in view.columns}

    def rank(alarm: AlarmView) -> tuple[bool, int, bool, int, float]:
        first = alarm.columns[0] if alarm.columns else None
        place = _FIGURE if first is None else _UPSTREAM.get(roles.get(first, ""), 0)
        return (
            not alarm.certain,
            place,
            alarm.state != "opened",
            _SEVERITY[alarm.severity],
            -(alarm.once_in_years or 0.0),
        )

    return tuple(sorted((alarm for alarm in view.alarms if alarm.state != "closed"), key=rank))


def lingering(view: ReportView) -> tuple[AlarmView, ...]:
    """Alarms that are open from before, though nothing shows in this window."""
    return tuple(alarm for alarm in open_alarms(view) if not alarm.certain)


def verdict(view: ReportView) -> str:
    """The view's own sentence, or one made from its columns and alarms."""
    if view.verdict:
        return view.verdict
    changed = differing(view)
    certain = [alarm for alarm in open_alarms(view) if alarm.certain]
    if changed:
        figure = next(
            (a.subject for a in certain if not a.columns and a.subject and not a.parent), ""
        )
        also = f", and so does {figure}" if figure else ""
        return f"{_who(changed)} {_differs(len(changed))} from the reference{also}."
    if certain:
        more = f", and {len(certain) - 1} more" if len(certain) > 1 else ""
        return f"{certain[0].title}{more}."
    return _was_different(view, lingering(view)) if lingering(view) else _nothing(view)


def _nothing(view: ReportView) -> str:
    number = len(watched(view))
    if not number:
        return "There is no column to watch."
    if number == 1:
        return "Nothing changed in the one column that is watched."
    return f"Nothing changed in the {number:,} columns that are watched."


def _was_different(view: ReportView, old: Sequence[AlarmView]) -> str:
    since = min((alarm.since for alarm in old if alarm.since), default=None)
    when = f" since {humanize.opening(view, since)}" if since else ""
    subject = old[0].subject or f"`{old[0].key}`"
    if len(old) == 1:
        return f"{subject} was different{when} and is not surely back."
    return f"{subject} and {len(old) - 1:,} more were different{when} and are not surely back."


def certainty(view: ReportView) -> str:
    """Since when, and how often such evidence would come by chance; on a quiet day, since when."""
    changed = differing(view)
    alarms = [alarm for alarm in open_alarms(view) if alarm.certain]
    if not changed and not alarms:
        return _closing(view) if lingering(view) else _calm_since(view)
    named = changed[0] if changed else None
    about = next((a for a in alarms if named is None or named.name in a.columns), None)
    alarmed, seen = about.since if about else None, named.since if named else None
    since = min((moment for moment in (alarmed, seen) if moment), default=None)
    years = about.once_in_years if about else None
    if years is None and named is not None:
        years = named.once_in_years
    parts = []
    if since is not None and not view.one_window:
        sure = alarmed is not None and since < alarmed
        surely = f", surely since {humanize.opening(view, alarmed)}" if sure else ""
        parts.append(f"Since {humanize.opening(view, since)}{surely}.")
    if humanize.by_chance(years):
        parts.append(f"Evidence this strong would come by chance {humanize.by_chance(years)}.")
    elif not alarms and not view.one_window:
        parts.append("Likely, but not sure enough to open an alarm.")
    return " ".join(parts)


def _closing(view: ReportView) -> str:
    after = max(alarm.closes_after for alarm in lingering(view))
    closes = f"; an alarm closes after {after} calm windows in a row" if after else ""
    return f"In this window nothing can be told from the reference{closes}."


def _calm_since(view: ReportView) -> str:
    """Which window differed last, or that none did."""
    points = [point for column in view.columns for point in column.history]
    windows = len({point.window_start for point in points})
    if windows < 2:
        return ""
    last = max((point.window_start for point in points if point.drifted), default=None)
    if last is None:
        return f"Nothing has differed in any of the {windows} windows shown."
    return f"The last window with a difference was {humanize.opening(view, last)}."


def _differs(number: int) -> str:
    return "differs" if number == 1 else "differ"


def _who(changed: Sequence[ColumnView], limit: int = 48) -> str:
    first = f"`{clean(changed[0].name, limit)}`"
    if len(changed) == 1:
        return first
    if len(changed) == 2:
        return f"{first} and `{clean(changed[1].name, limit)}`"
    return f"{first} and {len(changed) - 1:,} more columns"


def subject(view: ReportView, limit: int = 78) -> str:
    """At most `limit` characters, in one line: monitor, what changed, when."""
    when = humanize.window(view.window_start, view.window_end, year=False)
    tail = f" ({when})" if when else ""
    monitor = clean(view.monitor, 24) or "driftloop"
    changed = differing(view)
    room = limit - len(monitor) - len(tail) - 2
    return f"{monitor}: {_said(view, changed, room)}{tail}"


def _said(view: ReportView, changed: Sequence[ColumnView], room: int) -> str:
    if view.root and len(root := f"{clean(view.root, 200)} differ") <= room:
        return root
    if changed:
        more = f" and {len(changed) - 1:,} more" if len(changed) > 1 else ""
        for end in (f"{more} {_differs(len(changed))} from the reference", f"{more} changed", more):
            space = room - len(end) - 2
            name = clean(changed[0].name, max(space, 8))
            if space >= min(len(name), 16):
                return f"`{name}`{end}"
    alarms = open_alarms(view)
    if alarms and not alarms[0].certain:
        return shorten(f"{clean(alarms[0].subject, 30)} is not surely back", max(room, 12))
    if alarms:
        return shorten(clean(alarms[0].title), max(room, 12))
    closed = [alarm for alarm in view.alarms if alarm.state == "closed"]
    if closed:
        return shorten(f"over: {clean(closed[0].title)}", max(room, 12))
    return "nothing changed"
