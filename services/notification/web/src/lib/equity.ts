import type { EquityPoint } from "./types";

/** One value a second, the last of each: the chart's time axis has no finer step. */
export function equityLine(points: readonly EquityPoint[]): { time: number; value: number }[] {
  const line: { time: number; value: number }[] = [];
  for (const point of points) {
    const time = Math.floor(Date.parse(point.timestamp) / 1000);
    if (!Number.isFinite(time)) continue;
    const last = line.at(-1);
    if (last && time <= last.time) last.value = point.equity;
    else line.push({ time, value: point.equity });
  }
  return line;
}
