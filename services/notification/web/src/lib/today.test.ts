import { expect, test } from "vitest";
import { equityAt, midnight } from "./today";
import type { EquityPoint, Session } from "./types";

test("the day begins at midnight in the reader's zone", () => {
  const now = new Date("2026-03-10T01:30:05Z");
  expect(midnight(now, "UTC")).toBe(Date.parse("2026-03-10T00:00:00Z") / 1000);
  expect(midnight(now, "America/New_York")).toBe(Date.parse("2026-03-09T04:00:00Z") / 1000);
});

test("equity at midnight is the last before it, or the balance of what began later", () => {
  const point = (time: string, equity: number) => ({ timestamp: time, equity }) as EquityPoint;
  const points = [point("2026-03-09T23:00:00Z", 90), point("2026-03-10T01:00:00Z", 95)];
  const second = Date.parse("2026-03-10T00:00:00Z") / 1000;
  const session = { initial_balance: 100, started_at: "2026-03-09T22:00:00Z" } as Session;
  expect(equityAt(session, points, second).value).toBe(90);
  expect(equityAt(session, points.slice(1), second).value).toBe(95);
  const later = { ...session, started_at: "2026-03-10T00:30:00Z" };
  expect(equityAt(later, points.slice(1), second).value).toBe(100);
});
