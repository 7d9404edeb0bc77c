"""A real Spark for the tests that want one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from monitor.core import cluster
from monitor.core.cluster import Cluster

MASTER = "local[2]"
#: Short lives of Java: quick to start, and one compiler is enough.
CONF = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


@pytest.fixture(scope="session")
def java() -> None:
    """Java for Spark. Under CI=true it must be there."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        reason = "no Java; apt-get install openjdk-17-jre-headless"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def _gateway(java: None) -> Iterator[None]:
    """The process of Java ends with the tests, not with Python."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    yield
    from pyspark import SparkContext  # noqa: PLC0415 - an extra

    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(30)
        SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture(scope="module")
def spark(_gateway: None) -> Iterator[Cluster]:
    """A local Spark of two threads, open until the file is done."""
    here = Cluster(master=MASTER, conf=CONF)
    cluster.session(here)
    yield here
    cluster.stop()
