import { expect, test } from "vitest";
import { drawdownLine, equityLine, holdLine, thinned, totalLine, valueAt } from "./equity";
import type { EquityPoint } from "./types";

const point = (second: number, equity: number, price = 10): EquityPoint => ({
  timestamp: new Date(second * 1000).toISOString(),
  price,
  cash: 0,
  position: 0,
  equity,
  sequence: second,
});

test("several values within a second leave the last", () => {
  expect(equityLine([point(1, 5), point(1.4, 6), point(2, 7)])).toEqual([
    { time: 1, value: 6 },
    { time: 2, value: 7 },
  ]);
});

test("buy and hold follows the price from the first one", () => {
  const line = holdLine([point(1, 100, 10), point(2, 100, 15)], 100);
  expect(line.map(({ value }) => value)).toEqual([100, 150]);
  expect(holdLine([], 100)).toEqual([]);
});

test("the drawdown is measured from the highest value so far", () => {
  const line = [100, 120, 90, 130].map((value, time) => ({ time, value }));
  expect(drawdownLine(line).map(({ value }) => value)).toEqual([0, 0, -25, 0]);
});

test("sessions add up, each with its balance before its first value", () => {
  const total = totalLine([
    { initial: 100, line: [{ time: 1, value: 110 }] },
    { initial: 50, line: [{ time: 1, value: 40 }, { time: 3, value: 60 }] }, // prettier-ignore
  ]);
  expect(total).toEqual([
    { time: 1, value: 150 },
    { time: 3, value: 170 },
  ]);
  expect(valueAt(total, 2)).toBe(150);
  expect(valueAt(total, 0)).toBeNull();
});

test("a thinned list keeps its ends", () => {
  const items = Array.from({ length: 1000 }, (_, index) => index);
  const few = thinned(items, 10);
  expect([few.length, few[0], few.at(-1)]).toEqual([10, 0, 999]);
  expect(thinned([1, 2], 10)).toEqual([1, 2]);
});
