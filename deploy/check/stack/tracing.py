"""Traces by the way of the profile `tracing`: services, a real OpenTelemetry collector with
deploy/tracing/collector.yml, and what stands for Jaeger: it takes the same requests and keeps them."""

import gzip
import json
import threading
import urllib.request
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from facts import DRAIN_SECONDS, ROOT, RUNNING, SERVICES
from stack.machine import Failure, Process, free_port, wait_until

# What a trade's trace is made of, from the exchange to the browser: (service, span).
WAY = [
    ("market-data", "receive simulator"),
    ("market-data", "send market-data-updates"),
    ("strategy", "send strategy-signals"),
    ("forward-test", "send trade-executions"),
    ("notification", "process trade-executions"),
]


def check(platform, _session, program: Path) -> None:
    jaeger = Jaeger()
    collector = Collector(platform, program, jaeger)
    before = {name: dict(platform.services[name]["environment"]) for name in RUNNING}
    try:
        for name in RUNNING:
            platform.services[name]["environment"] |= {
                "ALGOTRADE__TELEMETRY__OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
                "ALGOTRADE__TELEMETRY__TRACE_RATIO": "1"}
        restart(platform)
        trace = wait_until("a trace from the exchange to the browser", jaeger.whole,
                           processes=[*platform.processes.values()])
        lost = sum(collector.lost())
    finally:
        for name in RUNNING:
            platform.services[name]["environment"] = before[name]
        platform.processes.pop("otel-collector").kill()
        jaeger.server.shutdown()
    restart(platform)
    if lost:
        raise Failure(f"the collector lost {lost} spans")
    print(f"  {len(jaeger.spans)} spans in {len(jaeger.traces())} traces, one of {len(trace)} spans "
          f"from the exchange to the browser")


def restart(platform) -> None:
    for name in RUNNING:
        platform.processes[name].stop(DRAIN_SECONDS + 5)
    platform.start()


class Collector:
    """The service `otel-collector`, as a process of this machine."""

    def __init__(self, platform, program: Path, jaeger: "Jaeger") -> None:
        self.port, self.metrics_port = free_port(), free_port()
        text = (ROOT / "deploy/tracing/collector.yml").read_text()
        for there, here in [("0.0.0.0:4318", f"127.0.0.1:{self.port}"),
                            ("http://jaeger:4318", f"http://127.0.0.1:{jaeger.port}"),
                            ("host: 0.0.0.0", "host: 127.0.0.1"),
                            ("port: 8888", f"port: {self.metrics_port}")]:
            if there not in text:
                raise Failure(f"deploy/tracing/collector.yml: no {there}")
            text = text.replace(there, here)
        path = platform.folder / "collector.yml"
        path.write_text(text)
        process = Process("otel-collector", [program, f"--config={path}"], platform.folder, {})
        platform.processes["otel-collector"] = process
        wait_until("the collector's metrics", lambda: self.metrics() or True, processes=[process])

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as got:
            return got.read().decode()

    def lost(self) -> list[float]:
        return [float(line.rpartition(" ")[2]) for line in self.metrics().splitlines()
                if line.startswith(("otelcol_exporter_send_failed_spans",
                                    "otelcol_exporter_enqueue_failed_spans",
                                    "otelcol_receiver_refused_spans"))]


class Jaeger:
    """Takes OTLP over HTTP in JSON, as Jaeger does at the same path."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, str]] = []  # trace, service, name
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                right = (self.path == "/v1/traces"
                         and self.headers["Content-Type"] == "application/json")
                if right:
                    outer.take(json.loads(body))
                self.send_response(200 if right else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_arguments) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: dict) -> None:
        for resource in request["resourceSpans"]:
            attributes = {each["key"]: each["value"].get("stringValue")
                          for each in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                self.spans += [(span["traceId"], attributes["service.name"], span["name"])
                               for span in scope["spans"]]

    def traces(self) -> dict[str, list[tuple[str, str]]]:
        found = defaultdict(list)
        for trace, service, name in list(self.spans):
            found[trace].append((service, name))
        return found

    def whole(self) -> list[tuple[str, str]]:
        """A trace that has every step of the way; empty as long as there is none."""
        seen = {service for _, service, _ in list(self.spans)}
        if unknown := seen - set(SERVICES) - {"algotrade-ops"}:
            raise Failure(f"spans of {unknown}")
        whole = [spans for spans in self.traces().values() if set(WAY) <= set(spans)]
        return whole[0] if whole else []
