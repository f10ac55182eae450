import { expect, test } from "vitest";
import { addTick, markersOf } from "./candles";
import { equityLine } from "./equity";
import type { Candle, Tick, Trade } from "./types";

const START = 1_764_043_200;
const iso = (seconds: number) => new Date((START + seconds) * 1_000).toISOString();
const tick = (seconds: number, price: number): Tick => ({
  symbol: "BTCUSD",
  price,
  volume: 1,
  timestamp: iso(seconds),
  source: "simulator",
});
const flat = (seconds: number): Candle => ({
  time: START + seconds,
  open: 1,
  high: 1,
  low: 1,
  close: 1,
  volume: 1,
});
const trade = (seconds: number, action: "BUY" | "SELL", more: Partial<Trade> = {}): Trade => ({
  trade_id: `${seconds}${action}`,
  session_id: "s",
  symbol: "BTCUSD",
  action,
  quantity: 1,
  price: 1,
  status: "FILLED",
  timestamp: iso(seconds),
  sequence: 1,
  ...more,
});

test("ticks build candles by event time, and a late one changes nothing", () => {
  const candles: Candle[] = [];
  for (const [second, price] of [
    [0, 10],
    [1, 12],
    [4.9, 9],
    [5, 11],
  ] as const) {
    addTick(candles, tick(second, price), 5);
  }
  expect(addTick(candles, tick(3, 99), 5)).toBeNull();
  expect(candles).toEqual([
    { time: START, open: 10, high: 12, low: 9, close: 9, volume: 3 },
    { time: START + 5, open: 11, high: 11, low: 11, close: 11, volume: 1 },
  ]);
});

test("trades are marked on the bar that holds them, rejected and too old ones nowhere", () => {
  const candles = [flat(0), flat(5), flat(20)];
  const marks = markersOf(candles, [
    trade(21, "SELL"),
    trade(6, "BUY"),
    trade(12, "BUY"),
    trade(-1, "BUY"),
    trade(2, "BUY", { status: "REJECTED" }),
  ]);
  expect(marks).toEqual([
    { time: START + 5, action: "BUY", count: 2 },
    { time: START + 20, action: "SELL", count: 1 },
  ]);
  expect(markersOf([], [trade(1, "BUY")])).toEqual([]);
});

test("the equity line has one value a second, the last", () => {
  const at = (seconds: number, equity: number) => ({
    timestamp: iso(seconds),
    price: 1,
    cash: 1,
    position: 0,
    equity,
    sequence: 1,
  });
  expect(equityLine([at(0, 1), at(0.4, 2), at(1, 3)])).toEqual([
    { time: START, value: 2 },
    { time: START + 1, value: 3 },
  ]);
});
