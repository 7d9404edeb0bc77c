"""A view whose every text is an attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from report_making import START, WEEK
from report_views import flights

from reports import view as v

NASTY = (
    '<script>alert("x")</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style><svg onload=alert(1)>",
    "user\u202egnp.exe\u2066",
    "nul\x00bell\x07esc\x1b[31m\x9b",
    "long " + "x" * 495,
    "Z" + "\u0351" * 200,
    "{{ 7*7 }}{% raw %}",
    "line\nbreak\r\nBcc: victim@example.com",
    "javascript:alert(1)",
    "lone\ud800surrogate",
    "عمود البيانات",
    "🛫 departures `ticks` ``",
    "",
    "&lt;b&gt; &amp; ]]> -->",
)


def hostile(texts: Sequence[str] = NASTY) -> v.ReportView:
    """Every text of the view is one of these."""
    base = flights(12)
    columns = tuple(
        replace(
            base.columns[i % len(base.columns)],
            name=text,
            statement=text,
            statistic=text,
            sight=text,
            kind=text,
            role=text,
            distances={text: float("nan")},
            bins=v.Bins(
                labels=tuple(texts),
                reference=(0.05,) * len(texts),
                current=(float("nan"), *(0.05,) * (len(texts) - 1)),
            ),
            findings=(v.FindingView(check=text, message=text, segment=text, p_value=0.0),),
            drifted=i % 2 == 0,
            interval=(float("nan"), float("inf")),
            effect=float("inf") if i % 3 else float("nan"),
        )
        for i, text in enumerate(texts)
    )
    return replace(
        base,
        columns=columns,
        monitor=texts[1 % len(texts)],
        version=texts[0 % len(texts)],
        reference_label=texts[4 % len(texts)],
        current_label=texts[2 % len(texts)],
        alarms=tuple(
            v.AlarmView(
                key=t,
                title=t,
                subject=t,
                certain=number % 2 == 0,
                columns=(t,),
                what=(t,),
                acknowledge=t,
                once_in_years=0.01,
            )
            for number, t in enumerate(texts)
        ),
        balance=tuple(
            v.BalanceView(
                title=t, note=t, rows=(v.BalanceRow(label=t, reference=0.1, current=float("nan")),)
            )
            for t in texts
        ),
        bias=tuple(
            v.BiasGroup(
                metric=t,
                segment=t,
                group=t,
                n=3,
                verdict=t,
                value=0.5,
                interval=(0.0, float("inf")),
            )
            for t in texts
        ),
        performance=tuple(v.PerformanceView(metric=t, value=float("nan"), note=t) for t in texts),
        quality=tuple(v.QualityView(check=t, message=t, column=t, rows=(t,) * 20) for t in texts),
        queue=tuple(
            v.QueueCard(
                row_id=t,
                reason=t,
                reason_text=t,
                prediction=t,
                fields=((t, t),),
                image_png=t.encode("utf-8", "replace"),
            )
            for t in texts
        ),
        marks=tuple(v.Mark(at=START + i * WEEK, label=t) for i, t in enumerate(texts[:8])),
        notes=tuple(v.Note(text=t, kind=t) for t in texts),
        queue_hint=texts[0 % len(texts)],
        budget_text=texts[0 % len(texts)],
        lacking=tuple(v.LackingCell(name=t, training=0.0, production=float("nan")) for t in texts),
        report_url=texts[10 % len(texts)],
        verdict="",
    )
