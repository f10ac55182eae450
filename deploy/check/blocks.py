"""The blocks of commands in the documentation: which of them are run, and why others aren't.

A block of ```bash, ```sh or ```console is run by part `docs` of deploy/stack.sh, unless the line before
it says `<!-- not run: REASON -->`. What can be run is what RUNNABLE knows; check-docs.py refuses others.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from facts import ROOT, RUNNING

SKIPPED = {"node_modules", "target", ".git"}
BLOCK = re.compile(r"^(?: *<!-- not run: (?P<reason>.+?) -->\n)?(?P<indent> *)```(?:bash|sh|console)\n"
                   r"(?P<text>.*?)^ *```", re.M | re.S)
SERVICE = rf"(?:{'|'.join([*RUNNING, 'SERVICE'])})"
RUNNABLE = re.compile(
    rf"""algotrade\s
    | (?:ALGOTRADE__\w+=\S+\s)?{SERVICE}\ --print-config
    | docker-compose\ exec\ (?:-T\ )?(?:kafka\ kafka-|{SERVICE}\ (?:{SERVICE}|algotrade)\ )
    | docker-compose\ (?:logs|ps)\b
    | docker-compose\ run\ --rm\ (?:kafka-setup|database-setup|secrets-init)\b
    | \w+=\$\(docker-compose\ exec
    | curl\ .*http://localhost:8080/v1/ops/
    | df\ -h$
    """, re.X)
# What stands for a name.
PLACEHOLDERS = {"SERVICE": "strategy", "GROUP": "strategy-service"}


@dataclass
class Block:
    """A block of commands."""

    path: Path
    line: int
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[str]:
        """Its commands, each on one line and without a comment at its end."""
        joined = self.text.replace("\\\n", " ")
        lines = [re.sub(r"\s+#\s.*$", "", line).strip() for line in joined.splitlines()]
        return [re.sub(r"\s+", " ", line) for line in lines if line and not line.startswith("#")]


def blocks() -> list[Block]:
    found = []
    for path in sorted(ROOT.rglob("*.md")):
        if SKIPPED & set(path.parts):
            continue
        text = path.read_text()
        for match in BLOCK.finditer(text):
            line = text[: match.start("indent")].count("\n") + 1
            body = textwrap.dedent(match["text"])
            found.append(Block(path, line, body, match["reason"]))
    if len(found) < 50:
        raise SystemExit(f"found only {len(found)} blocks of commands in the documentation")
    return found


def problems() -> list[str]:
    """Blocks that nobody runs, though they don't say why; and marks without a block."""
    wrong = []
    for block in blocks():
        if block.reason is not None:
            continue
        wrong += [f"{block.place}: `{command}` can't be run by deploy/check/stack/docs.py: mark the "
                  "block `<!-- not run: REASON -->`, or teach it"
                  for command in block.commands() if not RUNNABLE.match(command)]
    marks = sum(path.read_text().count("\n<!-- not run: ") + len(
        re.findall(r"^ +<!-- not run: ", path.read_text(), re.M))
        for path in {block.path for block in blocks()})
    marked = sum(block.reason is not None for block in blocks())
    if marks != marked:
        wrong.append(f"{marks} marks `not run`, but {marked} marked blocks of commands")
    return wrong
