import { secondOf } from "./seconds";
import type { EquityPoint } from "./types";

export interface LinePoint {
  time: number;
  value: number;
}

/** One value a second, the last of each: the chart's time axis has no finer step. */
export function equityLine(points: readonly EquityPoint[]): LinePoint[] {
  return secondly(points, (point) => point.equity);
}

function secondly(
  points: readonly EquityPoint[],
  pick: (point: EquityPoint) => number,
): LinePoint[] {
  const line: LinePoint[] = [];
  for (const point of points) {
    const time = Math.floor(secondOf(point));
    if (!Number.isFinite(time)) continue;
    const last = line.at(-1);
    if (last && time <= last.time) last.value = pick(point);
    else line.push({ time, value: pick(point) });
  }
  return line;
}

/** What the starting balance would be worth, had it bought at the first price and held. */
export function holdLine(points: readonly EquityPoint[], initial: number): LinePoint[] {
  const first = points[0]?.price;
  if (!first) return [];
  return secondly(points, (point) => (initial * point.price) / first);
}

/** The fall from the highest value so far, in percent: 0 or negative. */
export function drawdownLine(line: readonly LinePoint[]): LinePoint[] {
  let peak = Number.NEGATIVE_INFINITY;
  return line.map(({ time, value }) => {
    peak = Math.max(peak, value);
    return { time, value: peak > 0 ? (value / peak - 1) * 100 : 0 };
  });
}

/** Each value as its change from the first in percent: for curves of different balances. */
export function percentLine(line: readonly LinePoint[], initial: number): LinePoint[] {
  return line.map(({ time, value }) => ({ time, value: (value / initial - 1) * 100 }));
}

/**
 * The curves of several sessions added up: at each change, every session counts with its last
 * known value, and with its starting balance before its first.
 */
export function totalLine(
  sessions: readonly { initial: number; line: readonly LinePoint[] }[],
): LinePoint[] {
  const changes = sessions
    .flatMap(({ line }, session) => line.map(({ time, value }) => ({ time, value, session })))
    .sort((a, b) => a.time - b.time);
  const current = sessions.map(({ initial }) => initial);
  let total = current.reduce((sum, value) => sum + value, 0);
  const result: LinePoint[] = [];
  for (const { time, value, session } of changes) {
    total += value - (current[session] ?? 0);
    current[session] = value;
    const last = result.at(-1);
    if (last?.time === time) last.value = total;
    else result.push({ time, value: total });
  }
  return result;
}

/** The value at a time: the last one at or before it. */
export function valueAt(line: readonly LinePoint[], time: number): number | null {
  let found: number | null = null;
  for (const point of line) {
    if (point.time > time) break;
    found = point.value;
  }
  return found;
}

/** Evenly thinned to at most `most` points; the first and the last stay. */
export function thinned<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  const step = (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => items[Math.round(index * step)] as T);
}
