"""Memory that was freed: kept for the next batch, and given back when asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from monitor.core.allocators import give_back, keep_freed
if {keep}:
    keep_freed()
import numpy as np

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(4):
    np.ones(2_000_000)
begun = faults()
for _ in range(20):
    batch = [np.ones(500_000) for _ in range(8)]
    del batch
spent, kept = faults() - begun, resident()
give_back()
print(spent, kept - resident())
"""


def told(*, keep: bool) -> tuple[int, float]:
    """Page faults of twenty batches of 32 MB, and MB that were given back after them."""
    program = PROGRAM.format(keep=keep)
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    spent, back = done.stdout.split()
    return int(spent), float(back)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_freed_memory_is_kept_for_the_next_batch_and_given_back_when_the_work_is_done():
    left_alone, kept = told(keep=False), told(keep=True)

    assert kept[0] < left_alone[0] / 2
    assert kept[1] > 16 > left_alone[1]
