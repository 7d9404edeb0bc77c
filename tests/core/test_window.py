from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.core.window import Window


def test_a_window_is_kept_in_utc():
    berlin = ZoneInfo("Europe/Berlin")

    window = Window(datetime(2026, 3, 28, tzinfo=berlin), datetime(2026, 3, 30, tzinfo=berlin))

    assert window.start == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert window.end - window.start == window.end.astimezone(UTC) - window.start.astimezone(UTC)
    assert (window.end - window.start).total_seconds() == 47 * 3600  # the clocks went forward


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2026, 1, 1), datetime(2026, 1, 2)),  # noqa: DTZ001 - the mistake under test
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_window_without_zone_or_length_is_refused(start, end):
    with pytest.raises(ValueError, match="window"):
        Window(start, end)
