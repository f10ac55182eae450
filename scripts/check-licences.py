#!/usr/bin/env python3
"""Checks every dependency's licence against deny.toml, in a second.

`cargo deny check` does more; this is what runs everywhere.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def packages() -> list[dict]:
    """All that the lock file names, of every feature and platform."""
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"],
        cwd=ROOT, check=True, capture_output=True, text=True)
    metadata = json.loads(answer.stdout)
    own = set(metadata["workspace_members"])
    return [package for package in metadata["packages"] if package["id"] not in own]


def satisfied(expression: str, allowed: set[str]) -> bool:
    """An SPDX expression of OR, AND, WITH and parentheses; `/` is an old way to write OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def term() -> bool:
        nonlocal position
        token = tokens[position]
        position += 1
        if token == "(":
            value = either()
            position += 1
            return value
        if tokens[position : position + 1] == ["WITH"]:
            token = f"{token} WITH {tokens[position + 1]}"
            position += 2
        return token in allowed or token.rstrip("+") in allowed

    def both() -> bool:
        nonlocal position
        value = term()
        while tokens[position : position + 1] == ["AND"]:
            position += 1
            value = term() and value
        return value

    def either() -> bool:
        nonlocal position
        value = both()
        while tokens[position : position + 1] == ["OR"]:
            position += 1
            value = both() or value
        return value

    return either()


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]
    exceptions = {rule["crate"]: set(rule["allow"]) for rule in rules["exceptions"]}
    clarified = {rule["crate"]: rule["expression"] for rule in rules["clarify"]}
    found = packages()
    wrong = []
    for package in found:
        name = package["name"]
        expression = clarified.get(name) or package["license"] or "none"
        if not satisfied(expression, set(rules["allow"]) | exceptions.get(name, set())):
            wrong.append(f"{name} {package['version']}: {expression}")
    names = {package["name"] for package in found}
    wrong += [f"deny.toml excepts {name}, which nothing uses"
              for name in sorted({*exceptions, *clarified} - names)]
    for problem in wrong:
        print(f"  wrong: {problem}")
    print(f"licences: {len(found)} dependencies, {f'{len(wrong)} wrong' if wrong else 'all right'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
