/**
 * What the session page knows of a session's past: a snapshot over HTTP, joined with pushed
 * events. Both are keyed by `sequence`, so the result is the same in whatever order a slow
 * answer and a quick push arrive, and a repeat changes nothing.
 */
import type { EquityPoint, SessionEvent, SessionStatus, Trade } from "./types";

/** What a page keeps; older rows stay on the server and are paged in on demand. */
export const MAX_TRADES = 5_000;
export const MAX_EQUITY = 6_000;
export const MAX_EVENTS = 500;

export interface Position {
  sequence: number;
  cash: number;
  position: number;
  equity: number | null;
  price: number | null;
}

export interface Ledger {
  /** Newest first. */
  trades: Trade[];
  /** Oldest first. */
  equity: EquityPoint[];
  /** All but equity, newest first: the session's life as far as this page saw it. */
  events: SessionEvent[];
  latest: Position | null;
  status: { sequence: number; value: SessionStatus; reason: string | null } | null;
}

export const EMPTY_LEDGER: Ledger = {
  trades: [],
  equity: [],
  events: [],
  latest: null,
  status: null,
};

/** Merges two lists sorted by `sequence`; for equal ones the first list's item stays. */
function merge<T extends { sequence: number }>(
  kept: readonly T[],
  added: readonly T[],
  direction: 1 | -1,
): T[] {
  if (added.length === 0) return kept as T[];
  const merged: T[] = [];
  let i = 0;
  let j = 0;
  while (i < kept.length || j < added.length) {
    const a = kept[i];
    const b = added[j];
    if (a !== undefined && (b === undefined || (a.sequence - b.sequence) * direction <= 0)) {
      merged.push(a);
      i += 1;
      if (b !== undefined && b.sequence === a.sequence) j += 1;
    } else if (b !== undefined) {
      merged.push(b);
      j += 1;
    }
  }
  return merged;
}

function sorted<T extends { sequence: number }>(items: readonly T[], direction: 1 | -1): T[] {
  return [...items].sort((a, b) => (a.sequence - b.sequence) * direction);
}

function newer(current: Position | null, next: Position | null): Position | null {
  if (!next) return current;
  if (!current || next.sequence > current.sequence) return next;
  return current;
}

function positionOfTrade(trade: Trade): Position | null {
  if (trade.cash == null || trade.position == null) return null;
  return {
    sequence: trade.sequence,
    cash: trade.cash,
    position: trade.position,
    equity: trade.cash + trade.position * trade.price,
    price: trade.price,
  };
}

function positionOfPoint(point: EquityPoint): Position {
  const { sequence, cash, position, equity, price } = point;
  return { sequence, cash, position, equity, price };
}

export function addTrades(ledger: Ledger, trades: readonly Trade[]): Ledger {
  if (trades.length === 0) return ledger;
  const fresh = sorted(trades, -1);
  const newest = fresh[0];
  return {
    ...ledger,
    trades: merge(ledger.trades, fresh, -1).slice(0, MAX_TRADES),
    latest: newer(ledger.latest, newest ? positionOfTrade(newest) : null),
  };
}

export function addEquity(ledger: Ledger, points: readonly EquityPoint[]): Ledger {
  if (points.length === 0) return ledger;
  const fresh = sorted(points, 1);
  const newest = fresh.at(-1);
  return {
    ...ledger,
    equity: merge(ledger.equity, fresh, 1).slice(-MAX_EQUITY),
    latest: newer(ledger.latest, newest ? positionOfPoint(newest) : null),
  };
}

export const STATUS_AFTER: Record<string, SessionStatus | undefined> = {
  SESSION_STARTED: "RUNNING",
  SESSION_RESUMED: "RUNNING",
  SESSION_PAUSED: "PAUSED",
  SESSION_STOPPED: "STOPPED",
  SESSION_ERROR: "ERROR",
};

export function addEvent(ledger: Ledger, event: SessionEvent): Ledger {
  let next = ledger;
  if (event.equity) {
    const { price, cash, position, equity } = event.equity;
    const { sequence, timestamp } = event;
    next = addEquity(next, [{ sequence, timestamp, price, cash, position, equity }]);
  }
  if (event.event !== "EQUITY") {
    next = { ...next, events: merge(next.events, [event], -1).slice(0, MAX_EVENTS) };
  }
  const value = STATUS_AFTER[event.event];
  if (value && (!next.status || event.sequence > next.status.sequence)) {
    const reason = event.reason ?? null;
    next = { ...next, status: { sequence: event.sequence, value, reason } };
  }
  return next;
}

export interface Performance {
  wins: number;
  closed: number;
  /** Share of closing trades with a gain, 0 to 1; null before the first. */
  winRate: number | null;
  /** Deepest fall from a peak of the equity curve, as a positive percentage. */
  maxDrawdownPct: number | null;
}

export function performance(ledger: Ledger): Performance {
  let wins = 0;
  let closed = 0;
  for (const trade of ledger.trades) {
    if (trade.status !== "FILLED" || trade.action !== "SELL") continue;
    closed += 1;
    if ((trade.realized_pnl ?? 0) > 0) wins += 1;
  }
  let peak = Number.NEGATIVE_INFINITY;
  let deepest = 0;
  for (const point of ledger.equity) {
    peak = Math.max(peak, point.equity);
    if (peak > 0) deepest = Math.max(deepest, (peak - point.equity) / peak);
  }
  return {
    wins,
    closed,
    winRate: closed ? wins / closed : null,
    maxDrawdownPct: ledger.equity.length ? deepest * 100 : null,
  };
}
