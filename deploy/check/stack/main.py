"""Tries the deployment out; see deploy/stack.sh.

Parts: commands, docs, doctor, roles, keys, connect, tracing, monitoring, backup, fuzz, idle, secure; all of them unless some are named.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path

from stack import backup, commands, connect, docs, doctor, fuzz, idle, keys, monitoring, roles, secrecy, tracing
from stack.machine import Failure
from stack.platform import Platform

# On the plain variant, in this order; each gets the platform and a path of a session that trades.
PLAIN = {
    "commands": commands.check,
    "docs": docs.check,
    "doctor": doctor.check,
    "roles": roles.check,
    "keys": keys.check,
    "connect": connect.check,
    "tracing": tracing.check,
    "monitoring": monitoring.check,
    "backup": backup.check,
    "fuzz": fuzz.check,
    "idle": idle.check,
}


def step(text: str) -> None:
    print(f"\n-- {text}", flush=True)


def plain(arguments, work: Path, parts: list[str]) -> None:
    platform = start("plain", arguments, work)
    tools = {"connect": [arguments.connect_file],
             "tracing": [arguments.otel_collector, arguments.jaeger]}
    try:
        session = platform.trade()
        for name, check in PLAIN.items():
            if name in parts:
                step(name)
                began = time.monotonic()
                check(platform, session, *tools.get(name, []))
                print(f"{name}: all right ({time.monotonic() - began:.0f} s)", flush=True)
        platform.stop()
        secrecy.check(platform)
    finally:
        platform.kill()


def secure(arguments, work: Path) -> None:
    step("secured")
    platform = start("secure", arguments, work)
    try:
        platform.trade()
        commands.check_secured(platform)
        connect.check_secured(platform, arguments.connect_file)
        platform.stop()
        secrecy.check(platform)
    finally:
        platform.kill()


def start(variant: str, arguments, work: Path) -> Platform:
    began = time.monotonic()
    model = json.loads((arguments.models / f"{variant}.json").read_text())
    platform = Platform(variant, model, work, arguments.binaries, arguments.jmx_exporter)
    try:
        platform.set_up()
        platform.start()
    except BaseException:
        platform.kill()
        raise
    print(f"{variant}: up after {time.monotonic() - began:.0f} s", flush=True)
    return platform


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--jmx-exporter", type=Path, required=True)
    parser.add_argument("--connect-file", type=Path, required=True)
    parser.add_argument("--otel-collector", type=Path, required=True)
    parser.add_argument("--jaeger", type=Path, required=True)
    every = [*PLAIN, "secure"]
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(every))
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(every):
        parser.error(f"there are no parts {unknown}")
    parts = arguments.parts or every
    with tempfile.TemporaryDirectory() as work:
        try:
            if any(part in PLAIN for part in parts):
                plain(arguments, Path(work), parts)
            if "secure" in parts:
                secure(arguments, Path(work))
        except Failure as failure:
            traceback.print_tb(failure.__traceback__)
            print(f"\nwrong: {failure}", flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
