"""The local engine: threads change nothing but the time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pydantic
import pytest

from monitor.core.columns import Roles
from monitor.core.ports import Reading
from monitor.engines.local import Local
from monitor.profiles.kernel import BUFFER_ROWS
from monitor.profiles.split import ByOrder
from tests.profiles.tables import assert_same, plan_of, profile_of

ROWS = 3 * BUFFER_ROWS + 1234
RNG = np.random.default_rng(1)
TABLE = pa.table(
    {
        "id": np.arange(ROWS),
        "x": RNG.normal(size=ROWS),
        "g": pa.array(RNG.choice(["a", "b", "c"], ROWS)).dictionary_encode(),
    }
)
PLAN = plan_of(TABLE.slice(0, 20_000), Roles(id="id"), sample_size=500)


def reading(table: pa.Table = TABLE, rows: int = 60_000) -> Reading:
    return Reading(table.schema, iter(table.to_batches(max_chunksize=rows)))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_the_profile(threads):
    engine = Local(Local.Options(threads=threads))

    assert_same(engine.profile(reading(), PLAN), profile_of(PLAN, TABLE))


def test_threads_do_not_change_what_is_made_of_embeddings():
    rows = 2 * BUFFER_ROWS + 100
    table = pa.table({"id": np.arange(rows), "e": list(RNG.normal(size=(rows, 4)))})
    plan = plan_of(table.slice(0, 2000), Roles(id="id", embeddings=("e",)), sample_size=6000)
    one, two = (
        Local(Local.Options(threads=threads)).profile(reading(table), plan) for threads in (1, 2)
    )

    assert_same(one, two)
    assert one.columns["e.novelty"].rows == 4000


def test_a_run_repeats_itself_bit_for_bit():
    engine = Local(Local.Options(threads=3))

    assert engine.profile(reading(), PLAN).to_bytes() == engine.profile(reading(), PLAN).to_bytes()


def test_no_batches_are_a_profile_of_no_rows():
    profile = Local().profile(reading(TABLE.slice(0, 0)), PLAN)

    assert profile.rows == 0
    assert profile.absent == frozenset()


def test_blocks_of_a_reference_add_up():
    parts = Local().profile_split(reading(), PLAN, ByOrder())

    assert 6 <= len(parts) <= 13
    assert sum(part.rows for part in parts) == ROWS


def test_an_error_of_the_source_comes_through():
    def batches():
        yield from TABLE.slice(0, 1000).to_batches()
        msg = "the disk is gone"
        raise OSError(msg)

    with pytest.raises(OSError, match="the disk is gone"):
        Local().profile(Reading(TABLE.schema, batches()), PLAN)


def test_unknown_options_are_refused():
    with pytest.raises(pydantic.ValidationError):
        Local.Options(cores=3)  # type: ignore[call-arg]
