"""Spans of OpenTelemetry around the steps of a run, where somebody asked for them.

Nothing is imported and nothing is measured until `configure` was called.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor.core.errors import ConfigError
from monitor.core.version import VERSION

_tracers: list[Any] = []


def configure(endpoint: str, *, service: str = "driftloop") -> Any:
    """Send spans to an OTLP collector from now on; returns the provider, to be shut down.

    Parameters
    ----------
    endpoint : str
        Base address of the collector, such as "http://127.0.0.1:4318"; spans go to `/v1/traces`.

    Raises
    ------
    ConfigError
        The packages of OpenTelemetry are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        msg = (
            "[telemetry] otlp_endpoint needs the packages of OpenTelemetry: "
            "pip install 'driftloop[otel]'."
        )
        raise ConfigError(msg) from error
    resource = Resource.create({"service.name": service, "service.version": VERSION})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=10)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracers[:] = [provider.get_tracer("driftloop", VERSION)]
    return provider


def stop() -> None:
    """No spans any more."""
    _tracers.clear()


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[None]:
    """A step; an exception inside marks it as failed and goes on its way."""
    if not _tracers:
        yield
        return
    with _tracers[0].start_as_current_span(name, attributes=attributes):
        yield
