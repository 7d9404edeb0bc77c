"""The views that people ask by SQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.store.views import VIEWS

DOCS = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_has_the_columns_that_its_documentation_says(store, name):
    line = next(line for line in DOCS.splitlines() if line.startswith(f"| `{name}`"))
    documented = re.findall(r"`(\w+)`", line.split("|")[3])

    with store.database.reading() as session:
        found = session.execute(sa.text(f"SELECT * FROM {name}")).keys()
    assert list(found) == documented


def test_the_query_in_the_documentation_runs(store):
    query = "\n".join(line for line in DOCS.splitlines() if line.startswith("    ")).rstrip(" ;")

    with store.database.reading() as session:
        assert session.execute(sa.text(query)).all() == []
