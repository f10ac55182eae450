"""The gateway of the secured installation: https with the certificates that the script makes.

Usage: gateway_tls.py NGINX
"""

import http.client
import os
import ssl
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from facts import ROOT, RUNNING, Findings
from gateway import free_port, render, start_stub, wait_until_open

CERTIFICATES = ROOT / "deploy/compose/certificates.sh"


def make_certificates(directory: Path) -> None:
    owner = f"{os.getuid()}:{os.getgid()}"
    environment = {**os.environ, "CERTIFICATES_DIR": str(directory), "KAFKA_OWNER": owner,
                   "GATEWAY_OWNER": owner}
    subprocess.run(["sh", str(CERTIFICATES)], env=environment, check=True, capture_output=True)


def ask(port: int, context: ssl.SSLContext) -> tuple[int, dict[str, str], bytes, str]:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", "/v1/products")
        version = connection.sock.version()
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read(), version
    finally:
        connection.close()


def check(port: int, authority: Path, findings: Findings) -> None:
    trusting = ssl.create_default_context(cafile=str(authority))
    status, headers, body, version = ask(port, trusting)
    findings.require(status == 200 and b"market-data" in body, f"https answers {status} {body!r}")
    findings.require(version == "TLSv1.3", f"a new client speaks {version}")
    for name, value in [
        ("strict-transport-security", "max-age=31536000"),
        ("cross-origin-opener-policy", "same-origin"),
    ]:
        findings.require(headers.get(name) == value, f"{name} is {headers.get(name)}")
    findings.require("camera=()" in headers.get("permissions-policy", ""), "no permissions-policy")
    findings.require("nginx/" not in headers.get("server", ""), "tells its version")
    try:
        ask(port, ssl.create_default_context())
        findings.require(False, "a client that doesn't know the authority trusts it")
    except ssl.SSLCertVerificationError:
        findings.require(True, "")
    old = ssl.create_default_context(cafile=str(authority))
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    try:
        ask(port, old)
        findings.require(False, "TLS 1.1 is spoken")
    except (ssl.SSLError, ConnectionError):
        findings.require(True, "")


def main() -> int:
    findings = Findings()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        certificates = directory / "certificates"
        certificates.mkdir()
        make_certificates(certificates)
        tls = directory / "tls.conf"
        tls.write_text((ROOT / "deploy/gateway/tls.conf").read_text().replace(
            "/run/certificates", str(certificates)))
        values = {"GATEWAY_LISTEN": f"127.0.0.1:{port} ssl", "GATEWAY_TLS_INCLUDE": tls.name,
                  "NGINX_LOCAL_RESOLVERS": "127.0.0.1"}
        for service in RUNNING:
            name = "GATEWAY_" + service.upper().replace("-", "_")
            values[name] = f"127.0.0.1:{start_stub(service).server_address[1]}"
        configuration = directory / "nginx.conf"
        configuration.write_text(render(values, directory))
        log = directory / "error.log"
        with log.open("w") as sink:
            process = subprocess.Popen(
                [sys.argv[1], "-p", folder, "-c", str(configuration), "-e", "stderr",
                 "-g", "daemon off;"], stderr=sink)
            try:
                wait_until_open(port, process, log)
                check(port, certificates / "ca.pem", findings)
            finally:
                process.terminate()
                process.wait(timeout=10)
    return findings.finish("gateway, https")


if __name__ == "__main__":
    sys.exit(main())
