"""What Spark says when something is wrong, in the words of a person."""

from __future__ import annotations

import sys

import pytest

from monitor.core import cluster
from monitor.core.cluster import Cluster
from monitor.core.errors import EngineError, SourceError

PYTHON = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "/x/monitor/sources/parts.py", line 85, in guarded
    item = next(items)
FileNotFoundError: [Errno 2] No such file

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/x/worker.py", line 1, in main
monitor.core.errors.UnreadableSourceError: a.parquet is gone: it disappeared while it was read.
 SQLSTATE: 38000
"""
LOST = """An error occurred while calling o57.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 failed 4 times, \
most recent failure: Lost task 1.3 (TID 9) (10.0.0.1 executor 3): \
ExecutorLostFailure (executor 3 exited) Reason: killed
Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2935)
"""


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (PYTHON, "a.parquet is gone: it disappeared while it was read."),
        ("ModuleNotFoundError: No module named 'monitor'", "Install the same version there."),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited", "name a Spark Connect server."),
        (LOST, "ExecutorLostFailure (executor 3 exited) Reason: killed."),
        ("x" * 5000, "x…"),
        ("", "RuntimeError."),
    ],
)
def test_the_reason_is_one_line(raw, said):
    text = cluster.reason(RuntimeError(raw))

    assert text.endswith(said)
    assert "\n" not in text
    assert len(text) <= 301


def test_without_pyspark_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(EngineError, match=r"pip install 'driftloop\[spark\]'"):
        cluster.session(Cluster(master="local[1]"))


def test_own_errors_and_mistakes_of_ours_pass_through():
    known, away = SourceError("said well already"), OSError("no route to host")
    with pytest.raises(SourceError), cluster.speaking("x"):
        raise known
    with pytest.raises(ZeroDivisionError), cluster.speaking("x"):
        raise ZeroDivisionError
    clear = pytest.raises(EngineError, match="it does not start: no route to host")
    with clear, cluster.speaking("it does not start"):
        raise away


def test_settings_are_written_as_spark_writes_them():
    told = Cluster.of(None, "local", {"a": True, "b": 3, "c": 0.5})

    assert told.conf == {"a": "true", "b": "3", "c": "0.5"}
    assert str(told) == "local"
    assert str(Cluster()) == "Spark's own default"
