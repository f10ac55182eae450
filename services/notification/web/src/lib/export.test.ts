import { expect, test } from "vitest";
import { cell, tradesCsv } from "./export";
import type { Trade } from "./types";

test("cells are quoted where they must be, and are never formulas", () => {
  expect(cell('a "b", c')).toBe('"a ""b"", c"');
  expect(cell("=HYPERLINK(1)")).toBe("'=HYPERLINK(1)");
  expect(cell(-1.5)).toBe("-1.5");
  expect(cell(null)).toBe("");
});

test("a file has a head and a row for each trade", () => {
  const trade = { sequence: 3, action: "BUY", reason: "up, and away" } as Trade;
  const [head, row, end] = tradesCsv([trade]).split("\r\n");
  expect(head).toMatch(/^sequence,timestamp,.*,trade_id$/);
  expect(row).toBe('3,,,BUY,,,,,,,,,"up, and away",');
  expect(end).toBe("");
});
