from __future__ import annotations

import inspect
import json

import pytest

from monitor.checks import quality_volume
from monitor.checks.run import build_checks, check_names, key_of, run_checks
from monitor.core import plugins
from monitor.core.errors import ConfigError
from monitor.core.finding import Finding
from tests.checks.scene import scene
from tests.checks.tables import ROLES, flights

NAMES = plugins.names("checks")


@pytest.fixture(scope="module")
def context():
    return scene(flights(2000, seed=1), flights(800, seed=2, shift=5), ROLES)


@pytest.mark.parametrize("module", NAMES)
def test_every_check_is_named_as_its_file_and_documented(module):
    plugin = plugins.load("checks", module)

    assert plugin.name.replace(".", "_") == module
    assert plugins.load("checks", plugin.name) is plugin
    assert len(inspect.getdoc(plugin).splitlines()) > 2
    assert "**Raises" in inspect.getdoc(plugin)
    assert plugin.Options().model_config["extra"] == "forbid"
    assert all(field.description for field in plugin.Options.model_fields.values())


def test_findings_keep_the_contract_and_their_order(context):
    found = run_checks(context)

    assert found == run_checks(context)
    assert [one.check for one in found] == sorted(one.check for one in found)
    for one in found:
        document = json.loads(json.dumps(one.to_dict(), allow_nan=False))
        assert document["message"].endswith((".", "!"))
        assert "\n" not in document["message"]
        assert "nan" not in document["message"].lower().split()
        assert len(document["rows"]) <= 20
        if one.interval is not None and one.value == one.value:
            assert one.interval[0] <= one.interval[1]
        assert not (one.severity == "info" and one.drifted)
    names = {column.name for column in context.columns if column.parent is None}
    assert {one.column for one in found} <= {*names, None}


def test_a_check_that_raises_is_one_finding_and_the_rest_goes_on(context, monkeypatch):
    def broken(self, context):
        yield Finding(check="quality.volume", statistic="rows", value=1.0, message="Before.")
        msg = "of all things"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(quality_volume.QualityVolume, "findings", broken)
    found = run_checks(context)
    failed = [one for one in found if one.statistic == "check_failed"]

    assert len(failed) == 1
    assert failed[0].check == "quality.volume"
    assert "ZeroDivisionError: of all things" in failed[0].message
    assert not failed[0].drifted
    assert key_of(failed[0]) == "check:quality.volume"
    assert {one.check for one in found} > {"drift.numeric", "quality.range"}


def test_checks_and_families_can_be_switched_off(context):
    found = {one.check for one in run_checks(context, disabled=("bias", "drift.numeric"))}

    assert not any(name.startswith("bias.") for name in found)
    assert "drift.numeric" not in found
    assert "drift.categorical" in found


def test_options_reach_their_check(context):
    found = run_checks(context, options={"drift.numeric": {"distances": False}})

    assert not any(one.statistic == "ks" for one in found)


@pytest.mark.parametrize(
    ("disabled", "options", "named"),
    [
        (("drift.numbers",), {}, "drift.numbers"),
        ((), {"drift.numeric": {"distance": False}}, "distance"),
        ((), {"quality.range": {"min_share": 2}}, "min_share"),
        ((), {"quality": {"min_share": 0.5}}, "quality"),
    ],
)
def test_what_is_not_known_is_an_error_that_names_it(disabled, options, named):
    with pytest.raises(ConfigError, match=named):
        build_checks(disabled, options)


def test_all_checks_of_the_design_are_there():
    assert {
        "quality.missing", "quality.categories", "quality.range", "quality.type", "quality.schema",
        "quality.constant", "quality.duplicates", "quality.freshness", "quality.volume",
        "quality.rules", "quality.errors", "drift.numeric", "drift.categorical", "drift.embedding",
        "drift.dataset", "balance.label", "balance.prediction", "bias.selection_rate",
        "bias.true_positive_rate", "bias.false_positive_rate",
    } <= set(check_names())  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"check": "drift.dataset", "statistic": "drifted_share"}, "dataset"),
        ({"check": "quality.missing", "column": "x", "statistic": "missing_share"}, "column:x"),
        ({"check": "quality.schema", "statistic": "column_missing"}, "schema"),
        (
            {"check": "performance.scores", "column": "s", "statistic": "roc_auc"},
            "performance:roc_auc",
        ),
        (
            {"check": "bias.accuracy", "segment": "g=u", "statistic": "accuracy_ratio"},
            "bias:g=u:accuracy",
        ),
    ],
)
def test_findings_of_one_event_share_a_key(fields, key):
    assert key_of(Finding(value=0.0, message="", **fields)) == key
