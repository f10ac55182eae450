"""Routing through the real gateway configuration.

Starts nginx with deploy/gateway/nginx.conf.template on a free loopback port, in front of stub
services, and asks: does each path reach its service, do WebSockets upgrade, do server-sent events
arrive one by one, does what must stay inside stay inside, and is every failure a problem document?

Usage: gateway.py NGINX_BINARY
"""

import base64
import hashlib
import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from facts import ROOT, ROUTES, RUNNING, Findings

TEMPLATE = ROOT / "deploy/gateway/nginx.conf.template"
# The stub's pause between two events; a gateway that buffers would deliver them together.
EVENT_GAP = 0.4
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Stub(BaseHTTPRequestHandler):
    """A service that answers with its own name and with what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        # Both headers end at a proxy unless it passes them on; servers insist on both.
        asked = (self.headers.get("Upgrade", ""), self.headers.get("Connection", ""))
        if tuple(value.lower() for value in asked) == ("websocket", "upgrade"):
            self.answer_websocket()
        elif self.path.startswith("/v1/market/stream"):
            self.answer_events()
        else:
            self.answer_echo()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer_echo()

    def answer_echo(self) -> None:
        # A service's own error must pass through the gateway as it is.
        status = 422 if self.path.endswith("?own-error") else 200
        asked = {"service": self.server.service, "path": self.path, "headers": dict(self.headers)}
        body = json.dumps(asked).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number in range(3):
            self.wfile.write(f"event: tick\ndata: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(EVENT_GAP)
        self.close_connection = True

    def answer_websocket(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + WEBSOCKET_GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        # From here on bytes, not HTTP: whatever comes goes back.
        self.wfile.write(self.request.recv(64))
        self.close_connection = True

    def log_message(self, *arguments) -> None:
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_stub(service: str) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.daemon_threads = True
    server.service = service
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def render(values: dict[str, str], directory: Path) -> str:
    """What envsubst does in the image, and our own folder in place of the container's /tmp."""
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace("${" + name + "}", value)
    left = re.findall(r"\$\{\w+\}", text)
    if left:
        raise SystemExit(f"the template wants {left}, which the environment does not give")
    return text.replace("/tmp/", f"{directory}/").replace("/dev/stdout", f"{directory}/access.log")


class Gateway:
    """The HTTP client's side: one request a connection, as the answers to be compared are small."""

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, method: str, path: str, body: bytes | None = None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = headers or {}
            connection.putrequest(method, path, "Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            if body is not None:
                try:
                    connection.send(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # refused before the body was through: the answer is what counts
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


def check_routes(gateway: Gateway, findings: Findings) -> None:
    for path, service in ROUTES.items():
        if path == "/v1/market/stream":
            continue  # its answer is a stream: check_events
        status, _, body = gateway.request("GET", f"{path}?limit=2")
        answered_by = json.loads(body).get("service") if status == 200 else f"status {status}"
        findings.require(answered_by == service, f"{path}: {answered_by} instead of {service}")
        findings.require(
            status != 200 or json.loads(body)["path"] == f"{path}?limit=2",
            f"{path}: the service saw {body!r}",
        )


def check_refusals(gateway: Gateway, findings: Findings) -> None:
    refused = {
        "/metrics": 404,
        "/v1": 404,
        "/v1/deployments/5d1f9c2e": 404,
        "/v1/sessionsx": 404,
        "/v1/opsx": 404,
        "/v1/market": 404,
        "/v1/deployments/..%2fstrategies": 400,
        "/v1/strategies/../deployments": 400,
        "/v1/strategies/%2e%2e/deployments": 400,
        "//v1/strategies": 400,
    }
    for path, expected in refused.items():
        status, headers, body = gateway.request("GET", path)
        findings.require(status == expected, f"{path}: {status} instead of {expected}")
        require_problem(path, status, headers, body, findings)

    status, headers, body = gateway.request("POST", "/v1/strategies", b"x" * (2 * 1024 * 1024 + 1))
    findings.require(status == 413, f"a body above 2 MiB: {status} instead of 413")
    require_problem("a body above 2 MiB", status, headers, body, findings)

    status, _, body = gateway.request("GET", "/v1/sessions?own-error")
    findings.require(status == 422, f"a service's own 422 became {status}")
    findings.require(b"forward-test" in body, "a service's own error document was replaced")


def require_problem(what: str, status: int, headers, body: bytes, findings: Findings) -> None:
    kind = headers.get("Content-Type")
    findings.require(kind == "application/problem+json", f"{what}: answered as {kind}")
    try:
        problem = json.loads(body)
        complete = problem["status"] == status and problem["code"] and problem["detail"]
    except (ValueError, KeyError):
        complete = False
    findings.require(bool(complete), f"{what}: not a problem document: {body!r}")


def check_headers(gateway: Gateway, findings: Findings) -> None:
    forged = {"Host": "trade.example:8443", "X-Forwarded-For": "10.0.0.1", "X-Request-Id": "forged"}
    _, _, body = gateway.request("GET", "/v1/products", headers=forged)
    seen = {name.lower(): value for name, value in json.loads(body)["headers"].items()}
    findings.require(seen["host"] == "trade.example:8443", f"Host became {seen['host']}")
    findings.require(
        seen["x-forwarded-for"] == "127.0.0.1",
        f"a forged X-Forwarded-For reached the service: {seen['x-forwarded-for']}",
    )
    findings.require(
        re.fullmatch("[0-9a-f]{32}", seen.get("x-request-id", "")) is not None,
        f"no request id of the gateway's own: {seen.get('x-request-id')}",
    )
    status, _, body = gateway.request("GET", "/healthz/live")
    findings.require(status == 200 and b"service" not in body, "/healthz/live is not the gateway's")


def check_events(gateway: Gateway, findings: Findings) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", "/v1/market/stream?symbols=BTCUSD")
    response = connection.getresponse()
    arrivals = []
    while line := response.readline():
        if line.startswith(b"data:"):
            arrivals.append(time.monotonic())
    connection.close()
    findings.require(len(arrivals) == 3, f"{len(arrivals)} of 3 events arrived")
    gaps = [late - early for early, late in zip(arrivals, arrivals[1:])]
    findings.require(
        bool(gaps) and min(gaps) > EVENT_GAP / 2,
        f"events were held back, the gaps were {gaps}",
    )


def check_websocket(gateway: Gateway, findings: Findings) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(
            b"GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = b""
        while b"\r\n\r\n" not in answer and (part := client.recv(4096)):
            answer += part
        findings.require(answer.startswith(b"HTTP/1.1 101 "), f"no upgrade: {answer[:80]!r}")
        findings.require(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer, "another key was accepted")
        client.sendall(b"both ways")
        findings.require(client.recv(64) == b"both ways", "nothing came back over the WebSocket")


def check_unavailable(gateway: Gateway, stub: ThreadingHTTPServer, findings: Findings) -> None:
    stub.shutdown()
    stub.server_close()
    status, headers, body = gateway.request("GET", "/v1/sessions")
    findings.require(status == 503, f"a service that is down: {status} instead of 503")
    findings.require(headers.get("Retry-After") == "2", "a service that is down: no Retry-After")
    require_problem("a service that is down", status, headers, body, findings)


def wait_until_open(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nginx did not start:\n{log.read_text()}")


def main() -> int:
    nginx = sys.argv[1]
    findings = Findings()
    stubs = {service: start_stub(service) for service in RUNNING}
    port = free_port()
    values = {"GATEWAY_LISTEN": f"127.0.0.1:{port}", "GATEWAY_TLS_INCLUDE": "/nowhere/no-tls.conf",
              "NGINX_LOCAL_RESOLVERS": "127.0.0.1"}
    for service, stub in stubs.items():
        name = "GATEWAY_" + service.upper().replace("-", "_")
        values[name] = f"127.0.0.1:{stub.server_address[1]}"

    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        # Started by root, nginx works as another user, who has to reach its buffers in here.
        directory.chmod(0o755)
        configuration = directory / "nginx.conf"
        configuration.write_text(render(values, directory))
        log = directory / "error.log"
        arguments = [nginx, "-p", folder, "-c", str(configuration), "-e", "stderr"]
        with log.open("w") as sink:
            subprocess.run([*arguments, "-t", "-q"], check=True)
            process = subprocess.Popen([*arguments, "-g", "daemon off;"], stderr=sink)
            try:
                wait_until_open(port, process, log)
                gateway = Gateway(port)
                check_routes(gateway, findings)
                check_refusals(gateway, findings)
                check_headers(gateway, findings)
                check_events(gateway, findings)
                check_websocket(gateway, findings)
                check_unavailable(gateway, stubs["forward-test"], findings)
            finally:
                process.terminate()
                process.wait(timeout=10)
        lines = (directory / "access.log").read_text().splitlines()
        findings.require(
            bool(lines) and all("path" in json.loads(line) for line in lines),
            "the access log is not one JSON object a line",
        )
    return findings.finish("gateway")


if __name__ == "__main__":
    sys.exit(main())
