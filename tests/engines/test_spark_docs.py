"""docs/spark.md and the example config: accepted as they stand, and no option is left out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from monitor.engines.spark import Spark
from monitor.sources.files import Files
from monitor.sources.spark import SparkTable

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/spark.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
#: Commented out in the example, each with a space after the mark.
OTHERS = re.findall(r"(?m)^# \[monitors\.engine_options\].*\n(?:^# .*\n)+", EXAMPLE)
SOURCES = {"files": Files, "spark": SparkTable}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_accepted(block):
    monitor = tomllib.loads(block)["monitors"]
    table = monitor[0] if isinstance(monitor, list) else monitor
    options = dict(table["source"])

    assert SOURCES[options.pop("kind")].Options.model_validate(options)
    assert Spark.Options.model_validate(table.get("engine_options", {}))


def test_the_example_config_has_the_engine_too():
    (block,) = OTHERS
    table = tomllib.loads(re.sub(r"(?m)^# ", "", block))["monitors"]["engine_options"]

    assert set(table) == set(Spark.Options.model_fields)
    del table["remote"]
    assert Spark.Options.model_validate(table)


@pytest.mark.parametrize("options", [Spark.Options, SparkTable.Options])
@pytest.mark.parametrize("text", [TEXT, EXAMPLE], ids=["docs", "example"])
def test_every_option_is_named(options, text):
    missing = {name for name in options.model_fields if not re.search(rf"\b{name}\b", text)}

    assert missing == set()
