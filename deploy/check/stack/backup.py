"""Backup and restore of Postgres and the brokers' logs: nothing is lost, and sessions go on."""

import os
import shutil
import time

from facts import DRAIN_SECONDS, ROOT, RUNNING
from stack.machine import Failure, run, wait_until


def check(platform, session: str) -> None:
    token = platform.token("alice")
    began = time.monotonic()
    for service in RUNNING:
        platform.processes[service].stop(DRAIN_SECONDS + 5)
    before = rows(platform)
    environment = scripts_environment(platform)
    refused = run(["sh", ROOT / "deploy/backup/dump.sh"], environment, codes=(1,))
    if "stop it in order first" not in refused:
        raise Failure(f"a running broker was backed up: {refused}")
    platform.broker.process.stop(60)
    run(["sh", ROOT / "deploy/backup/dump.sh"], environment)
    [name] = os.listdir(environment["BACKUPS"])
    copied = time.monotonic() - began

    # The disaster: no database, no logs.
    maintenance = {**platform.postgres, "PGDATABASE": "postgres"}
    run(["psql", "-qX", "-c", f"DROP DATABASE {platform.database}"], maintenance)
    run(["psql", "-qX", "-c", f"CREATE DATABASE {platform.database}"], maintenance)
    shutil.rmtree(platform.broker.volumes / "kafka")
    (platform.broker.volumes / "kafka").mkdir()

    began = time.monotonic()
    run(["sh", ROOT / "deploy/postgres/set-up.sh"],
        {**platform.postgres, "SECRETS_DIR": str(platform.secrets)})
    damaged(environment, name)
    run(["sh", ROOT / "deploy/backup/load.sh", name], environment)
    if rows(platform) != before:
        raise Failure(f"before {before}, restored {rows(platform)}")
    platform.broker.process = platform.broker.start()
    platform.start()
    back = time.monotonic() - began

    # The session that ran goes on with its next trade: log, offsets and snapshots fit together.
    known = before["forward_test.executions"]
    wait_until("the session's next trade",
               lambda: rows(platform)["forward_test.executions"] > known,
               processes=list(platform.processes.values()))
    trades = platform.call("GET", "forward-test", f"{session}/trades?limit=500", token)["items"]
    sequences = [trade["sequence"] for trade in trades]
    if len(set(sequences)) != len(sequences):
        raise Failure(f"a trade came twice: {sequences}")
    print(f"  {sum(before.values())} rows; stopped and copied in {copied:.1f} s, back in "
          f"{back:.1f} s; nothing lost")


def scripts_environment(platform) -> dict[str, str]:
    backups = platform.folder / "backups"
    backups.mkdir()
    return {**platform.postgres, "SECRETS_DIR": str(platform.secrets),
            "KAFKA_DATA": str(platform.broker.volumes), "BACKUPS": str(backups)}


def damaged(environment: dict, name: str) -> None:
    """A flipped byte is found before anything is changed."""
    path = f"{environment['BACKUPS']}/{name}/postgres.dump"
    with open(path, "r+b") as dump:
        dump.seek(100)
        byte = dump.read(1)
        dump.seek(100)
        dump.write(bytes([byte[0] ^ 1]))
        dump.flush()
        answer = run(["sh", ROOT / "deploy/backup/load.sh", name], environment, codes=(1,))
        dump.seek(100)
        dump.write(byte)
    if "nothing was changed" not in answer:
        raise Failure(f"a damaged backup was restored: {answer}")


def rows(platform) -> dict[str, int]:
    """Rows of every table; the snapshots' count stands for them."""
    names = run(["psql", "-qXAt", "-c",
                 "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN "
                 "('market_data', 'strategy', 'forward_test', 'notification', 'ops') ORDER BY 1"],
                platform.postgres).split()
    counts = run(["psql", "-qXAt", "-c", "; ".join(f"SELECT count(*) FROM {name}"
                                                  for name in names)], platform.postgres)
    return dict(zip(names, map(int, counts.split())))
