"""Spans, received by a real collector's address."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from monitor.core import tracing


class Collector(ThreadingHTTPServer):
    """Keeps the spans that it gets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list = []


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        found = ExportTraceServiceRequest.FromString(body)
        self.server.spans += [
            span for r in found.resource_spans for s in r.scope_spans for span in s.spans
        ]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def collector():
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    tracing.stop()
    server.shutdown()
    server.server_close()
    thread.join()


def test_steps_are_spans_of_their_run(collector):
    provider = tracing.configure(f"http://127.0.0.1:{collector.server_port}/", service="test")
    with tracing.span("driftloop.run", monitor="flights"):
        with tracing.span("driftloop.read", rows=7):
            pass
        with pytest.raises(ValueError, match="invalid literal"), tracing.span("driftloop.judge"):
            int("broken")
    provider.shutdown()

    spans = {span.name: span for span in collector.spans}
    run = spans["driftloop.run"]
    assert spans["driftloop.read"].parent_span_id == run.span_id
    assert run.attributes[0].value.string_value == "flights"
    assert spans["driftloop.judge"].status.code == 2
    assert run.status.code != 2


def test_without_a_collector_nothing_is_measured():
    with tracing.span("driftloop.run"):
        assert tracing._tracers == []
