"""[monitors.checks]: what is off, and the options of single checks."""

from __future__ import annotations

import pytest

from monitor.checks.run import build_checks, check_classes
from monitor.config import load
from monitor.core.errors import ConfigError

HEAD = """\
[[monitors]]
name = "shop"
[monitors.source]
kind = "files"
path = "data.csv"
"""


def loaded(tmp_path, checks: str):
    (tmp_path / "config.toml").write_text(HEAD + checks)
    return load(tmp_path / "config.toml").monitor("shop").checks


def test_options_of_one_check_reach_the_check(tmp_path):
    text = '[monitors.checks]\noff = ["bias"]\n[monitors.checks."drift.numeric"]\ndistances = false'

    checks = loaded(tmp_path, text)

    assert checks.off == ("bias",)
    built = {check.name: check for check in build_checks(checks.off, checks.options)}
    assert built["drift.numeric"].options.distances is False
    assert built["drift.categorical"].options.distances is True
    assert not [name for name in built if name.startswith("bias.")]


@pytest.mark.parametrize("name", check_classes())
def test_every_check_can_be_switched_off_and_given_options(tmp_path, name):
    options = {
        key: field.default
        for key, field in check_classes()[name].Options.model_fields.items()
        if isinstance(field.default, int | float | bool)
    }
    lines = [f"{key} = {str(value).lower()}" for key, value in options.items()]

    checks = loaded(
        tmp_path,
        "\n".join([f'[monitors.checks]\noff = ["{name}"]\n[monitors.checks."{name}"]', *lines]),
    )

    assert checks.options[name] == options
    assert name not in {check.name for check in build_checks(checks.off, checks.options)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('off = ["quality.missin"]', "off = 'quality.missin' is no check; did you mean 'quality.m"),
        ('off = ["driftt"]', "'driftt' is no check"),
        ('off = "bias"', "off = 'bias'"),
        ("off = [1]", "off"),
        ('"drift.numerc" = { distances = true }', "did you mean 'drift.numeric'?"),
        ('"drift.numeric" = { distance = true }', "did you mean 'distances'?"),
        ('"drift.numeric" = { distances = "perhaps" }', "distances = 'perhaps'"),
        ('"drift.numeric" = false', "is no table"),
        ("drift.numeric.distances = false", '[monitors.checks."drift.numeric"], quotes included'),
        ("options = {}", "is no check"),
        ("nonsense = 1", "is no check"),
    ],
)
def test_a_mistake_names_the_key_and_the_mend(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[monitors.checks]\n{text}")

    assert said in str(caught.value)
    assert "monitors[shop].checks" in str(caught.value)
