/** How pushed events keep what was read fresh until the next read. */
import type { QueryClient } from "@tanstack/react-query";
import { STATUS_AFTER } from "./ledger";
import { onPush, onReload } from "./live";
import { Store } from "./store";
import type { Notice, Push, Session, Trade } from "./types";

/** A session as an event leaves it. Counters aren't in events and come with the next read. */
export function patchSession(session: Session, push: Push): Session {
  if (push.event === "user-notification" || push.payload.session_id !== session.id) return session;
  let { cash, position, equity, last_price: lastPrice, status } = session;
  let reason = session.status_reason;
  if (push.event === "trade-execution") {
    const trade = push.payload;
    cash = trade.cash ?? cash;
    position = trade.position ?? position;
    lastPrice = trade.price;
    equity = cash + position * trade.price;
  } else {
    const event = push.payload;
    if (event.equity) {
      ({ cash, position, equity } = event.equity);
      lastPrice = event.equity.price;
    }
    status = STATUS_AFTER[event.event] ?? status;
    reason = event.reason ?? reason;
  }
  const initial = session.initial_balance;
  const returnPct = initial > 0 ? (equity / initial - 1) * 100 : session.return_pct;
  return {
    ...session,
    cash,
    position,
    equity,
    last_price: lastPrice,
    status,
    status_reason: reason,
    return_pct: returnPct,
  };
}

const MAX_FILLS = 50;

/** The latest trades over all sessions as they were pushed, newest first. */
export const pushedTrades = new Store<readonly Trade[]>([]);
/** The latest notice, for the toast. */
export const latestNotice = new Store<Notice | null>(null);

/** How soon after an event counters are read again; many events within it cost one read. */
const REFRESH_MS = 1_500;
/** Many pushes at once become one change of the cache. */
const BATCH_MS = 100;

/** Keeps the cache in step with pushes; called once, and undone by what it returns. */
export function followPushes(client: QueryClient): () => void {
  let batch: Push[] = [];
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  const stale = new Set<string>();
  let refreshTimer: ReturnType<typeof setTimeout> | undefined;

  const refresh = () => {
    refreshTimer = undefined;
    void client.invalidateQueries({ queryKey: ["sessions"], exact: true });
    for (const id of stale) {
      void client.invalidateQueries({ queryKey: ["sessions", id], exact: true });
    }
    stale.clear();
  };

  const flush = () => {
    flushTimer = undefined;
    const pushes = batch;
    batch = [];
    const patch = (session: Session) => pushes.reduce(patchSession, session);
    client.setQueryData<Session[]>(["sessions"], (sessions) => sessions?.map(patch));
    for (const id of new Set(pushes.map(sessionOf))) {
      if (id === null) continue;
      client.setQueryData<Session>(["sessions", id], (session) => session && patch(session));
      stale.add(id);
    }
    const trades = pushes.flatMap((push) =>
      push.event === "trade-execution" ? [push.payload] : [],
    );
    if (trades.length > 0) {
      pushedTrades.set([...trades.reverse(), ...pushedTrades.get()].slice(0, MAX_FILLS));
    }
    refreshTimer ??= setTimeout(refresh, REFRESH_MS);
  };

  const stopPushes = onPush((push) => {
    if (push.event === "user-notification") {
      latestNotice.set(push.payload);
      void client.invalidateQueries({ queryKey: ["notifications"] });
      return;
    }
    batch.push(push);
    flushTimer ??= setTimeout(flush, BATCH_MS);
  });
  const stopReloads = onReload((sessionId) => {
    void client.invalidateQueries(sessionId === null ? {} : { queryKey: ["sessions", sessionId] });
  });
  return () => {
    stopPushes();
    stopReloads();
    clearTimeout(flushTimer);
    clearTimeout(refreshTimer);
  };
}

function sessionOf(push: Push): string | null {
  return push.event === "user-notification" ? null : push.payload.session_id;
}
