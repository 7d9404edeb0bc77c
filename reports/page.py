"""The report: one HTML page without outside files and without scripts."""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from reports import alarms, headline, heat, histograms, humanize, intervals, plain, series
from reports.headline import Group
from reports.view import BalanceView, BiasGroup, ColumnView, PerformanceView, QueueCard, ReportView

MAX_CARDS = 30
MAX_SHOWN_CARDS = 12  #: the rest is folded
MAX_GROUPS = 5  #: of one table, unless more of them differ; the rest is folded
MAX_DETAILED = 80  #: groups drawn with all their evidence; the drifted ones come first
MAX_LEVELS = 14
MAX_IMAGE_BYTES = 40_000
_PNG = b"\x89PNG\r\n\x1a\n"


@functools.cache
def environment() -> Environment:
    """Jinja with autoescape, strict about names, and the filters of this package."""
    made = Environment(
        loader=PackageLoader("reports"),
        autoescape=select_autoescape(("html.j2", "html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        by_chance=humanize.by_chance,
        clean=plain.clean,
        count=humanize.count,
        day=humanize.day,
        duration=humanize.duration,
        effect=humanize.effect,
        effect_interval=humanize.effect_interval,
        instant=humanize.instant,
        name=plain.name,
        number=humanize.number,
        number_interval=humanize.number_interval,
        p_phrase=humanize.p_phrase,
        p_value=humanize.p_value,
        plural=humanize.plural,
        prose=plain.prose,
        share=humanize.share,
        share_interval=humanize.share_interval,
        words=lambda text: plain.clean(text, 60).replace("_", " "),
    )
    made.globals.update(
        histogram=histograms.histogram,
        sparkline=series.sparkline,
        history=series.history,
        dot_plot=intervals.dot_plot,
        opening=humanize.opening,
        levels=levels,
        image=image,
        link=plain.link,
        known=known,
        judged=headline.judged,
        budget=alarms.budget,
    )
    return made


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a categorical column in its table of levels."""

    label: str
    reference: float
    current: float
    bar_reference: float  #: width in percent of the widest
    bar_current: float


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels that are shown, and how many are not."""

    shown: tuple[Level, ...]
    hidden: int


def levels(column: ColumnView) -> Levels | None:
    """The table of levels of a column whose bins have no edges."""
    bins = column.bins
    if bins is None or bins.edges or not bins.labels:
        return None
    rows = list(zip(bins.labels, bins.reference, bins.current, strict=False))
    widest = max(intervals.finite([share for row in rows for share in row[1:]]), default=0.0) or 1.0

    def width(share: float) -> float:
        return 100 * min(max(share, 0.0), widest) / widest if math.isfinite(share) else 0.0

    if len(rows) > MAX_LEVELS:
        kept = sorted(rows, key=lambda row: -max(abs(row[1] - row[2]) * 4, row[1], row[2]))
        chosen = set(map(id, kept[:MAX_LEVELS]))
        shown = [row for row in rows if id(row) in chosen]
    else:
        shown = rows
    return Levels(
        tuple(Level(label, was, now, width(was), width(now)) for label, was, now in shown),
        len(rows) - len(shown),
    )


def known(group: Group) -> bool:
    """Whether there is any evidence to show."""
    return any(
        column.effect is not None
        or column.n_current is not None
        or column.bins is not None
        or len(column.history) > 1
        or column.findings
        for column in (group.column, *group.children)
    )


def image(card: QueueCard) -> Markup:
    """The picture of a row as a data URI; nothing when it is no PNG or too large for a page."""
    content = card.image_png
    if content is None or not content.startswith(_PNG) or len(content) > MAX_IMAGE_BYTES:
        return Markup("")
    encoded = base64.b64encode(content).decode("ascii")
    alt = f"Picture of row {plain.clean(card.row_id, 40)}"
    return Markup('<img src="data:image/png;base64,{}" alt="{}">').format(encoded, alt)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the table of columns."""

    title: str
    groups: tuple[Group, ...]


def sections(groups: Sequence[Group]) -> tuple[Section, ...]:
    """Columns that differ, those that do not, those of which too little or nothing is known."""
    differ = tuple(group for group in groups if group.drifted)
    rest = [group for group in groups if not group.drifted]
    judged = [group for group in rest if headline.judged(group.column)]
    calm = tuple(group for group in judged if group.column.enough)
    short = tuple(group for group in judged if not group.column.enough)
    aside = tuple(group for group in rest if not headline.judged(group.column))
    column = humanize.plural
    verb = "differs" if len(differ) == 1 else "differ"
    titled = (
        Section(f"{column(len(differ), 'column')} that {verb} from the reference", differ),
        Section(f"{column(len(calm), 'column')} without a difference that matters", calm),
        Section(f"{column(len(short), 'column')} with too few rows to say", short),
        Section(f"{column(len(aside), 'column')} not judged", aside),
    )
    return tuple(section for section in titled if section.groups)


@dataclass(frozen=True, slots=True)
class BiasTable:
    """The groups of one segmentation under one metric, on one axis."""

    metric: str
    segment: str
    groups: tuple[BiasGroup, ...]  #: shown at once
    rest: tuple[BiasGroup, ...]  #: shown when asked for
    axis: tuple[float, float]


@dataclass(frozen=True, slots=True)
class BiasMetric:
    """The tables of one metric."""

    metric: str
    tables: tuple[BiasTable, ...]
    groups: int
    drifted: tuple[BiasGroup, ...]


def bias_metrics(view: ReportView) -> tuple[BiasMetric, ...]:
    """One part for each metric, one table for each of its segmentations, in the order they come."""
    made = []
    for metric, found in groupby(view.bias, key=lambda group: group.metric):
        members = tuple(found)
        tables = tuple(
            _bias_table(metric, segment, tuple(some))
            for segment, some in groupby(members, key=lambda group: group.segment)
        )
        drifted = tuple(group for group in members if group.drifted)
        made.append(BiasMetric(metric, tables, len(members), drifted))
    return tuple(made)


def _bias_table(metric: str, segment: str, members: tuple[BiasGroup, ...]) -> BiasTable:
    values = [v for g in members for v in (g.value, g.reference, *(g.interval or ()))]
    drifted = sum(group.drifted for group in members)
    shown = max(MAX_GROUPS, min(drifted, 3 * MAX_GROUPS))
    if len(members) <= shown + 2:
        shown = len(members)
    axis = intervals.axis_of(values)
    return BiasTable(metric, segment, members[:shown], members[shown:], axis)


@dataclass(frozen=True, slots=True)
class BalanceTable:
    """The shares of the classes of one column, on one axis."""

    view: BalanceView
    axis: tuple[float, float]


def balance_tables(view: ReportView) -> tuple[BalanceTable, ...]:
    """The tables of the view; their axes begin at 0."""
    tables = []
    for table in view.balance:
        values = [
            v for r in table.rows for v in (r.current, r.reference, *(r.current_interval or ()))
        ]
        tables.append(BalanceTable(table, (0.0, intervals.axis_of([0.0, *values])[1])))
    return tuple(tables)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of merit with its chart."""

    view: PerformanceView
    chart: Markup


def figures(view: ReportView) -> tuple[Figure, ...]:
    """Measured figures first, then the estimates."""
    ordered = sorted(view.performance, key=lambda figure: figure.estimated)
    return tuple(
        Figure(
            figure,
            series.figure_over_time(
                figure.metric, figure.history, figure.reference, estimated=figure.estimated
            ),
        )
        for figure in ordered
    )


def _labels_axis(view: ReportView) -> tuple[float, float] | None:
    """The axis of what the labels measured; None where it is no share."""
    points = view.labels.bought if view.labels and view.labels.metric == "accuracy" else ()
    values = [v for point in points for v in (point.value, *(point.interval or ()))]
    return intervals.axis_of(values) if values else None


def _heat_columns(groups: Sequence[Group]) -> list[ColumnView]:
    """One line for each column; one that has no history itself is seen by the strongest made."""
    return [
        group.column
        if group.column.history or not group.children
        else replace(group.column, history=group.children[0].history)
        for group in groups
    ]


def render(view: ReportView) -> str:
    """One self-contained HTML page.

    Returns
    -------
    str
        To be written as UTF-8. It loads nothing from elsewhere and runs no script; a strict
        content security policy travels in it. At most 500 kB for 50 columns and 52 windows.
    """
    groups = headline.groups(view)
    watched = headline.watched(view)
    anchors = {c.name: group.anchor for group in groups for c in (*group.children, group.column)}
    return environment().get_template("page.html.j2").render(
        view=view,
        verdict=headline.verdict(view),
        certainty=headline.certainty(view),
        differing=headline.differing(view),
        watched=watched,
        sections=sections(groups),
        detailed={group.anchor for group in groups[:MAX_DETAILED]},
        past=any(len(column.history) > 1 for column in view.columns),
        total=len(groups),
        anchors=anchors,
        heat=heat.heat_map(view, _heat_columns(watched)),
        balance=balance_tables(view),
        bias=bias_metrics(view),
        figures=figures(view),
        labels=view.labels,
        labels_axis=_labels_axis(view),
        labelled=any(cell.labelled is not None for cell in view.lacking),
        cards=view.queue[:MAX_SHOWN_CARDS],
        more_cards=view.queue[MAX_SHOWN_CARDS:MAX_CARDS],
        window=humanize.window(view.window_start, view.window_end),
        rhythm=humanize.rhythm(view.window_start, view.window_end),
        alarmed=headline.open_alarms(view),
        alarm_list=alarms.listed(view, anchors),
        closed=[alarm for alarm in view.alarms if alarm.state == "closed"],
    )  # fmt: skip
