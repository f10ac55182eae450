#!/usr/bin/env python3
"""Checks where dependencies come from, and which there may not be, against deny.toml, in a second.

`cargo deny check` does the same and asks for advisories besides; this is what runs everywhere.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def metadata() -> dict:
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"],
        cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def problems(found: dict, rules: dict) -> list[str]:
    own = set(found["workspace_members"])
    wrong = []
    # What is asked for by features that this workspace switches on, on any platform.
    used = {node["id"] for node in found["resolve"]["nodes"]}
    banned = {rule["crate"]: rule["reason"] for rule in rules["bans"]["deny"]}
    for package in found["packages"]:
        name = f"{package['name']} {package['version']}"
        if package["id"] in own:
            wrong += [f"{package['name']} takes any version of {dependency['name']}"
                      for dependency in package["dependencies"]
                      if dependency["req"] == "*" and not dependency.get("path")]
            continue
        if package["source"] != CRATES_IO:
            wrong.append(f"{name} comes from {package['source']}")
        if package["name"] in banned and package["id"] in used:
            wrong.append(f"{name} is banned: {banned[package['name']]}")
    return wrong


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    for section, key in [("sources", "unknown-registry"), ("sources", "unknown-git"),
                         ("bans", "wildcards")]:
        if rules[section][key] != "deny":
            raise SystemExit(f"deny.toml: {section}.{key} is no longer `deny`: change this check, too")
    found = metadata()
    wrong = problems(found, rules)
    for problem in wrong:
        print(f"  wrong: {problem}")
    print(f"sources and bans: {len(found['packages'])} packages, "
          f"{f'{len(wrong)} wrong' if wrong else 'all right'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
