import { expect, test } from "vitest";
import REFERENCE from "../../../../../docs/strategy-script.md?raw";
import { rangeOf, WORDS } from "./script";

const TEXT = 'x = "ü😀"; y = smaa(1)\nwhile True:\n  pass';

test("places in characters become the browser's offsets", () => {
  const { from, to } = rangeOf(TEXT, { line: 1, column: 15, end_line: 1, end_column: 19 });
  expect(TEXT.slice(from, to)).toBe("smaa".slice(0, to - from));
  expect(TEXT.slice(from)).toMatch(/^smaa/);
  const second = rangeOf(TEXT, { line: 2, column: 1 });
  expect(TEXT.slice(second.from, second.to)).toBe("while");
});

test("places outside of the text stay within it", () => {
  for (const place of [{ line: 99, column: 99 }, { line: 0, column: 0 }, {}]) {
    const { from, to } = rangeOf(TEXT, place);
    expect(from).toBeLessThanOrEqual(to);
    expect(to).toBeLessThanOrEqual(TEXT.length);
  }
});

test("every word stands once", () => {
  expect(new Set(WORDS.map((word) => word.label)).size).toBe(WORDS.length);
});

test("the functions offered are those that the compiler knows", () => {
  const rows =
    REFERENCE.split("<!-- functions -->")[1]?.split("## What the compiler says")[0] ?? "";
  const known = [...rows.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name);
  const offered = WORDS.filter((word) => word.kind === "function").map((word) => word.label);
  // `range` is offered as a word of `for`.
  const alone = new Set(["range"]);
  expect(known.length).toBeGreaterThan(50);
  expect(offered.toSorted()).toEqual(known.filter((name) => !alone.has(name ?? "")).toSorted());
});
