#!/usr/bin/env python3
"""Checks that migrations are forward only and safe beside the previous version.

While an upgrade runs, services of the previous version work on tables that are migrated already, and
after a rollback they do for good. So a migration adds, and takes nothing away that they use. What must
go is first left alone by one release and removed by the next; such a statement is preceded by a line
`-- compatible: REASON`.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["services/*/migrations", "crates/*/migrations"]
NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
REASON = "-- compatible: "

# What breaks the previous version, or stops the table for it. A pattern sees one statement in capitals.
FORBIDDEN = {
    r"\bDROP (TABLE|VIEW|SCHEMA|FUNCTION|SEQUENCE|TYPE)\b": "takes away what the previous version uses",
    r"\bDROP COLUMN\b|\bDROP (IF EXISTS )?(?!CONSTRAINT|DEFAULT|NOT NULL|EXPRESSION|IDENTITY|INDEX|TRIGGER)"
    r"\w+(?=,|$)": "takes a column away that the previous version reads and writes",
    r"\bRENAME\b": "the previous version knows the old name only",
    r"\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b": "the previous version reads and writes the old type, and "
                                                 "the table is locked while it is rewritten",
    r"\bSET NOT NULL\b": "the previous version may write NULL",
    r"\bTRUNCATE\b|\bDELETE FROM\b": "takes away rows that the previous version uses",
    r"\bADD (CONSTRAINT \S+ )?(CHECK|UNIQUE|FOREIGN KEY|PRIMARY KEY|EXCLUDE)\b":
        "the previous version may write what it refuses",
    r"\bCREATE UNIQUE INDEX\b": "the previous version may write what it refuses",
    r"\bADD (COLUMN )?(IF NOT EXISTS )?(?!CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY|EXCLUDE)"
    r"(?=[^,]*\bNOT NULL\b)(?![^,]*\b(DEFAULT|GENERATED)\b)[^,]*": "the previous version does not give it a value",
}
# The checker's own test: what each of them is told of.
EXAMPLES = [
    ("ALTER TABLE s.t DROP COLUMN a;", "takes a column away"),
    ("ALTER TABLE s.t DROP a;", "takes a column away"),
    ("ALTER TABLE s.t DROP CONSTRAINT a;", None),
    ("ALTER TABLE s.t ALTER COLUMN a DROP NOT NULL;", None),
    ("DROP TABLE s.t;", "takes away what"),
    ("DROP INDEX s.i; CREATE INDEX i ON s.t (a);", None),
    ("ALTER TABLE s.t RENAME COLUMN a TO b;", "old name"),
    ("alter table s.t alter column a type bigint;", "old type"),
    ("ALTER TABLE s.t ALTER a SET NOT NULL;", "may write NULL"),
    ("ALTER TABLE s.t ADD COLUMN a TEXT NOT NULL;", "give it a value"),
    ("ALTER TABLE s.t ADD COLUMN a JSON,\n -- DEFAULT is here\n ADD COLUMN b TEXT NOT NULL;", "give it a value"),
    ("ALTER TABLE s.t ADD COLUMN a TEXT NOT NULL DEFAULT '';", None),
    ("ALTER TABLE s.t ADD COLUMN a TEXT;", None),
    ("ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0);", "what it refuses"),
    ("CREATE UNIQUE INDEX i ON s.t (a);", "what it refuses"),
    ("CREATE TABLE s.n (a TEXT NOT NULL, UNIQUE (a)); CREATE UNIQUE INDEX i ON s.n (a);", None),
    ("DELETE FROM s.t WHERE a = 1;", "takes away rows"),
    ("-- compatible: unused since 0.2\nALTER TABLE s.t DROP COLUMN a;", None),
    ("-- a note that says DROP TABLE\nALTER TABLE s.t ADD COLUMN a TEXT;", None),
    ("CREATE FUNCTION s.f() RETURNS TRIGGER LANGUAGE plpgsql AS $$\nBEGIN\n DELETE FROM s.t;\nEND\n$$;", None),
    ("DO $$\nBEGIN\n DROP TABLE s.t;\nEND\n$$;", "takes away what"),
]


def statements(sql: str) -> list[tuple[str, str]]:
    """Each statement in capitals without its comments, and the comment before it."""
    # The body of a function runs later, on rows of its own version; that of DO runs now.
    sql = re.sub(r"(CREATE (?:OR REPLACE )?FUNCTION .*?AS )\$\$.*?\$\$", r"\1''", sql, flags=re.S | re.I)
    found = []
    for part in sql.split(";"):
        comments = "\n".join(line.strip() for line in part.splitlines() if line.strip().startswith("--"))
        code = " ".join(re.sub(r"--.*", "", line) for line in part.splitlines())
        code = re.sub(r"\s+", " ", code).strip().upper()
        if code:
            found.append((code, comments))
    return found


def problems(sql: str) -> list[str]:
    """What is wrong with a migration."""
    wrong, made = [], set()
    for code, comments in statements(sql):
        if created := re.search(r"\bCREATE TABLE (?:IF NOT EXISTS )?(\S+)", code):
            made.add(created.group(1))
            continue
        target = re.search(r"\b(?:TABLE|ON|FROM) (?:ONLY |IF EXISTS )?([\w.]+)", code)
        if REASON in comments or (target and target.group(1) in made):
            continue
        for pattern, why in FORBIDDEN.items():
            if re.search(pattern, code):
                wrong.append(f"`{code[:90]}` {why}")
                break
    return wrong


def check_itself() -> None:
    for sql, expected in EXAMPLES:
        found = "; ".join(problems(sql))
        if (expected is None and found) or (expected and expected not in found):
            raise SystemExit(f"check-migrations.py is wrong about {sql!r}: {found or 'nothing'}")


def main() -> int:
    check_itself()
    wrong, count = [], 0
    for pattern in FOLDERS:
        for folder in sorted(ROOT.glob(pattern)):
            for path in sorted(folder.iterdir()):
                place = path.relative_to(ROOT)
                count += 1
                if not NAME.match(path.name):
                    wrong.append(f"{place}: is not NNNN_what_it_does.sql; there is no way back")
                else:
                    wrong += [f"{place}: {problem}" for problem in problems(path.read_text())]
    if count < 8:
        wrong.append(f"found only {count} migrations")
    for problem in wrong:
        print(f"  wrong: {problem}")
    print(f"migrations: {count}, {f'{len(wrong)} wrong' if wrong else 'all right'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
