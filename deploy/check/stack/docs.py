"""Runs the blocks of commands in the documentation (deploy/check/blocks.py) against the running stack.

`docker-compose`, `algotrade`, `curl` and the services are small scripts in front of everything else on
the PATH: they do with the processes of this machine what they would do with containers.
"""

import json
import re
import subprocess
import sys

import blocks
from facts import PROGRAMS, ROOT, RUNNING
from stack.machine import Failure

SECONDS = 90
# Of commands that go on for ever.
ENDLESS = re.compile(r"--watch|--follow|logs -f")
ENDLESS_SECONDS = 4
# Exit codes that are right, by a part of the command; else 0.
CODES = {
    "| grep": (0, 1),  # nothing found
    "doctor": (0, 1),  # something found
    "| jq": (0,),
    "setup --kafka": (0, 2),  # something differs
}
# What a wrong command line answers.
MISUSED = re.compile(r"^(error: |Usage: )|command not found|Missing required argument", re.M)


def check(platform, _session) -> None:
    shims = Shims(platform)
    done = set()
    count = 0
    for block in blocks.blocks():
        if block.reason is not None:
            continue
        commands = block.commands()
        if len(commands) == 1 or not any("$" in command for command in commands):
            commands = [command for command in commands if command not in done]
        shims.run(block.place, commands)
        done |= set(commands)
        count += 1
    skipped = sum(block.reason is not None for block in blocks.blocks())
    print(f"  {count} blocks with {len(done)} different commands; {skipped} blocks are marked `not run`")


class Shims:
    """The folder in which the commands run, and what they find on their PATH."""

    def __init__(self, platform) -> None:
        self.platform = platform
        self.folder = platform.folder / "docs"
        self.path = self.folder / "path"
        self.path.mkdir(parents=True)
        line, tools = platform.broker.tool("kafka-topics")
        description = {
            "binaries": str(platform.binaries), "root": str(ROOT), "logs": str(platform.folder),
            "kafka": {"path": line[0].rpartition("/")[0], "environment": tools,
                      "port": platform.broker.ports["INTERNAL"]},
            "host_port": platform.broker.ports["HOST"],
            "programs": PROGRAMS,
            "environment": {name: platform.environment(name) for name in [*RUNNING, "kafka-setup"]},
            "secrets": {"SECRETS_DIR": str(platform.secrets), **platform.owners(),
                        "AUTH_KEY_WAIT": "6"},
            "postgres": {**platform.postgres, "SECRETS_DIR": str(platform.secrets)},
            "ops": platform.url("ops"),
            "services": sorted(platform.services),
        }
        (self.folder / "platform.json").write_text(json.dumps(description))
        shim = ROOT / "deploy/check/stack/shim.py"
        for name in ["docker-compose", "algotrade", "curl", *RUNNING]:
            script = self.path / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{shim}" '
                              f'"{self.folder}/platform.json" {name} "$@"\n')
            script.chmod(0o755)
        self.files()

    def files(self) -> None:
        """What the pages speak of: a script, a drawing."""
        page = (ROOT / "docs/strategy-script.md").read_text()
        (self.folder / "mine.py").write_text(re.search("```python\n(.*?)```", page, re.S).group(1))
        token = self.platform.token("alice")
        templates = self.platform.call("GET", "strategy", "/v1/templates", token)["items"]
        [source] = [each["source"] for each in templates if each["key"] == "sma_crossover"]
        (self.folder / "old.json").write_text(json.dumps(source))

    def run(self, place: str, commands: list[str]) -> None:
        """The commands of a block, in one shell."""
        if not commands:
            return
        lines = ["fail() { echo \"FAILED $1: $2\"; exit 99; }"]
        for number, command in enumerate(commands):
            for name, meaning in blocks.PLACEHOLDERS.items():
                command = re.sub(rf"\b{name}\b", meaning, command)
            codes = next((codes for part, codes in CODES.items() if part in command), (0,))
            if ENDLESS.search(command):
                command = f"timeout {ENDLESS_SECONDS} {command}"
                codes = (*codes, 124)
            right = "|".join(str(code) for code in codes)
            lines += [command, f'code=$?; case $code in {right}) ;; *) fail {number} $code;; esac']
        answer = subprocess.run(
            ["bash", "-c", "\n".join(lines)], cwd=self.folder, capture_output=True, text=True,
            env={"PATH": f"{self.path}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder),
                 "USER": "olivia"}, check=False, timeout=SECONDS * len(commands))
        told = answer.stdout[-1500:] + answer.stderr[-1500:]
        if answer.returncode != 0:
            raise Failure(f"{place}: {commands}: {answer.returncode}:\n{told}")
        if found := MISUSED.search(answer.stderr):
            raise Failure(f"{place}: {commands}: {found.group(0)}:\n{told}")
