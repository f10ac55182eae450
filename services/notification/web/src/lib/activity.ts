/** What happened in a session, in sentences: its trades with their reasons, and its own events. */
import { money, pair, price, quantity } from "./format";
import type { Ledger } from "./ledger";
import type { Session, SessionEvent, Trade } from "./types";

export interface Entry {
  key: string;
  at: string;
  kind: "buy" | "sell" | "rejected" | "event" | "error";
  what: string;
  why: string | null;
}

const EVENTS: Record<string, string> = {
  SESSION_STARTED: "Session started",
  SESSION_STOPPED: "Session stopped",
  SESSION_PAUSED: "Session paused",
  SESSION_RESUMED: "Session resumed",
  SESSION_ERROR: "Session failed",
};

export function eventName(event: string): string {
  const known = EVENTS[event];
  if (known) return known;
  const words = event.toLowerCase().replace(/_/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function ofTrade(trade: Trade): Entry {
  const buy = trade.action === "BUY";
  const rejected = trade.status === "REJECTED";
  const base = pair(trade.symbol).split("/")[0] ?? trade.symbol;
  const verb = rejected ? (buy ? "Buy of" : "Sale of") : buy ? "Bought" : "Sold";
  const end = rejected ? " rejected" : ` at ${price(trade.price)}, fee ${money(trade.fee)}`;
  return {
    key: trade.trade_id,
    at: trade.timestamp,
    kind: rejected ? "rejected" : buy ? "buy" : "sell",
    what: `${verb} ${quantity(trade.quantity)} ${base}${end}`,
    why: trade.reason ?? null,
  };
}

function ofEvent(event: SessionEvent): Entry {
  return {
    key: `${event.event}-${event.sequence}`,
    at: event.timestamp,
    kind: event.event.includes("ERROR") ? "error" : "event",
    what: eventName(event.event),
    why: event.reason ?? null,
  };
}

/** Newest first, in the session's own order. The start and the end are known without their events. */
export function activityOf(session: Session, ledger: Ledger, complete: boolean): Entry[] {
  const items = [
    ...ledger.trades.map((trade) => ({ sequence: trade.sequence, entry: ofTrade(trade) })),
    ...ledger.events.map((event) => ({ sequence: event.sequence, entry: ofEvent(event) })),
  ];
  items.sort((a, b) => b.sequence - a.sequence);
  const entries = items.map(({ entry }) => entry);
  const heard = (event: string) => ledger.events.some((item) => item.event === event);
  if (session.stopped_at && !heard("SESSION_STOPPED") && !heard("SESSION_ERROR")) {
    const kind = session.status === "ERROR" ? "error" : "event";
    const what = kind === "error" ? "Session failed" : "Session stopped";
    entries.unshift({ key: "end", at: session.stopped_at, kind, what, why: session.status_reason });
  }
  if (complete && session.started_at && !heard("SESSION_STARTED")) {
    const why = `with ${money(session.initial_balance)} USD`;
    entries.push({ key: "start", at: session.started_at, kind: "event", what: "Session started", why }); // prettier-ignore
  }
  return entries;
}
