import { expect, test } from "vitest";
import { deviation, ema, overlaysOf, rsi, sampled, sma, wma, type Bar } from "./indicators";
import type { Graph } from "./types";

const VALUES = [1, 2, 3, 4, 5, 4];
const bars: Bar[] = VALUES.map((close, index) => ({
  time: index * 60,
  open: close,
  high: close + 1,
  low: close - 1,
  close,
  volume: 1,
}));

test("averages begin with the period-th value, as the engine's do", () => {
  expect(sma(VALUES, 3)).toEqual([NaN, NaN, 2, 3, 4, 13 / 3]);
  expect(ema(VALUES, 3)).toEqual([NaN, NaN, 2, 3, 4, 4]);
  expect(wma(VALUES, 2).slice(1, 3)).toEqual([5 / 3, 8 / 3]);
  expect(deviation([2, 4, 4, 4, 5, 5, 7, 9], 8)[7]).toBe(2);
});

test("RSI is Wilder's: 100 without a loss, and its seed is the mean of the first changes", () => {
  expect(rsi([1, 2, 3, 4], 3)).toEqual([NaN, NaN, NaN, 100]);
  expect(rsi([1, 2, 1, 2], 3)[3]).toBeCloseTo(200 / 3, 10);
  expect(rsi([1, 1, 1], 2)[2]).toBe(0);
});

const node = (id: string, type: string, data = {}) => ({ id, type, data });
const graph: Graph = {
  nodes: [
    node("p", "priceNode"),
    node("fast", "smaNode", { period: 2 }),
    node("same", "smaNode", { period: 2 }),
    node("of-average", "emaNode", { period: 2 }),
    node("bands", "bollingerBandsNode", { period: 3 }),
    node("rsi", "rsiNode"),
    node("broken", "smaNode", { period: "many" }),
  ],
  edges: [
    { source: "p", target: "fast" },
    { source: "p", target: "same" },
    { source: "fast", target: "of-average" },
    { source: "p", target: "bands" },
    { source: "p", target: "rsi" },
    { source: "p", target: "broken" },
  ],
};

test("lines are those of nodes over a price, each once, with their presets", () => {
  const overlays = overlaysOf(graph, bars);
  expect(overlays.map((item) => [item.label, item.pane])).toEqual([
    ["SMA 2", "price"],
    ["Bollinger bands 3 upper", "price"],
    ["Bollinger bands 3 middle", "price"],
    ["Bollinger bands 3 lower", "price"],
    ["RSI 14", "rsi"],
  ]);
  const [, upper, middle, lower] = overlays;
  expect((upper?.values[2] ?? 0) - (middle?.values[2] ?? 0)).toBeCloseTo(2 * Math.sqrt(2 / 3), 10);
  expect((upper?.values[2] ?? 0) + (lower?.values[2] ?? 0)).toBeCloseTo(4, 10);
});

test("values of trades are sampled at the end of each bar", () => {
  const ticks = [{ second: 59 }, { second: 60 }, { second: 61 }, { second: 190 }];
  expect(sampled([{ time: 60 }, { time: 120 }, { time: 180 }], ticks, [1, 2, 3, 4])).toEqual([
    3,
    NaN,
    4,
  ]);
});
