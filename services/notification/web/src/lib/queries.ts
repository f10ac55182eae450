/** What the pages read and ask for. */
import { keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { Problem, request } from "./api";
import { withNumbers } from "./number";
import { readOrder, type Order } from "./orders";
import type { Terms } from "./terms";
import type {
  Candle,
  Compilation,
  EquityPoint,
  Graph,
  Notice,
  Page,
  Product,
  Session,
  Source,
  Status,
  Strategy,
  StrategyVersion,
  Subscription,
  Template,
  Tick,
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

export async function all<T>(path: string, signal: AbortSignal): Promise<T[]> {
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

/** Whichever way a server writes decimals, pages work with numbers. */
export function readSession(session: Session): Session {
  return withNumbers(session, [
    "initial_balance",
    "fee_rate",
    "cash",
    "position",
    "equity",
    "last_price",
    "realized_pnl",
    "fees",
    "return_pct",
  ]);
}

export function readTrade(trade: Trade): Trade {
  return withNumbers(trade, [
    "quantity",
    "price",
    "fee",
    "slippage",
    "realized_pnl",
    "cash",
    "position",
  ]);
}

export const sessionPath = (id: string, more = "") =>
  `/v1/sessions/${encodeURIComponent(id)}${more}`;

export const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: async ({ signal }) => (await all<Session>("/v1/sessions", signal)).map(readSession),
  refetchInterval: 15_000,
});

export const sessionQuery = (id: string) =>
  queryOptions({
    queryKey: ["sessions", id],
    queryFn: async ({ signal }) => readSession(await request<Session>(sessionPath(id), { signal })),
    refetchInterval: 15_000,
  });

/** Null where the server has no such thing. */
async function optional<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

export const metricsQuery = (id: string) =>
  queryOptions({
    queryKey: ["sessions", id, "metrics"],
    queryFn: ({ signal }) =>
      optional(request<Record<string, unknown>>(sessionPath(id, "/metrics"), { signal })),
    refetchInterval: 15_000,
  });

export const ordersQuery = (id: string) =>
  queryOptions({
    queryKey: ["sessions", id, "orders"],
    queryFn: async ({ signal }): Promise<Order[] | null> => {
      const path = sessionPath(id, "/orders?limit=200");
      const page = await optional(request<Page<unknown>>(path, { signal }));
      return page && page.items.map(readOrder).filter((order) => order !== null);
    },
    refetchInterval: 10_000,
  });

export const ticksQuery = (symbol: string) =>
  queryOptions({
    queryKey: ["ticks", symbol],
    queryFn: async ({ signal }) => {
      const path = `/v1/ticks/${encodeURIComponent(symbol)}?limit=1000`;
      return (await request<Page<Tick>>(path, { signal })).items;
    },
    refetchInterval: 5_000,
  });

/** The strategy as a session runs it; null where that version can't be read any more. */
export const pinnedStrategyQuery = (id: string, version: number) =>
  queryOptions({
    queryKey: ["strategies", id, "pinned", version],
    queryFn: async ({ signal }): Promise<Pick<Strategy, "kind" | "source"> | null> => {
      const path = `/v1/strategies/${encodeURIComponent(id)}`;
      const latest = await optional(request<Strategy>(path, { signal }));
      if (!latest || latest.version === version) return latest;
      return optional(request<StrategyVersion>(`${path}/versions/${version}`, { signal }));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export function compile(kind: string, source: Source, signal?: AbortSignal): Promise<Compilation> {
  const body = { kind, source };
  return request<Compilation>("/v1/strategies/compile", { method: "POST", body, signal });
}

/** A graph written as a script; null where the server can't. */
export async function writeScript(graph: Graph): Promise<string | null> {
  const body = { kind: "graph", source: graph };
  const path = "/v1/strategies/compile?forms=true";
  return (await request<Compilation>(path, { method: "POST", body })).script ?? null;
}

export const versionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["strategies", id, "versions"],
    queryFn: ({ signal }) =>
      optional(all<StrategyVersion>(`/v1/strategies/${encodeURIComponent(id)}/versions`, signal)),
  });

export const versionQuery = (id: string, version: number) =>
  queryOptions({
    queryKey: ["strategies", id, "versions", version],
    queryFn: ({ signal }) => {
      const path = `/v1/strategies/${encodeURIComponent(id)}/versions/${version}`;
      return request<StrategyVersion>(path, { signal });
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The graph of any strategy: a script's is what it compiles to. */
export const graphQuery = (key: readonly unknown[], kind: string, source: Source | undefined) =>
  queryOptions({
    queryKey: ["graphs", ...key],
    queryFn: async ({ signal }): Promise<Graph | null> => {
      if (typeof source === "object") return source;
      if (source === undefined) return null;
      return (await compile(kind, source, signal)).graph ?? null;
    },
    staleTime: Number.POSITIVE_INFINITY,
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

/** For several of them at once: the same list for as long as none of them changes. */
export function combineEquity(answers: { data?: EquityPoint[] | undefined; isPending: boolean }[]) {
  return {
    points: answers.map((answer) => answer.data),
    loaded: answers.every((answer) => !answer.isPending),
  };
}

export async function fetchTrades(
  id: string,
  options: { limit: number; cursor?: string; signal?: AbortSignal },
): Promise<Page<Trade>> {
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.cursor) query.set("cursor", options.cursor);
  const path = sessionPath(id, `/trades?${query.toString()}`);
  const page = await request<Page<Trade>>(path, { signal: options.signal });
  return { ...page, items: page.items.map(readTrade) };
}

export async function fetchEquity(id: string, signal?: AbortSignal): Promise<EquityPoint[]> {
  const { items } = await request<Page<EquityPoint>>(sessionPath(id, "/equity"), { signal });
  return items.map((point) => withNumbers(point, ["price", "cash", "position", "equity"]));
}

export interface NewSession extends Terms {
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
  source: Source;
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
