"""The API: what it says, and that nothing that is sent to it breaks it."""

from __future__ import annotations

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import (
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)
from web.test_app import Client

from monitor.config import load
from monitor.store.store import Store
from monitor.web.app import create_app


@pytest.fixture
def api(config, store) -> Client:
    return Client(create_app(config, store))


def test_the_api_says_what_the_pages_show(api, store):
    shop = api.get("/v1/monitors/shop").json()
    newest = store.runs.newest("shop")

    assert [one["name"] for one in api.get("/v1/monitors").json()] == ["shop", "new"]
    assert shop["failed"] == 1
    assert shop["alarms_open"] == newest.alarms_open
    runs = api.get("/v1/monitors/shop/runs?limit=2").json()
    assert len(runs) == 2
    assert runs[0]["rows"] == newest.rows
    alarms = api.get("/v1/monitors/shop/alarms?open_only=true").json()
    assert alarms[0]["key"] == "column:x"
    assert len(api.get("/v1/monitors/shop/queue").json()) == store.queue.counts("shop")["proposed"]


def test_the_document_is_that_of_the_command_line(api, store):
    document = api.get("/v1/monitors/shop/document").json()
    newest = store.runs.newest("shop")
    older = store.runs.summaries("shop")[-1].window
    asked = {"start": older.start.isoformat(), "end": older.end.isoformat()}

    assert document == json.loads(json.dumps(newest.document))
    first = api.get("/v1/monitors/shop/document", params=asked).json()
    assert first["window"]["start"] == older.start.isoformat()
    assert api.get("/v1/monitors/new/document").status_code == 404
    assert api.get("/v1/monitors/shop/document?start=2024-01-01T00:00:00Z").status_code == 422


def test_an_alarm_can_be_judged(config, tmp_path, api, store):
    alarm = api.get("/v1/monitors/shop/alarms").json()[0]
    token = store.access.create_token("ci", ["admin"])
    headers = {"authorization": f"Bearer {token}"}
    path = f"/v1/monitors/shop/alarms/{alarm['id']}"

    answer = api("POST", path, json={"action": "real", "note": "seen"}, headers=headers)
    assert answer.status_code == 200
    note = store.alarms.notes.all("shop")[-1]
    assert (note.verdict, note.by, note.note) == ("real", "ci", "seen")
    assert api("POST", path, json={"action": "drop"}, headers=headers).status_code == 422
    assert api("POST", path + "9", json={"action": "ack"}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/nope", 404), ("/v1/monitors/nope", 404), ("/v1/monitors/shop/runs?limit=x", 422)],
)
def test_errors_are_json_for_programs(api, path, status):
    answer = api.get(path)

    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


@pytest.fixture(scope="module")
def described(folder):
    """The API of a shop with runs, and the token of who may do all."""
    config = load(folder / "config.toml")
    with Store.open(config.store.url) as store:
        token = store.access.create_token("fuzz", ["admin"])
        headers = {"Authorization": f"Bearer {token}"}
        app = create_app(config, store)
        yield schemathesis.openapi.from_asgi("/v1/openapi.json", app, headers=headers), headers


@pytest.mark.parametrize("who", ["somebody", "nobody"])
def test_whatever_is_sent_is_answered_as_described(described, who):
    """No 5xx, no status and no shape that the description does not know."""
    schema, headers = described
    sent = {**headers} if who == "somebody" else {"Authorization": "Bearer dl_wrong"}
    answered: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        answered[operation.label] = statuses(operation, sent)
    assert len(answered) >= 8
    if who == "nobody":
        ours = {label: found for label, found in answered.items() if "/ingest/" not in label}
        assert all(found <= {401, 422} for found in ours.values()), ours


def statuses(operation, headers: dict[str, str]) -> set[int]:
    seen: set[int] = set()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def holds(case):
        response = case.call(headers=headers)
        seen.add(response.status_code)
        case.validate_response(response, excluded_checks=[*_NOT_PROMISED])

    holds()
    return seen


#: Checks that guess what an API should refuse or take from its schema alone.
_NOT_PROMISED = (
    negative_data_rejection, positive_data_acceptance, missing_required_header, ignored_auth,
    unsupported_method,
)  # fmt: skip
