"""What is wrong is said: by `algotrade doctor`, and by a service in its first lines."""

import json
import time

from facts import RUNNING
from stack.machine import Failure, Process, run


def check(platform, _session) -> None:
    healthy(platform)
    wrong_user(platform)
    nobody_there(platform)
    old_schema(platform)
    missing_variable(platform)
    print("  a wrong user, nobody there, an old schema, a missing variable: each is named")


def doctor(platform, environment: dict) -> list[dict]:
    answer = run([platform.binaries / "algotrade", "doctor", "--watch", "1", "--json"], environment,
                 codes=(0, 1), only_output=True)
    return [json.loads(line) for line in answer.splitlines()]


def outcome(lines: list[dict], check: str) -> str:
    [line] = [line for line in lines if line["check"] == check]
    return line.get("found") or line["outcome"]


def expect(platform, environment: dict, check: str, part: str) -> None:
    found = outcome(doctor(platform, environment), check)
    if part not in found:
        raise Failure(f"doctor says of {check}: {found}, not {part}")


def healthy(platform) -> None:
    """As each of them, who sees its own schema."""
    for service in RUNNING:
        lines = doctor(platform, platform.environment(service))
        for name in ("connection", "database", "schema", "redis"):
            if outcome(lines, name) != "fine":
                raise Failure(f"doctor as {service}: {lines}")


def wrong_user(platform) -> None:
    """The test's server asks for no password; who isn't there is refused all the same."""
    environment = platform.environment("strategy")
    wrong = platform.folder / "wrong-database-url"
    url = (platform.secrets / "database-url-strategy").read_text()
    wrong.write_text(url.replace("//strategy:", "//nobody:"))
    environment["ALGOTRADE__DATABASE__URL_FILE"] = str(wrong)
    said = 'role "nobody" does not exist'
    expect(platform, environment, "database", said)
    expect_log(platform, "strategy", environment, said)


def nobody_there(platform) -> None:
    environment = platform.environment("strategy")
    environment["ALGOTRADE__REDIS__URL"] = "redis://127.0.0.1:9"
    expect(platform, environment, "redis", "refused")
    environment = platform.environment("strategy")
    environment["ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS"] = "127.0.0.1:9"
    expect(platform, environment, "connection", "unreachable")
    expect_log(platform, "strategy", environment, "no broker answers at 127.0.0.1:9")


def old_schema(platform) -> None:
    """As if its newest migration were still to come."""
    url = (platform.secrets / "database-url-strategy").read_text()
    hidden = "UPDATE strategy._migrations SET version = -version WHERE version = {}"
    run(["psql", "-qX", url, "-c", hidden.format("(SELECT max(version) FROM strategy._migrations)")])
    try:
        expect(platform, platform.environment("strategy"), "schema", "is at migration")
    finally:
        run(["psql", "-qX", url, "-c", hidden.format("(SELECT min(version) FROM strategy._migrations)")])
    expect(platform, platform.environment("strategy"), "schema", "fine")


def missing_variable(platform) -> None:
    environment = platform.environment("strategy")
    del environment["ALGOTRADE__AUTH__SECRET_FILE"]
    expect_log(platform, "strategy", environment, "auth.secret: must have at least 32 bytes")


def expect_log(platform, service: str, environment: dict, part: str) -> None:
    """The first lines of a service's log say what is wrong."""
    environment = {**environment, "ALGOTRADE__HTTP__LISTEN": "127.0.0.1:0"}
    name = f"{service}-that-fails"
    log = platform.folder / f"{name}.log"
    log.unlink(missing_ok=True)
    process = Process(name, platform.program(service), platform.folder, environment)
    try:
        deadline = time.monotonic() + 30
        while not (lines := log.read_text().splitlines()[:3]) or part not in "".join(lines).replace("\\", ""):
            if time.monotonic() > deadline:
                raise Failure(f"{service} says in its first lines:\n{lines}\nand not {part}")
            time.sleep(0.1)
    finally:
        process.kill()
