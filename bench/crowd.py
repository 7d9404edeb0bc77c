"""Consensus of a crowd against the truth, beside crowd-kit's aggregators.

    OMP_NUM_THREADS=1 python -m bench.crowd

Needs `crowd_gold.parquet` in ../shared/data or DRIFTLOOP_TEST_DATA.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crowdkit.aggregation as theirs
import pandas as pd
import pyarrow.parquet as pq

from monitor.curation.answers import Answers
from monitor.curation.consensus import Method, consensus

GOLD = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data")) / "crowd_gold.parquet"
PEERS = ("MajorityVote", "DawidSkene", "OneCoinDawidSkene", "GLAD", "MACE", "MMSR", "Wawa",
         "ZeroBasedSkill")  # fmt: skip
OWN: tuple[Method, ...] = ("majority", "dawid-skene")


def main() -> None:
    if not GOLD.exists():
        print(f"skipped: {GOLD} is not there; name the test data in DRIFTLOOP_TEST_DATA")
        return
    warnings.simplefilter("ignore")  # crowd-kit is older than pandas 3
    table = pq.read_table(GOLD).to_pandas()
    print("| task | items | labels | aggregator | accuracy | s |\n|---|---|---|---|---|---|")
    for task, rows in table.groupby("task"):
        gold = rows.drop_duplicates("item").set_index("item")["gold"]
        for name, label in _aggregators():
            started = time.perf_counter()
            try:
                found = label(rows).reindex(gold.index)
            except (ValueError, AttributeError) as error:
                print(f"| {task} | | | {name} | fails: {str(error).splitlines()[0][:60]} | |")
                continue
            spent, right = time.perf_counter() - started, (found == gold).mean()
            print(f"| {task} | {len(gold)} | {len(rows)} | {name} | {right:.2%} | {spent:.1f} |")


def _aggregators() -> list[tuple[str, Callable[[Any], Any]]]:
    return [(f"driftloop {method}", _own(method)) for method in OWN] + [
        (f"crowd-kit {name}", _peer(name)) for name in PEERS
    ]


def _own(method: Method) -> Callable[[Any], Any]:
    def label(rows: Any) -> Any:
        given = zip(rows["item"], rows["annotator"].astype(str), rows["label"], strict=True)
        found = consensus(Answers.of(given), method)
        return pd.Series({one.item: one.label for one in found})

    return label


def _peer(name: str) -> Callable[[Any], Any]:
    def label(rows: Any) -> Any:
        names = {"item": "task", "annotator": "worker"}
        peer = getattr(theirs, name)()
        return peer.fit_predict(rows[["item", "annotator", "label"]].rename(columns=names))

    return label


if __name__ == "__main__":
    main()
