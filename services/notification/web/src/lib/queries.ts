/** What the pages read, and how pushed events keep it fresh between reads. */
import {
  keepPreviousData,
  QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { Problem, request } from "./api";
import { onPush, onReload } from "./live";
import { Store } from "./store";
import type {
  Candle,
  EquityPoint,
  Graph,
  Notice,
  Page,
  Product,
  Push,
  Session,
  Status,
  Strategy,
  Subscription,
  Template,
  Trade,
} from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The server is often this very machine: the browser's idea of "offline" says nothing.
      networkMode: "always",
      staleTime: 5_000,
      retry: (failures, error) =>
        failures < 2 && error instanceof Problem && (error.status === 0 || error.status >= 500),
    },
    mutations: { networkMode: "always" },
  },
});

const PAGE = 200;
/** A list longer than this is cut, and the page says so. */
const MAX_PAGES = 5;

async function all<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (cursor) query.set("cursor", cursor);
    const answer = await request<Page<T>>(`${path}?${query.toString()}`, { signal });
    items.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return items;
}

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => request<Status>("/v1/status", { signal }),
  refetchInterval: 30_000,
});

export const productsQuery = queryOptions({
  queryKey: ["products"],
  queryFn: ({ signal }) => all<Product>("/v1/products", signal),
  staleTime: 300_000,
});

export const subscriptionsQuery = queryOptions({
  queryKey: ["subscriptions"],
  queryFn: ({ signal }) => all<Subscription>("/v1/subscriptions", signal),
  refetchInterval: 15_000,
});

export const strategiesQuery = queryOptions({
  queryKey: ["strategies"],
  queryFn: ({ signal }) => all<Strategy>("/v1/strategies", signal),
});

export const strategyQuery = (id: string) =>
  queryOptions({
    queryKey: ["strategies", id],
    queryFn: ({ signal }) =>
      request<Strategy>(`/v1/strategies/${encodeURIComponent(id)}`, { signal }),
  });

export const templatesQuery = queryOptions({
  queryKey: ["templates"],
  queryFn: ({ signal }) => all<Template>("/v1/templates", signal),
  staleTime: 300_000,
});

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: ({ signal }) => all<Session>("/v1/sessions", signal),
  refetchInterval: 15_000,
});

export const sessionQuery = (id: string) =>
  queryOptions({
    queryKey: ["sessions", id],
    queryFn: ({ signal }) => request<Session>(`/v1/sessions/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: 15_000,
  });

export const noticesQuery = queryOptions({
  queryKey: ["notifications"],
  queryFn: ({ signal }) => request<Page<Notice>>("/v1/notifications?limit=50", { signal }),
});

export const candlesQuery = (symbol: string, interval: string, limit: number) =>
  queryOptions({
    queryKey: ["candles", symbol, interval, limit],
    queryFn: async ({ signal }) => {
      const query = new URLSearchParams({ interval, limit: String(limit) });
      const path = `/v1/candles/${encodeURIComponent(symbol)}?${query.toString()}`;
      return (await request<Page<Candle>>(path, { signal })).items;
    },
    placeholderData: keepPreviousData,
  });

export const recentTradesQuery = (id: string, limit: number) =>
  queryOptions({
    queryKey: ["sessions", id, "recent-trades", limit],
    queryFn: ({ signal }) => fetchTrades(id, { limit, signal }),
  });

export const equityQuery = (id: string) =>
  queryOptions({
    queryKey: ["sessions", id, "equity"],
    queryFn: ({ signal }) => fetchEquity(id, signal),
    staleTime: 10_000,
  });

export function fetchTrades(
  id: string,
  options: { limit: number; cursor?: string; signal?: AbortSignal },
): Promise<Page<Trade>> {
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.cursor) query.set("cursor", options.cursor);
  const path = `/v1/sessions/${encodeURIComponent(id)}/trades?${query.toString()}`;
  return request<Page<Trade>>(path, { signal: options.signal });
}

export async function fetchEquity(id: string, signal?: AbortSignal): Promise<EquityPoint[]> {
  const path = `/v1/sessions/${encodeURIComponent(id)}/equity`;
  return (await request<Page<EquityPoint>>(path, { signal })).items;
}

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
    if (event.event === "SESSION_STARTED") status = "RUNNING";
    if (event.event === "SESSION_STOPPED") status = "STOPPED";
    if (event.event === "SESSION_ERROR") status = "ERROR";
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

export interface NewSession {
  strategy_id: string;
  symbol: string;
  timeframe: string;
  initial_balance: number;
  fee_rate: number;
  name?: string;
}

export interface NewStrategy {
  name: string;
  description?: string;
  kind: string;
  source: Graph;
}

export function createStrategy(strategy: NewStrategy): Promise<Strategy> {
  return request<Strategy>("/v1/strategies", { method: "POST", body: strategy });
}

/** A key for one intention. `crypto.randomUUID` is missing where a page comes over plain HTTP
 *  from another machine, which is how a phone in the same house opens it. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function createSession(session: NewSession, key: string): Promise<Session> {
  return request<Session>("/v1/sessions", {
    method: "POST",
    body: session,
    // Pressing again after a lost answer must not start a second session.
    headers: { "idempotency-key": key },
  });
}

export function useStopSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      request<Session>(`/v1/sessions/${encodeURIComponent(id)}/stop`, { method: "POST" }),
    onSuccess: (session) => {
      client.setQueryData(["sessions", session.id], session);
      void client.invalidateQueries({ queryKey: ["sessions"], exact: true });
    },
  });
}
