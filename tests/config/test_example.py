"""config.example.toml is the documentation: it loads, and every key of the models is in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pydantic
import pytest

from monitor.config import ChecksConfig, Config, LabelsConfig, PluginConfig, ReferenceConfig, load
from monitor.config.alerts import AlertConfig
from monitor.core import plugins
from monitor.core.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
OPTIONAL = re.compile(r"^#(?=[a-z_]+ = |\[\[?[a-z_.]+\]\]?)", re.MULTILINE)
VARIABLES = (
    "LABEL_STUDIO_TOKEN",
    "LABEL_STUDIO_HOOK_SECRET",
    "PING_KEY",
    "PGPASSWORD",
    "SMTP_PASSWORD",
    "APPRISE_URL",
    "S3_KEY",
    "S3_SECRET",
)

#: What must be left out with a key, and what must come with it.
AGAINST = {"installation_per_year": ["false_alarms_per_year"], "host": ["folder"]}
TOGETHER = {
    "host": ["sender", "recipients"],
    "username": ["password"],
    "password": ["username"],
    "kind": ["path", "url", "token"],
    "webhook": ["kind", "url", "token", "webhook_secret"],
    **{
        key: ["kind", "url", "token"]
        for key in plugins.load("labeling", "label-studio").Options.model_fields
        if key != "webhook"
    },
}


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "json://localhost")


def keys() -> dict[str, set[str]]:
    """Section -> its keys, those commented out included."""
    found: dict[str, set[str]] = {}
    section = ""
    for line in OPTIONAL.sub("", TEXT).splitlines():
        if head := re.match(r"\[\[?([a-z_.]+)\]\]?", line):
            section = head[1]
        elif key := re.match(r"([a-z_]+) = ", line):
            found.setdefault(section, set()).add(key[1])
    return found


def models(model: type[pydantic.BaseModel], path: str = "") -> dict[str, type[pydantic.BaseModel]]:
    """Section -> model, for all that are not plug-ins."""
    found = {path: model}
    for name, field in model.model_fields.items():
        for kind in _flat(field.annotation):
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                found |= models(kind, f"{path}.{name}".lstrip("."))
    return found


def _flat(annotation):
    return [annotation, *(inner for arg in get_args(annotation) for inner in _flat(arg))]


def test_the_example_loads():
    config = load(EXAMPLE)

    assert config.monitor("flights").source.kind == "files"


SECTIONS = models(Config)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_the_models_is_in_the_example(section):
    model, there = SECTIONS[section], keys()
    fields = set(model.model_fields) - {"path"} if section == "" else set(model.model_fields)
    if issubclass(model, (PluginConfig, AlertConfig, ReferenceConfig, ChecksConfig)):
        fields -= {"options"}
    # A table is there by its head.
    tables = {field for field in fields if f"{section}.{field}".lstrip(".") in there}

    assert fields - tables - there.get(section, set()) == set()


@pytest.mark.parametrize(
    ("section", "room", "kind"),
    [
        ("monitors.source", "sources", "files"),
        ("alerts", "alerts", "mail"),
        ("monitors.engine_options", "engines", "local"),
        ("monitors.queue.tool", "labeling", "label-studio"),
    ],
)
def test_every_option_of_the_built_in_plugins_is_in_the_example(section, room, kind):
    options = plugins.load(room, kind).Options.model_fields
    there = keys()

    tables = {name for name in options if f"{section}.{name}" in there}
    assert set(options) - tables - there[section] == set()
    for table in tables:
        assert set(options[table].annotation.model_fields) == there[f"{section}.{table}"]


def optional_lines() -> list[int]:
    return [
        number
        for number, line in enumerate(TEXT.splitlines())
        if OPTIONAL.match(line) and not line.startswith("#[")
    ]


@pytest.mark.parametrize("number", optional_lines())
def test_every_optional_key_is_accepted_as_it_stands(number, tmp_path):
    lines = TEXT.splitlines()
    key = re.match(r"#([a-z_]+)", lines[number])[1]
    start = max(i for i in range(number) if re.match(r"#?\[", lines[i]))
    lines[start] = lines[start].removeprefix("#")
    lines[number] = lines[number][1:]
    end = next(i for i in range(start + 1, len(lines) + 1) if re.match(r"#?\[", lines[i]))
    for i in range(start, end):
        if any(lines[i].startswith(f"#{other} =") for other in TOGETHER.get(key, [])):
            lines[i] = lines[i][1:]
        if any(lines[i].startswith(f"{other} =") for other in AGAINST.get(key, [])):
            lines[i] = ""
    path = tmp_path / "config.toml"
    path.write_text("\n".join(lines), encoding="utf-8")

    try:
        load(path)
    except ConfigError as error:
        pytest.fail(str(error))


def test_the_second_channel_of_the_example_loads_too(tmp_path):
    lines = TEXT.splitlines()
    start = lines.index(next(line for line in lines if line.startswith("# [[alerts]]")))
    for number in range(start, start + 4):
        lines[number] = lines[number][2:]
    (tmp_path / "config.toml").write_text("\n".join(lines), encoding="utf-8")

    assert [alert.kind for alert in load(tmp_path / "config.toml").alerts] == ["mail", "apprise"]


def test_labels_have_keys_of_their_own():
    assert {"id", "label"} <= set(LabelsConfig.model_fields)
