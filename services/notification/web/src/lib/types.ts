/** Shapes of the HTTP API and of what is pushed. Money and quantities are JSON numbers. */
import type { SessionTerms } from "./session-terms";

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** What an account is for. */
export type Role = "user" | "operator";

export interface Status {
  version: string;
  mode: "embedded" | "services";
  feed: "coinbase" | "simulator" | null;
  guest: boolean;
  /** Whether users can be told by e-mail; an older server doesn't say. */
  email?: boolean;
}

export interface Product {
  id: string;
  symbol: string;
  base: string;
  quote: string;
  base_increment: number;
  quote_increment: number;
  status: string;
}

export interface Subscription {
  symbol: string;
  product_id: string;
  requested_by: string[];
  source: "coinbase" | "simulator";
  last_price: number | null;
  last_trade_at: string | null;
  trades: number;
  gaps: number;
}

export interface Tick {
  symbol: string;
  price: number;
  volume: number;
  timestamp: string;
  side?: "buy" | "sell";
  trade_id?: number;
  source: string;
}

export interface Candle {
  /** Epoch seconds of the interval's start. */
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

export type Severity = "error" | "warning" | "notice";

export interface Diagnostic {
  code: string;
  severity: Severity;
  node: string | null;
  field: string | null;
  message: string;
  hint?: string | null;
  /** Of a script: from 1, columns in characters. */
  line?: number | null;
  column?: number | null;
  end_line?: number | null;
  end_column?: number | null;
}

export interface GraphNode {
  id: string;
  type: string;
  position?: { x: number; y: number };
  data?: Record<string, unknown>;
  [extra: string]: unknown;
}

export interface GraphEdge {
  id?: string;
  source: string;
  target: string;
  sourceHandle?: string | null;
  targetHandle?: string | null;
  [extra: string]: unknown;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  [extra: string]: unknown;
}

/** A graph is an object, a script is its text. */
export type Source = Graph | string;

export interface Strategy {
  id: string;
  name: string;
  description?: string | null;
  kind: string;
  version: number;
  source?: Source;
  diagnostics?: Diagnostic[];
  created_at: string;
  updated_at: string;
}

export interface Template {
  key: string;
  name: string;
  description: string;
  kind: string;
  source: Source;
  /** The same strategy as a script. */
  script?: string | null;
  /** Where a picture of what it does is. */
  picture?: string;
}

export interface Compilation {
  ok: boolean;
  diagnostics: Diagnostic[];
  plan: { hash: string; nodes: number; warmup: number } | null;
  /** What a script becomes. */
  graph?: Graph | null;
  /** A graph written as a script, where it was asked for. */
  script?: string | null;
}

export interface StrategyVersion {
  version: number;
  kind: string;
  plan_hash?: string | null;
  created_at: string;
  source?: Source;
}

export type SessionStatus =
  "PENDING" | "RUNNING" | "PAUSING" | "PAUSED" | "RESUMING" | "STOPPING" | "STOPPED" | "ERROR";

export interface Session {
  id: string;
  name: string | null;
  strategy_id: string;
  strategy_name: string | null;
  strategy_version: number;
  symbol: string;
  timeframe: string;
  initial_balance: number;
  fee_rate: number;
  /** Null where orders fill whole at the next trade, for one fee. */
  terms?: SessionTerms | null;
  status: SessionStatus;
  status_reason: string | null;
  cash: number;
  position: number;
  equity: number;
  last_price: number | null;
  realized_pnl: number;
  fees: number;
  trades: number;
  return_pct: number;
  created_at: string;
  started_at: string | null;
  stopped_at: string | null;
}

export interface Trade {
  trade_id: string;
  session_id: string;
  symbol: string;
  action: "BUY" | "SELL";
  quantity: number;
  price: number;
  status: "FILLED" | "REJECTED";
  timestamp: string;
  fee?: number | null;
  slippage?: number | null;
  realized_pnl?: number | null;
  cash?: number | null;
  position?: number | null;
  reason?: string | null;
  /** One counter over all events of the session, from 1. */
  sequence: number;
}

export interface EquityPoint {
  timestamp: string;
  price: number;
  cash: number;
  position: number;
  equity: number;
  sequence: number;
}

export interface SessionEvent {
  session_id: string;
  symbol: string;
  /** SESSION_STARTED, EQUITY, SESSION_STOPPED and so on; newer servers may know more. */
  event: string;
  sequence: number;
  timestamp: string;
  equity?: { price: number; cash: number; position: number; equity: number } | null;
  reason?: string | null;
}

export interface Notice {
  user_id: string;
  title: string;
  message: string;
  severity: "info" | "warning" | "error";
  timestamp: string;
}

/** What a publication on `user:<id>` carries. */
export type Push =
  | { event: "trade-execution"; payload: Trade }
  | { event: "forward-test-event"; payload: SessionEvent }
  | { event: "user-notification"; payload: Notice };
