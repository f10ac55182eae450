import { equityLine, valueAt, type LinePoint } from "./equity";
import type { EquityPoint, Session } from "./types";

/** Midnight in the reader's zone, in epoch seconds. */
export function midnight(now: Date, timeZone: string | undefined): number {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone,
    hourCycle: "h23",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(now);
  const part = (type: string) => Number(parts.find((item) => item.type === type)?.value ?? 0);
  const passed = part("hour") * 3600 + part("minute") * 60 + part("second");
  return Math.floor(now.getTime() / 1000) - passed;
}

/** A session's equity when the day began: its balance, if it began later. */
export function equityAt(
  session: Session,
  points: readonly EquityPoint[],
  second: number,
): { value: number; line: LinePoint[] } {
  const line = equityLine(points);
  const value = valueAt(line, second);
  if (value !== null) return { value, line };
  // The kept points begin after midnight: of an older session the first of them is the nearest.
  const begun = session.started_at ? Date.parse(session.started_at) / 1000 : second;
  return { value: begun < second ? (line[0]?.value ?? session.initial_balance) : session.initial_balance, line }; // prettier-ignore
}
