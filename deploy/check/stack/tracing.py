"""Traces by the way of the profile `tracing`: services, a real OpenTelemetry collector and a real Jaeger,
each with its file of deploy/tracing. What Jaeger's page would show is asked of the API behind it."""

import json
import urllib.request
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


# How long Jaeger and the collector get to end.
STOP_SECONDS = 5


def check(platform, _session, collector_program: Path, jaeger_program: Path) -> None:
    jaeger = Jaeger(platform, jaeger_program)
    collector = Collector(platform, collector_program, jaeger)
    before = {name: dict(platform.services[name]["environment"]) for name in RUNNING}
    try:
        for name in RUNNING:
            platform.services[name]["environment"] |= {
                "ALGOTRADE__TELEMETRY__OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
                "ALGOTRADE__TELEMETRY__TRACE_RATIO": "1"}
        restart(platform)
        trace = wait_until("a trace from the exchange to the browser", jaeger.whole,
                           processes=[*platform.processes.values()])
        shown = jaeger.services()
        if lost := sum(collector.lost()):
            raise Failure(f"the collector lost {lost} spans")
        if complaints := jaeger.complaints():
            raise Failure("Jaeger complains: " + "\n".join(complaints))
    finally:
        for name in RUNNING:
            platform.services[name]["environment"] = before[name]
        for name in ("otel-collector", "jaeger"):
            platform.processes.pop(name).stop(STOP_SECONDS)
    restart(platform)
    print(f"  Jaeger shows {', '.join(sorted(shown))}, and a trace of {len(trace)} spans "
          f"from the exchange to the browser")


def restart(platform) -> None:
    for name in RUNNING:
        platform.processes[name].stop(DRAIN_SECONDS + 5)
    platform.start()


def start(platform, name: str, program: Path, file: str, addresses: list[tuple[str, str]]) -> Process:
    """A service of the profile as a process of this machine, with its own file but for addresses."""
    text = (ROOT / "deploy/tracing" / file).read_text()
    for there, here in addresses:
        if there not in text:
            raise Failure(f"deploy/tracing/{file}: no {there}")
        text = text.replace(there, here)
    path = platform.folder / file
    path.write_text(text)
    process = Process(name, [program, f"--config={path}"], platform.folder, {})
    platform.processes[name] = process
    return process


def fetch(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as got:
        return got.read().decode()


class Collector:
    """The service `otel-collector`."""

    def __init__(self, platform, program: Path, jaeger: "Jaeger") -> None:
        self.port, self.metrics_port = free_port(), free_port()
        process = start(platform, "otel-collector", program, "collector.yml", [
            ("0.0.0.0:4318", f"127.0.0.1:{self.port}"),
            ("http://jaeger:4318", f"http://127.0.0.1:{jaeger.port}"),
            ("host: 0.0.0.0", "host: 127.0.0.1"),
            ("port: 8888", f"port: {self.metrics_port}")])
        wait_until("the collector's metrics", self.metrics, processes=[process])

    def metrics(self) -> str:
        return fetch(self.metrics_port, "/metrics") or "none yet"

    def lost(self) -> list[float]:
        return [float(line.rpartition(" ")[2]) for line in self.metrics().splitlines()
                if line.startswith(("otelcol_exporter_send_failed_spans",
                                    "otelcol_exporter_enqueue_failed_spans",
                                    "otelcol_receiver_refused_spans"))]


class Jaeger:
    """The service `jaeger`."""

    def __init__(self, platform, program: Path) -> None:
        self.port, self.query_port = free_port(), free_port()
        self.process = start(platform, "jaeger", program, "jaeger.yml", [
            ("0.0.0.0:4318", f"127.0.0.1:{self.port}"),
            ("0.0.0.0:16686", f"127.0.0.1:{self.query_port}")])
        wait_until("Jaeger's API", lambda: self.ask("/api/services") is not None,
                   processes=[self.process])

    def ask(self, path: str):
        return json.loads(fetch(self.query_port, path))

    def services(self) -> set[str]:
        return set(self.ask("/api/services")["data"] or [])

    def complaints(self) -> list[str]:
        """Warnings and errors of its log; that there is no page in this build is known."""
        lines = self.process.log.read_text().splitlines()
        return [line for line in lines
                if "\twarn\t" in line and "ui assets" not in line or "\terror\t" in line]

    def whole(self) -> list[tuple[str, str]]:
        """A trace that has every step of the way; empty as long as there is none."""
        if unknown := self.services() - set(SERVICES) - {"algotrade-ops"}:
            raise Failure(f"spans of {unknown}")
        # As docs/operations.md says: the traces of forward-test are the ticks that ended in a trade.
        for trace in self.ask("/api/traces?service=forward-test&limit=200")["data"]:
            of = {name: process["serviceName"] for name, process in trace["processes"].items()}
            spans = [(of[span["processID"]], span["operationName"]) for span in trace["spans"]]
            if set(WAY) <= set(spans):
                return spans
        return []
