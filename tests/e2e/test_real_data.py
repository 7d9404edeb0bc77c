"""The bigger real data: what is known of them comes out, and nothing else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import monitor

ACS_ROLES = {
    "id": "id",
    "label": "employed",
    "prediction": "prediction",
    "score": "predicted_probability",
    "segment": ["sex", "race"],
}


@pytest.fixture(scope="module")
def years(real_data) -> dict[int, pa.Table]:
    table = pq.read_table(real_data / "acs_employment_ma_2015_2018.parquet")
    return {
        year: table.filter(pc.equal(table["year"], year)).drop(["split", "year"])
        for year in range(2015, 2019)
    }


@pytest.mark.parametrize("year", [2015, 2016, 2017, 2018])
def test_of_the_census_only_one_column_moves(years, year):
    found = monitor.compare(years[2015], years[year], **ACS_ROLES)

    assert set(found.drifted) <= {"ANC"}
    assert ("ANC" in found.drifted) is (year >= 2017)


@pytest.mark.parametrize("year", [2015, 2018])
def test_a_year_of_the_census_against_its_other_half_finds_nothing(years, year):
    first = np.random.default_rng(year).random(years[year].num_rows) < 0.5

    found = monitor.compare(years[year].filter(first), years[year].filter(~first), **ACS_ROLES)

    assert found.alarms == ()
