import { expect, test } from "vitest";
import { activityOf, eventName } from "./activity";
import { addEvent, addTrades, EMPTY_LEDGER } from "./ledger";
import type { Session, Trade } from "./types";

const session = {
  id: "s",
  status: "STOPPED",
  status_reason: "by the user",
  initial_balance: 100,
  started_at: "2026-01-01T00:00:00Z",
  stopped_at: "2026-01-02T00:00:00Z",
} as Session;
const trade = (sequence: number, status: Trade["status"]): Trade => ({
  trade_id: `t${sequence}`,
  session_id: "s",
  symbol: "BTCUSD",
  action: "BUY",
  quantity: 0.5,
  price: 100,
  status,
  timestamp: "2026-01-01T00:00:01Z",
  fee: 0.1,
  reason: `because ${sequence}`,
  sequence,
});

test("trades and events stand in the session's order, between its start and its end", () => {
  const risk = { session_id: "s", event: "RISK_LIMIT_HIT", sequence: 3, reason: "drawdown" };
  let ledger = addTrades(EMPTY_LEDGER, [trade(2, "FILLED"), trade(4, "REJECTED")]);
  ledger = addEvent(ledger, { ...risk, symbol: "BTCUSD", timestamp: "x" });
  const entries = activityOf(session, ledger, true);
  expect(entries.map(({ kind, what, why }) => [kind, what, why])).toEqual([
    ["event", "Session stopped", "by the user"],
    ["rejected", "Buy of 0.5 BTC rejected", "because 4"],
    ["event", "Risk limit hit", "drawdown"],
    ["buy", "Bought 0.5 BTC at 100.00, fee 0.10", "because 2"],
    ["event", "Session started", "with 100.00 USD"],
  ]);
  expect(activityOf(session, ledger, false).at(-1)?.kind).toBe("buy");
  expect(eventName("SESSION_ERROR")).toBe("Session failed");
});
