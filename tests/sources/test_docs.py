"""docs/sources.md: every example is accepted as it stands, and every option is explained."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pydantic
import pytest

from monitor.cli.main import main
from monitor.core import plugins

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
#: Commented out in the example, each with a space after the mark.
OTHERS = re.findall(r"(?m)(?:^# .*\n)*?^# \[monitors\.source\].*\n(?:^# .*\n)+", EXAMPLE)
OURS = ("files", "sql", "delta", "iceberg", "http")


def uncommented(block: str) -> str:
    lines = [line.removeprefix("# ") for line in block.splitlines()]
    return "\n".join(lines[next(i for i, line in enumerate(lines) if line.startswith("[")) :])


def parsed(text: str) -> tuple[str, pydantic.BaseModel]:
    table = dict(tomllib.loads(text)["monitors"]["source"])
    kind = table.pop("kind")
    filled = {
        key: "x" * 20 if isinstance(value, str) and value.startswith("${") else value
        for key, value in table.items()
    }
    return kind, plugins.load("sources", kind).Options.model_validate(filled)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_example_is_accepted(number):
    parsed(BLOCKS[number])


def test_every_source_has_an_example_in_the_config_too():
    kinds = {parsed(uncommented(block))[0] for block in OTHERS}

    assert kinds >= set(OURS) - {"files"}
    assert {parsed(block)[0] for block in BLOCKS} == set(OURS)


@pytest.mark.parametrize("kind", OURS)
def test_every_option_is_named(kind):
    fields = plugins.load("sources", kind).Options.model_fields
    names = {field.alias or name for name, field in fields.items()}

    missing = {name for name in names if not re.search(rf"\b{name}\b", TEXT)}

    assert missing == set()
    everywhere = {name for name in names if not re.search(rf"\b{name}\b", EXAMPLE)}
    assert everywhere == set()


def test_check_opens_a_source_and_says_what_it_sees(tmp_path, capsys):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER, ts TEXT)")
        connection.execute("INSERT INTO orders VALUES (1, '2024-01-01'), (2, '2024-02-01 06:00')")
    (tmp_path / "config.toml").write_text(
        '[[monitors]]\nname = "shop"\n[monitors.source]\nkind = "sql"\n'
        'url = "sqlite:///shop.db"\ntable = "orders"\n[monitors.columns]\ntimestamp = "ts"\n'
    )

    main(["check", "-c", str(tmp_path / "config.toml")])

    said = capsys.readouterr().out
    assert "table orders of sqlite:///shop.db, 2 columns, 2 rows from 2024-01-01 00:00" in said
