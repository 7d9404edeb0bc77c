"""The one Spark session of a process, for sources and engines alike.

PySpark is imported only where a config wants it, and whatever it raises becomes one sentence.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from monitor.core.errors import ConfigError, DriftloopError, EngineError

#: What a session is made with unless the config says otherwise.
_DEFAULTS = {
    "spark.app.name": "driftloop",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",  # columns "a" and "A" are two
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # else such files cannot be opened at all
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}
_STATIC = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
_HERE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
#: The last line of a Python traceback that came out of an executor.
_OWN_ERROR = re.compile(
    r"^(?:monitor\.core\.errors\.)(\w+): (.+(?:\n(?!\s*$|\s+at ).+)*)", re.MULTILINE
)
_PYTHON_ERROR = re.compile(
    r"^(?:[A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit)): .+$", re.MULTILINE
)
#: The line of a Java error that says what happened, as py4j and Spark give it.
_CAUSE = re.compile(r"^(?:Caused by: |: )?(?:[\w$]+\.)*\w+(?:Exception|Error): (.+)$", re.MULTILINE)
_TASK = re.compile(r".*most recent failure: Lost task [^:]*: ")
_STATE = re.compile(r"\s*SQLSTATE: \w+\s*$")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which Spark: a Spark Connect URL, or a master; neither: the one that is there."""

    remote: str | None = None
    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, remote: str | None, master: str | None, conf: Mapping[str, Any]) -> Cluster:
        """From a config: secrets shown, booleans as Spark writes them."""
        return cls(remote, master, {key: _setting(value) for key, value in conf.items()})

    @property
    def named(self) -> bool:
        """Whether anything was said."""
        return bool(self.remote or self.master or self.conf)

    def __str__(self) -> str:
        return self.remote or self.master or "Spark's own default"


class _Known:
    """What this process said of its cluster, and the session that it opened."""

    lock = threading.RLock()
    announced = Cluster()
    opened = Cluster()
    session: Any = None


def announce(cluster: Cluster) -> None:
    """Remember the cluster for those who name none."""
    with _Known.lock:
        if cluster.named:
            _Known.announced = cluster


def session(cluster: Cluster) -> Any:
    """The Spark session of this process, opened when there is none.

    Raises
    ------
    EngineError
        PySpark or Java is not there, or the cluster does not answer.
    ConfigError
        The process is connected to another cluster already.
    """
    with _Known.lock:
        if _alive(_Known.session):
            if cluster.named and cluster != _Known.opened:
                msg = (
                    f"This process is connected to {_Known.opened} already and cannot use "
                    f"{cluster} too. Name one cluster, with the same `conf`, in all "
                    '[monitors.engine_options], and in sources of kind "spark".'
                )
                raise ConfigError(msg)
            return _Known.session
        wanted = cluster if cluster.named else _Known.announced
        with speaking(f"Spark ({wanted}) does not start"):
            _Known.session = _open(wanted)
        _Known.opened = wanted
        return _Known.session


def stop() -> None:
    """Close the session, if this process opened one; the next one may be of another cluster."""
    with _Known.lock:
        if _Known.session is not None:
            with quiet():
                _Known.session.stop()
        _Known.session = None
        _Known.announced = _Known.opened = Cluster()


@contextmanager
def speaking(what: str) -> Iterator[None]:
    """Errors of Spark as one `EngineError`: what failed, why, and the mend."""
    try:
        with quiet():
            yield
    except DriftloopError:
        raise
    except Exception as error:
        if not of_spark(error) and not isinstance(error, (OSError, ImportError)):
            raise
        msg = f"{what}: {reason(error)}"
        raise EngineError(msg) from error


def of_spark(error: BaseException) -> bool:
    """Whether an error is one of Spark's."""
    return type(error).__module__.partition(".")[0] in {"pyspark", "py4j", "grpc"}


@contextmanager
def quiet() -> Iterator[None]:
    """PySpark warns of pandas 3 wherever Arrow is used; no pandas is used here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="pyspark")
        yield


def reason(error: BaseException) -> str:
    """What went wrong in an executor or in Spark, in one or two sentences."""
    text = str(error)
    if "No module named 'monitor'" in text:
        return "driftloop is not installed where the executors run. Install the same version there."
    if "JAVA_GATEWAY_EXITED" in text or "JAVA_HOME" in text:
        return "there is no Java. Install Java 17 or newer, or name a Spark Connect server."
    for pattern, group in ((_OWN_ERROR, 2), (_PYTHON_ERROR, 0)):
        if found := [match[group] for match in pattern.finditer(text)]:
            return _cut(found[-1])
    if found := [match[1] for match in _CAUSE.finditer(text)]:
        return _cut(found[-1])
    return _cut(text or type(error).__name__)


def _setting(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        return str(value.get_secret_value())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cut(text: str) -> str:
    line = _STATE.sub("", _TASK.sub("", " ".join(text.split())))
    line = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return line if line.endswith((".", "…")) else f"{line}."


def _alive(known: Any) -> bool:
    if known is None:
        return False
    try:
        stopped = getattr(known, "is_stopped", None)  # Spark Connect
        if stopped is None:
            stopped = known.sparkContext._jsc.sc().isStopped()  # noqa: SLF001 - no public name
    except Exception:  # noqa: BLE001 - a driver that died cannot even say so
        return False
    return not stopped


def _open(cluster: Cluster) -> Any:
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra, and a second to import
    except ImportError:
        msg = "PySpark is not installed; `pip install 'driftloop[spark]'` brings it."
        raise EngineError(msg) from None
    if _Known.session is not None:  # it died: what is left of it would be found again
        with speaking("what is left of the last session cannot be closed"):
            _Known.session.stop()
    existing = None if cluster.named else SparkSession.getActiveSession()
    if existing is not None:
        return existing
    builder: Any = SparkSession.builder
    conf = dict(_DEFAULTS)
    if (cluster.remote or cluster.master or "").startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        conf |= _HERE
    if cluster.remote:
        builder = builder.remote(cluster.remote)
    else:
        conf |= _STATIC
        builder = builder.master(cluster.master) if cluster.master else builder
    return builder.config(map={**conf, **cluster.conf}).getOrCreate()
