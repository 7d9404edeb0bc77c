"""The answers to OWASP ASVS: complete, and each with evidence that is there."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = list(csv.DictReader((ROOT / "docs/security/asvs.csv").read_text("utf-8").splitlines()))
ANSWERS = {"met", "partly", "not met", "not applicable", "deployment"}


def test_every_requirement_of_level_two_is_answered_once():
    ids = [row["requirement"] for row in ROWS]

    assert len(ids) == len(set(ids)) == 217
    assert all(re.fullmatch(r"V\d+\.\d+\.\d+", one) for one in ids)
    assert {row["answer"] for row in ROWS} <= ANSWERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["requirement"])
def test_an_answer_has_a_test_or_a_reason(row):
    assert row["evidence"] or row["note"]
    if row["answer"] == "met":
        assert row["evidence"]
    path, _, name = row["evidence"].partition("::")
    if path:
        assert (ROOT / path).is_file()
    if name:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
