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
    wrong_clock(platform)
    full_disk(platform)
    missing_variable(platform)
    print("  a wrong user, nobody there, an old schema, a clock that is 5 minutes off, a full disk, "
          "a missing variable: each is named")


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
        for name in ("connection", "database", "schema", "disk", "redis"):
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


def wrong_clock(platform) -> None:
    """Postgres 5 minutes ahead, as strategy's role sees it."""
    as_owner(platform, """
        CREATE SCHEMA elsewhen; GRANT USAGE ON SCHEMA elsewhen TO strategy;
        CREATE FUNCTION elsewhen.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
            $$ SELECT pg_catalog.clock_timestamp() + interval '5 minutes' $$;
        ALTER ROLE strategy SET search_path = elsewhen, pg_catalog""")
    try:
        said = "s ahead of this machine's"
        expect(platform, platform.environment("strategy"), "database", said)
        # It says so before it looks for Redis, without which it does nothing.
        expect_log(platform, "strategy", {**platform.environment("strategy"),
                                          "ALGOTRADE__REDIS__URL": "redis://127.0.0.1:9"}, said)
    finally:
        as_owner(platform, "ALTER ROLE strategy RESET search_path; DROP SCHEMA elsewhen CASCADE")
    expect(platform, platform.environment("strategy"), "database", "fine")


def full_disk(platform) -> None:
    """Postgres says what it says when its disk is full: strategy makes no table and no strategy."""
    said = "No space left on device"
    raised = f"""RAISE 'could not extend file "base/16384/16399": {said}'
                 USING ERRCODE = 'disk_full'"""
    as_owner(platform, f"""
        CREATE SCHEMA full_disk; GRANT USAGE ON SCHEMA full_disk TO PUBLIC;
        CREATE FUNCTION full_disk.table_made() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN IF session_user = 'strategy' THEN {raised}; END IF; END $$;
        CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
            EXECUTE FUNCTION full_disk.table_made();
        CREATE FUNCTION full_disk.row_written() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN {raised}; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON strategy.strategies
            EXECUTE FUNCTION full_disk.row_written()""")
    try:
        expect(platform, platform.environment("strategy"), "disk", said)
        try:
            platform.new_strategy(platform.token("alice"))
        except Failure as failure:
            if " 503 " not in str(failure):
                raise
        else:
            raise Failure("strategy keeps a strategy that Postgres has no room for")
        if said not in platform.processes["strategy"].tail():
            raise Failure("strategy's log does not say that the disk is full")
    finally:
        as_owner(platform, "DROP SCHEMA full_disk CASCADE")
    expect(platform, platform.environment("strategy"), "disk", "fine")
    platform.new_strategy(platform.token("alice"))


def as_owner(platform, statements: str) -> None:
    run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", statements], platform.postgres)


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
