"""Runs every command of the specification, as it is written there and in docs/operations.md."""

import re
import shlex

from facts import ROOT
from stack.machine import Failure, run

# What stands for a name in the specification.
NAMES = {"[group-id]": "forward-test-service", "[topic]": "market-data-updates"}
# The console consumer reads on for ever; everything else ends by itself.
ENDLESS = "kafka-console-consumer"
# What an answer must contain, by a part of the command; and the exit codes that are right.
EXPECTED = {
    "--list": "",
    "--topic market-data-updates --partitions 8": "already exists",
    "--describe --topic market-data-updates": "PartitionCount: 8",
    ENDLESS: "producer_service",
    "kafka-consumer-groups --bootstrap-server localhost:9092 --list": "forward-test-service",
    "--describe --group": "LAG",
    "kafka-broker-api-versions": "ApiVersion",
    "--topic test-topic": "Created topic test-topic",
    "--reset-offsets": "",
}
# As the specification has them; docs/operations.md must list each.
SPECIFIED = [
    "kafka-topics --bootstrap-server localhost:9092 --list",
    "kafka-topics --create --bootstrap-server localhost:9092 --topic market-data-updates "
    "--partitions 8 --replication-factor 1",
    "kafka-topics --bootstrap-server localhost:9092 --describe --topic market-data-updates",
    "kafka-console-consumer --bootstrap-server localhost:9092 --topic market-data-updates "
    "--from-beginning",
    "kafka-consumer-groups --bootstrap-server localhost:9092 --list",
    "kafka-consumer-groups --bootstrap-server localhost:9092 --describe "
    "--group forward-test-service",
    "kafka-broker-api-versions --bootstrap-server localhost:9092",
    "kafka-topics --create --bootstrap-server localhost:9092 --topic test-topic --partitions 1 "
    "--replication-factor 1",
    "kafka-consumer-groups --bootstrap-server localhost:9092 --describe --group [group-id]",
    "kafka-consumer-groups --bootstrap-server localhost:9092 --reset-offsets --to-latest "
    "--group [group-id] --topic [topic]",
]


def listed() -> list[str]:
    """Kafka's own commands of the table in docs/operations.md, and the twin of each."""
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("## Every command of the specification")[1].split("\n## ")[0]
    return re.findall(r"^\| `docker-compose exec kafka (.+?)`", table, re.M)


def twins() -> list[str]:
    """`algotrade ...` of the same table."""
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("## Every command of the specification")[1].split("\n## ")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `docker-compose exec kafka ")]
    found = [re.search(r"`algotrade ([^`]+)`", row) for row in rows]
    missing = [row for row, twin in zip(rows, found) if not twin]
    if missing:
        raise Failure(f"docs/operations.md: no `algotrade` twin in {missing}")
    return [twin.group(1) for twin in found]


def filled(command: str) -> str:
    for placeholder, name in NAMES.items():
        command = command.replace(placeholder, name)
    return command


def expectation(command: str) -> str:
    for part, expected in EXPECTED.items():
        if part in command and expected:
            return expected
    return ""


def check(platform, _session) -> None:
    commands = listed()
    for command in SPECIFIED:
        if command not in commands:
            raise Failure(f"docs/operations.md does not list `{command}`")
    for command in commands:
        words = shlex.split(filled(command))
        if words[0] == ENDLESS:
            words += ["--max-messages", "3"]
        refused = "already exists" in expectation(command)
        line, environment = platform.broker.tool(*words)
        # A group with members can't be reset; Kafka says so and ends with 1, or shows its plan.
        answer = run(line, environment, codes=(1,) if refused else (0, 1)
                     if "--reset-offsets" in words else (0,))
        if expectation(command) not in answer:
            raise Failure(f"`{command}` answered:\n{answer[-1500:]}")
        print(f"  {command}")
    for twin in twins():
        run([platform.binaries / "algotrade", *shlex.split(filled(twin))],
            platform.environment("kafka-setup"), codes=(0, 1) if "reset" in twin else (0,))
        print(f"  algotrade {twin}")


def check_secured(platform) -> None:
    """The tools sign in by themselves; without a sign-in nobody sees anything."""
    line, environment = platform.broker.tool(
        "kafka-topics", "--bootstrap-server", "localhost:9092", "--list")
    if "trade-executions" not in run(line, environment):
        raise Failure("kafka-topics does not see the topics")
    line, environment = platform.broker.tool(
        "kafka-acls", "--bootstrap-server", "localhost:9092", "--list",
        "--principal", "User:strategy")
    if "strategy-signals" not in run(line, environment):
        raise Failure("kafka-acls does not see the rights of strategy")
    print("  kafka-topics, kafka-acls sign in by themselves")
    # As itself, strategy may not write what is forward-test's; `doctor` finds nothing beyond.
    foreign = {**platform.environment("strategy"), "ALGOTRADE__KAFKA__STARTUP_WAIT_MS": "0",
               "ALGOTRADE__HTTP__LISTEN": "127.0.0.1:0"}
    answer = run([platform.binaries / "forward-test"], foreign, codes=(1,))
    if "may not Write Topic `trade-executions`" not in answer:
        raise Failure(f"strategy's rights let forward-test start:\n{answer[-1500:]}")
    print("  strategy's user may not do forward-test's work")
