#!/usr/bin/env python3
"""Checks the documentation: links lead somewhere, the book has every page, commands exist, and each
block of commands is run by a test or says why it isn't.

Only links within the repository: others are not ours to promise.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy/check"))

import blocks  # noqa: E402 - found by the line above

DOCS = ROOT / "docs"
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
SKIPPED = {"node_modules", "target", ".git"}


def pages() -> list[Path]:
    return [path for path in sorted(ROOT.rglob("*.md")) if not SKIPPED & set(path.parts)]


def anchors(text: str) -> set[str]:
    """As GitHub and mdBook make them from headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.M):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        number = 0
        while (numbered := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(numbered)
    return found


def check_links(path: Path) -> list[str]:
    wrong = []
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text()))
    for found in LINK.findall(text):
        link = found[0] or found[1]
        # A crate's README is its rustdoc page, where `(Trade)` is an item.
        if re.match(r"[a-z]+:", link) or not re.search("[./#]", link) or "::" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            wrong.append(f"{path.relative_to(ROOT)}: {link} leads nowhere")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            wrong.append(f"{path.relative_to(ROOT)}: {link}: there is no such heading")
    return wrong


def check_summary() -> list[str]:
    listed = {(DOCS / link).resolve()
              for link, _ in LINK.findall((DOCS / "SUMMARY.md").read_text())}
    here = {path for path in DOCS.rglob("*.md")} - {DOCS / "SUMMARY.md"}
    return [f"docs/SUMMARY.md does not list {path.relative_to(DOCS)}"
            for path in sorted(here - listed)]


def check_commands() -> list[str]:
    """`algotrade X` in a block of commands is one of docs/reference/commands.md."""
    reference = (DOCS / "reference/commands.md").read_text()
    known = set(re.findall(r"^## algotrade (\S+)", reference, re.M))
    wrong = []
    for path in pages():
        for block in FENCE.findall(path.read_text()):
            if not re.match(r"```(bash|sh|console)", block):
                continue
            for command in re.findall(r"^(?:\w+=\S+ )*algotrade ([a-z][\w-]*)", block, re.M):
                if command not in known:
                    wrong.append(f"{path.relative_to(ROOT)}: there is no `algotrade {command}`")
    return wrong


def main() -> int:
    wrong = [problem for path in pages() for problem in check_links(path)]
    wrong += check_summary() + check_commands() + blocks.problems()
    for problem in wrong:
        print(f"  wrong: {problem}")
    print(f"documentation: {len(pages())} pages, {f'{len(wrong)} wrong' if wrong else 'all right'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
