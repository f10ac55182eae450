"""Runs the shell scripts that go into containers: Kafka's tool names, secrets, certificates.

Usage: scripts.py
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from facts import KAFKA_TOOLS, ROOT, Findings

CERTIFICATES = ROOT / "deploy/compose/certificates.sh"
ROLES = ["market-data", "strategy", "forward-test", "notification", "ops"]
USERS = ["admin", *ROLES, "connect"]
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
    # On a secured broker it signs in by itself, unless the caller does.
    secured = {**environment, "KAFKA_TOOL_CONFIG": "/admin.properties"}
    for arguments, expected in [
        (["--bootstrap-server", "b:1"], "--bootstrap-server b:1 --command-config /admin.properties"),
        (["--version"], "--version"),
        (["--command-config", "own", "--bootstrap-server=b:1"],
         "--command-config own --bootstrap-server=b:1"),
    ]:
        answer = subprocess.run(
            [str(links / "kafka-topics"), *arguments],
            env=secured, capture_output=True, text=True, check=False,
        )
        findings.require(
            answer.stdout.split("|")[1:2] == [expected], f"secured: {answer.stdout}{answer.stderr}"
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
    owners = {f"{who}_OWNER": owner for who in ("SERVICES", "POSTGRES", "KAFKA", "GRAFANA")}
    environment = {**os.environ, "SECRETS_DIR": str(directory), **owners}

    def run() -> dict[str, str]:
        subprocess.run(["sh", str(SECRETS)], env=environment, check=True, capture_output=True)
        return {path.name: path.read_text() for path in directory.iterdir()}

    first = run()
    files = {"auth-secret", "postgres-password", "grafana-password", "kafka-users.conf",
             "kafka-admin.properties"}
    files |= {f"database-url-{role}" for role in ROLES}
    files |= {f"postgres-password-{role}" for role in ROLES}
    files |= {f"kafka-password-{user}" for user in USERS}
    findings.require(set(first) == files, f"made {set(first) ^ files}")
    alone = [text for name, text in first.items() if re.search("secret$|password", name)]
    findings.require(
        all(re.fullmatch("[0-9a-f]{64}", text) for text in alone), "not 32 bytes in hex"
    )
    findings.require(len(set(alone)) == len(alone), "one secret for two purposes")
    for role in ROLES:
        password = first[f"postgres-password-{role}"]
        findings.require(
            first[f"database-url-{role}"]
            == f"postgres://{role}:{password}@postgres:5432/algotrade",
            f"{role}: address and password do not belong together",
        )
    for user in USERS:
        entry = f'user_{user}="{first[f"kafka-password-{user}"]}"'
        findings.require(entry in first["kafka-users.conf"], f"Kafka does not know {user}")
    admin = f'username="admin" password="{first["kafka-password-admin"]}"'
    findings.require(admin in first["kafka-users.conf"], "the brokers' own sign-in")
    findings.require(admin in first["kafka-admin.properties"], "the tools' sign-in")
    for path in directory.iterdir():
        findings.require(path.stat().st_mode & 0o777 == 0o400, f"{path.name}: readable by others")
    findings.require(run() == first, "a second start made other secrets")

    # Interrupted between the two: Postgres has not seen the password, so the pair is made again.
    (directory / "postgres-password-strategy").unlink()
    again = run()
    findings.require(
        again["postgres-password-strategy"] in again["database-url-strategy"],
        "half a pair was kept",
    )
    kept = {name: text for name, text in first.items() if not name.endswith("-strategy")}
    findings.require(kept.items() <= again.items(), "another secret was made again")
    check_auth_keys(directory, environment, findings)
    # One that an older version didn't have is added; a run that was interrupted there is made good.
    for _ in range(2):
        known = run()
        (directory / "kafka-password-connect").unlink()
        again = run()
        connect = again["kafka-password-connect"]
        findings.require(connect != known["kafka-password-connect"], "connect: the old password")
        changed = {name for name in again if again[name] != known[name]}
        findings.require(changed == {"kafka-password-connect", "kafka-users.conf"},
                         f"adding a user of Kafka changed {changed}")
        findings.require(again["kafka-users.conf"] == known["kafka-users.conf"].replace(
            known["kafka-password-connect"], connect), "connect was not added as the others are")
    # The same of Kafka's users: the broker reads all of them from one file.
    (directory / "kafka-users.conf").unlink()
    again = run()
    findings.require(
        all(f'user_{user}="{again[f"kafka-password-{user}"]}"' in again["kafka-users.conf"]
            for user in USERS),
        "Kafka's users and their passwords differ",
    )


def check_auth_keys(directory: Path, environment: dict, findings: Findings) -> None:
    """The key that signs tokens is replaced: known to all first, then used; old ones go later."""
    keys = directory / "auth-secret"

    def run(command: str) -> int:
        answer = subprocess.run(["sh", str(SECRETS), command], check=False, capture_output=True,
                                env={**environment, "AUTH_KEY_WAIT": "0"})
        return answer.returncode

    [first] = keys.read_text().splitlines()
    seen = [first]
    for _ in range(5):
        findings.require(run("replace-auth-key") == 0, "replace-auth-key failed")
        newest, *old = keys.read_text().splitlines()
        findings.require(newest not in seen, "replaced by a key that was there")
        findings.require(old == seen[:3], f"old keys: {old}, expected {seen[:3]}")
        seen.insert(0, newest)
    findings.require(run("drop-old-auth-keys") == 0, "drop-old-auth-keys failed")
    findings.require(keys.read_text() == seen[0], "other keys are left")
    findings.require(keys.stat().st_mode & 0o777 == 0o400, "auth-secret: readable by others")
    findings.require(run("remove-everything") == 64, "an unknown command is taken")


def check_certificates(directory: Path, findings: Findings) -> None:
    owner = f"{os.getuid()}:{os.getgid()}"
    environment = {
        **os.environ,
        "CERTIFICATES_DIR": str(directory),
        "KAFKA_OWNER": owner,
        "GATEWAY_OWNER": owner,
        "CERTIFICATE_HOSTS": "trade.example.org,192.0.2.7",
    }

    def run() -> dict[str, bytes]:
        subprocess.run(["sh", str(CERTIFICATES)], env=environment, check=True, capture_output=True)
        return {path.name: path.read_bytes() for path in directory.iterdir()}

    def openssl(*arguments: str) -> str:
        answer = subprocess.run(
            ["openssl", *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout + answer.stderr

    first = run()
    files = {"ca.pem", "ca.key", "kafka.pem", "gateway.pem", "gateway.key"}
    findings.require(set(first) == files, f"made {set(first) ^ files}")
    authority = str(directory / "ca.pem")
    for name, hosts in [("kafka", ["kafka", "kafka-3"]), ("gateway", ["trade.example.org"])]:
        for host in hosts:
            answer = openssl("verify", "-CAfile", authority, "-verify_hostname", host,
                             "-purpose", "sslserver", str(directory / f"{name}.pem"))
            findings.require(answer.strip().endswith("OK"), f"{name} for {host}: {answer}")
    answer = openssl("verify", "-CAfile", authority, "-verify_ip", "192.0.2.7",
                     str(directory / "gateway.pem"))
    findings.require(answer.strip().endswith("OK"), f"gateway by address: {answer}")
    answer = openssl("verify", "-CAfile", authority, "-verify_hostname", "elsewhere.example",
                     str(directory / "gateway.pem"))
    findings.require("mismatch" in answer, f"gateway for another host: {answer}")
    findings.require(
        first["kafka.pem"].startswith(b"-----BEGIN PRIVATE KEY-----"), "Kafka wants PKCS#8"
    )
    for name, mode in [("ca.key", 0o400), ("kafka.pem", 0o400), ("gateway.key", 0o400)]:
        found = (directory / name).stat().st_mode & 0o777
        findings.require(found == mode, f"{name}: mode {found:o}")
    findings.require(run() == first, "a second run made other certificates")
    # One that is lost, or nearly over, is made anew by the same authority.
    (directory / "gateway.pem").unlink()
    again = run()
    findings.require(again["gateway.pem"] != first["gateway.pem"], "not made anew")
    findings.require(
        {name: again[name] for name in ("ca.pem", "kafka.pem")}
        == {name: first[name] for name in ("ca.pem", "kafka.pem")},
        "what was good was made again",
    )


def main() -> int:
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        check_kafka_tools(Path(folder), findings)
    with tempfile.TemporaryDirectory() as folder:
        check_secrets(Path(folder), findings)
    with tempfile.TemporaryDirectory() as folder:
        check_certificates(Path(folder), findings)
    return findings.finish("container scripts")


if __name__ == "__main__":
    sys.exit(main())
