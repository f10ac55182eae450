"""Kafka Connect as the profile `connect` starts it: files with a line for each record, and no other."""

import re
import shutil
import signal
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from facts import ROOT
from stack.kafka import JVM, libraries
from stack.machine import Failure, Process, free_port, run, wait_until

# Where a container has them.
DEPLOY, EXPORTS, PLUGINS, REST = "/deploy", "/var/lib/connect", "/opt/connect-plugins", "127.0.0.1:8083"
SECRETS, CERTIFICATES = "/run/secrets/algotrade", "/run/certificates"
TOPIC = "trade-executions"
# Has a line every few milliseconds, so that nobody waits for the next trade.
MARKET = "market-data-updates"
# As compose gives it.
STOP_SECONDS = 30


class Connect:
    """The service `connect` of a compose model, as a process of this machine."""

    def __init__(self, platform, jar: Path) -> None:
        service = platform.services["connect"]
        self.platform = platform
        self.folder = platform.folder / "connect"
        self.deploy, self.exports = self.folder / "deploy", self.folder / "exports"
        work, plugins, binaries = (self.folder / name for name in ("work", "plugins", "bin"))
        for folder in (self.deploy, self.exports, work, plugins / "file", binaries):
            folder.mkdir(parents=True)
        shutil.copy(jar, plugins / "file")
        rest = f"127.0.0.1:{free_port()}"
        self.moved = {EXPORTS: str(self.exports), PLUGINS: str(plugins), REST: rest,
                      "/tmp/": f"{work}/", SECRETS: str(platform.secrets),
                      CERTIFICATES: str(platform.certificates)}
        for path in (ROOT / "deploy/connect").iterdir():
            (self.deploy / path.name).write_text(self.here(path.read_text()))
        script = binaries / "connect-standalone.sh"
        script.write_text(f"#!/bin/sh\nexec java -cp '{libraries()}/*' $KAFKA_HEAP_OPTS "
                          f"{' '.join(JVM)} org.apache.kafka.connect.cli.ConnectStandalone \"$@\"\n")
        script.chmod(0o755)
        self.command = [word.replace(DEPLOY, str(self.deploy)) for word in service["entrypoint"]]
        health = service["healthcheck"]["test"][1:]
        self.health_check = [word.replace(DEPLOY, str(self.deploy)) for word in health]
        self.environment = {
            **service["environment"], "CONNECT_BOOTSTRAP_SERVERS": platform.broker.address(),
            "KAFKA_HOME": str(self.folder), "CONNECT_WORK": str(work),
            "CONNECT_REST": f"http://{rest}", "CONNECT_EXPORTS": str(self.exports)}
        # The image's own logging is log4j's; the test's Kafka has another library.
        self.environment.pop("KAFKA_LOG4J_OPTS")

    def here(self, text: str) -> str:
        # At once: the new paths contain old ones.
        there = "|".join(re.escape(path) for path in self.moved)
        return re.sub(there, lambda found: self.moved[found.group()], text)

    def start(self, **environment: str) -> Process:
        self.environment |= environment
        process = Process("connect", self.command, self.platform.folder, self.environment)
        self.platform.processes["connect"] = process
        wait_until("Connect's health check", lambda: self.health() or True, processes=[process])
        return process

    def health(self, codes=(0,), **environment: str) -> str:
        return run(self.health_check, {**self.environment, **environment}, codes)

    def stop(self) -> None:
        # What no longer runs is nobody's concern: later parts look whether everything does.
        self.platform.processes.pop("connect").stop(STOP_SECONDS)

    def script(self, name: str, **environment: str) -> str:
        return run(["sh", self.deploy / name], {**self.environment, **environment})

    def lines(self, topic: str) -> list[str]:
        """What is in the files of a topic, of all times."""
        return [line for path in self.exports.glob(f"{topic}*.jsonl")
                for line in path.read_text().splitlines()]

    @contextmanager
    def quiet(self):
        """No market for a moment: Kafka's consumer ends when nothing has come for a while."""
        market = self.platform.processes["simulator"].child
        market.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            market.send_signal(signal.SIGCONT)

    def consumed(self, topic: str) -> list[str]:
        """The topic's committed records that Connect has told Kafka that it has written."""
        line, tool = self.platform.broker.tool(
            "kafka-consumer-groups", "--bootstrap-server", "localhost:9092", "--describe",
            "--group", f"connect-{topic}")
        told = run(line, tool)
        offsets = {int(partition): int(offset) for partition, offset in
                   re.findall(rf"^\S+\s+{topic}\s+(\d+)\s+(\d+)\s", told, re.M)}
        if not offsets:
            raise Failure(f"connect-{topic} has no offsets:\n{told}")
        line, tool = self.platform.broker.tool(
            "kafka-console-consumer", "--bootstrap-server", "localhost:9092", "--topic", topic,
            "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "4000",
            "--property", "print.partition=true", "--property", "print.offset=true")
        with self.quiet():
            told = run(line, tool, only_output=True)
        records = re.findall(r"^Partition:(\d+)\tOffset:(\d+)\t(.*)$", told, re.M)
        return [value for partition, offset, value in records
                if int(offset) < offsets.get(int(partition), 0)]


def check(platform, _session, jar: Path) -> None:
    connect = Connect(platform, jar)
    refused(connect)
    connect.environment["CONNECT_TOPICS"] += f" {MARKET}"
    topics = connect.environment["CONNECT_TOPICS"].split()
    connect.start()
    for topic in topics:
        wait_for_more(connect, topic)
    connect.stop()
    for topic in topics:
        exactly(connect, topic, "stopped in order")

    # It goes on where it stopped; files are put aside while it writes.
    connect.start()
    wait_for_more(connect, MARKET)
    put_aside = connect.script("rotate.sh").split()
    if len(put_aside) != len(topics):
        raise Failure(f"rotate.sh put {put_aside} aside")
    wait_for_more(connect, MARKET)
    connect.stop()
    for topic in topics:
        exactly(connect, topic, "put aside and stopped in order")

    # A kill repeats lines, and loses none.
    process = connect.start()
    wait_for_more(connect, MARKET)
    process.kill()
    connect.start()
    wait_for_more(connect, MARKET)
    full = connect.health((1,), CONNECT_LEAST_FREE_KIB=str(2**60))
    if "KiB are free" not in full:
        raise Failure(f"health.sh says of a full disk: {full}")
    connect.stop()
    for topic in topics:
        lines, records = Counter(connect.lines(topic)), Counter(connect.consumed(topic))
        if missing := records - lines:
            raise Failure(f"{topic}: {sum(missing.values())} lines are missing after a kill")
        if unknown := set(lines) - set(records):
            raise Failure(f"{topic}: lines that are no records: {unknown}")
        repeated = sum((lines - records).values())
        size = sum(len(line) + 1 for line in records) / len(records)
        print(f"  {topic}: {len(records)} lines of {size:.0f} bytes, none lost; {repeated} of them "
              "twice after a kill")


def exactly(connect: Connect, topic: str, when: str) -> None:
    """Every record is a line, letter for letter, and once."""
    lines, records = Counter(connect.lines(topic)), Counter(connect.consumed(topic))
    if lines != records:
        raise Failure(f"{topic}, {when}: {sum((lines - records).values())} lines too many, "
                      f"{sum((records - lines).values())} missing")


def refused(connect: Connect) -> None:
    """What can't be a file's name doesn't become one."""
    for topics, part in [("../audit-logs", "is no topic's name"), (" ", "names no topic")]:
        told = run(connect.command, {**connect.environment, "CONNECT_TOPICS": topics}, codes=(64,))
        if part not in told:
            raise Failure(f"start.sh says of `{topics}`: {told}")


def wait_for_more(connect: Connect, topic: str) -> None:
    process, before = connect.platform.processes["connect"], len(connect.lines(topic))
    wait_until(f"a line of {topic}", lambda: len(connect.lines(topic)) > before,
               processes=[process])


def check_secured(platform, jar: Path) -> None:
    """Connect signs in as itself, and reads what it was allowed to and nothing else."""
    connect = Connect(platform, jar)
    line, tool = platform.broker.tool("kafka-acls")
    path = {**tool, "PATH": f"{Path(line[0]).parent}:{tool['PATH']}"}
    for topics in ("audit-logs", TOPIC):
        connect.script("rights.sh", **path, CONNECT_TOPICS=topics,
                       CONNECT_BOOTSTRAP_SERVERS=f"localhost:{platform.broker.ports['INTERNAL']}")
    connect.start(CONNECT_TOPICS=TOPIC)
    wait_for_more(connect, TOPIC)
    connect.stop()
    exactly(connect, TOPIC, "secured")
    # A right that it had before, and has no longer.
    connect.environment["CONNECT_TOPICS"] = "audit-logs"
    process = Process("connect", connect.command, platform.folder, connect.environment)
    platform.processes["connect"] = process
    def denied() -> bool:
        return "TopicAuthorizationException" in connect.health((1,))
    wait_until("Connect to be refused audit-logs", denied, processes=[process])
    connect.stop()
    print(f"  Connect writes {TOPIC} to a file, and may not read audit-logs")
