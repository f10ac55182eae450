/** Candles continued by ticks, and trades placed on them. Times are event times throughout. */
import { secondOf } from "./seconds";
import type { Candle, Tick, Trade } from "./types";

/** Seconds of each interval that the page offers. */
export const INTERVALS = {
  "1s": 1,
  "5s": 5,
  "15s": 15,
  "1m": 60,
  "5m": 300,
  "15m": 900,
  "1h": 3_600,
  "1d": 86_400,
} as const;

export type Interval = keyof typeof INTERVALS;

/** A server gives fewer where it keeps fewer. */
export const MAX_CANDLES = 10_000;

/**
 * Puts a tick into the newest candle or begins the next, in place, and returns that candle.
 * Null for a tick older than the newest candle: it is in a candle already read or will be.
 */
export function addTick(candles: Candle[], tick: Tick, seconds: number): Candle | null {
  const stamp = Date.parse(tick.timestamp) / 1000;
  if (!Number.isFinite(stamp)) return null;
  const time = Math.floor(stamp / seconds) * seconds;
  const last = candles.at(-1);
  if (last && time < last.time) return null;
  const { price, volume } = tick;
  if (last && time === last.time) {
    last.high = Math.max(last.high, price);
    last.low = Math.min(last.low, price);
    last.close = price;
    last.volume += volume;
    return last;
  }
  const next = { time, open: price, high: price, low: price, close: price, volume };
  candles.push(next);
  if (candles.length > MAX_CANDLES) candles.shift();
  return next;
}

export interface Mark {
  time: number;
  action: "BUY" | "SELL";
  count: number;
}

/** One mark per bar and side; trades before the first bar have no place on the chart. */
export function markersOf(candles: readonly Candle[], trades: readonly Trade[]): Mark[] {
  const first = candles[0];
  if (!first) return [];
  const marks = new Map<string, Mark>();
  for (const trade of trades) {
    if (trade.status !== "FILLED") continue;
    const time = barAt(candles, secondOf(trade));
    if (time === null) continue;
    const key = `${time}:${trade.action}`;
    const mark = marks.get(key);
    if (mark) mark.count += 1;
    else marks.set(key, { time, action: trade.action, count: 1 });
  }
  return [...marks.values()].sort((a, b) => a.time - b.time);
}

/** The last bar that starts at or before the given second; bars may be missing in between. */
function barAt(candles: readonly Candle[], second: number): number | null {
  let low = 0;
  let high = candles.length - 1;
  let found: number | null = null;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const time = candles[middle]?.time ?? 0;
    if (time <= second) {
      found = time;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found;
}
