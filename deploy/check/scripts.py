"""Runs the two shell scripts that go into containers: Kafka's tool names, and the secrets.

Usage: scripts.py
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from facts import KAFKA_TOOLS, ROOT, Findings

TOOL = ROOT / "deploy/kafka/kafka-tool"
SECRETS = ROOT / "deploy/compose/init-secrets.sh"


def check_kafka_tools(directory: Path, findings: Findings) -> None:
    scripts, links = directory / "bin", directory / "path"
    scripts.mkdir()
    links.mkdir()
    for name in KAFKA_TOOLS:
        script = scripts / f"{name}.sh"
        script.write_text('#!/bin/sh\necho "$0|$*|${KAFKA_OPTS-unset}|$KAFKA_HEAP_OPTS"\n')
        script.chmod(0o755)
        (links / name).symlink_to(TOOL)
    environment = {
        "PATH": f"{links}:/usr/bin:/bin",
        "KAFKA_HOME": str(directory),
        # What the broker's container has, and a tool must not get.
        "KAFKA_OPTS": "-javaagent:metrics.jar",
        "KAFKA_HEAP_OPTS": "-Xmx512m",
    }
    for name in KAFKA_TOOLS:
        answer = subprocess.run(
            [name, "--bootstrap-server", "localhost:9092", "two words"],
            env=environment, capture_output=True, text=True, check=False,
            executable=str(links / name),
        )
        expected = f"{scripts}/{name}.sh|--bootstrap-server localhost:9092 two words|unset|-Xmx256m"
        findings.require(
            answer.stdout.strip() == expected, f"{name}: {answer.stdout}{answer.stderr}"
        )
    (links / "kafka-nothing").symlink_to(TOOL)
    answer = subprocess.run(
        [str(links / "kafka-nothing")], env=environment, capture_output=True, text=True, check=False
    )
    findings.require(
        answer.returncode == 127 and "kafka-nothing" in answer.stderr,
        f"an unknown tool: {answer.returncode} {answer.stderr}",
    )


def check_secrets(directory: Path, findings: Findings) -> None:
    owner = f"{os.getuid()}:{os.getgid()}"
    environment = {
        **os.environ,
        "SECRETS_DIR": str(directory),
        "SERVICES_OWNER": owner,
        "POSTGRES_OWNER": owner,
    }

    def run() -> dict[str, str]:
        subprocess.run(["sh", str(SECRETS)], env=environment, check=True, capture_output=True)
        return {path.name: path.read_text() for path in directory.iterdir()}

    first = run()
    findings.require(
        set(first) == {"auth-secret", "database-url", "postgres-password"}, f"made {set(first)}"
    )
    findings.require(len(first["auth-secret"]) == 64, "auth-secret is not 32 bytes in hex")
    findings.require(
        re.fullmatch("[0-9a-f]{64}", first["postgres-password"]) is not None
        and f":{first['postgres-password']}@postgres:5432/" in first["database-url"],
        "database-url and postgres-password do not belong together",
    )
    findings.require(first["auth-secret"] != first["postgres-password"], "one secret for all")
    for path in directory.iterdir():
        findings.require(path.stat().st_mode & 0o777 == 0o400, f"{path.name}: readable by others")
    findings.require(run() == first, "a second start made other secrets")

    # Interrupted between the two: Postgres has not seen the password, so the pair is made again.
    (directory / "postgres-password").unlink()
    again = run()
    findings.require(
        again["postgres-password"] in again["database-url"], "half a pair was kept"
    )
    findings.require(again["auth-secret"] == first["auth-secret"], "auth-secret was made again")


def main() -> int:
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        check_kafka_tools(Path(folder), findings)
    with tempfile.TemporaryDirectory() as folder:
        check_secrets(Path(folder), findings)
    return findings.finish("container scripts")


if __name__ == "__main__":
    sys.exit(main())
