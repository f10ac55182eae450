/** Backtests: asked for, run by the server, and looked at until they are over. */

import { Problem, request } from "./api";
import { withNumbers } from "./number";
import type { Source } from "./types";

export interface BacktestRequest {
  kind: string;
  source: Source;
  symbol: string;
  timeframe: string;
  from: string;
  to: string;
  initial_balance: number;
  fee_rate: number;
}

/** An order that was filled or rejected. */
export interface BacktestTrade {
  sequence: number;
  timestamp: string;
  status: string;
  action: "BUY" | "SELL";
  quantity: number;
  price: number;
  realized_pnl: number;
  reason: string;
}

export interface BacktestResult {
  ticks: number;
  gaps: number;
  /** The best combination first; here there is one. */
  runs: Record<string, unknown>[];
  equity: { time: string; value: number }[];
  trades: BacktestTrade[];
  trades_omitted: number;
}

interface Answer {
  id: string;
  status: string;
  progress?: { done?: number; total?: number } | null;
  result?: BacktestResult | null;
  problem?: ConstructorParameters<typeof Problem>[1] | null;
}

const OVER = new Set(["DONE", "FAILED", "CANCELLED"]);
/** How long it waits before it looks again; most are over within a second. */
const LOOK_MS = 400;

/** What an answer that is over says. */
export function outcome(answer: Answer): BacktestResult {
  if (answer.status === "DONE" && answer.result) {
    const { result } = answer;
    return {
      ...result,
      equity: result.equity.map((point) => withNumbers(point, ["value"])),
      trades: result.trades.map((trade) =>
        withNumbers(trade, ["quantity", "price", "realized_pnl"]),
      ),
    };
  }
  throw new Problem(
    answer.problem?.status ?? 422,
    answer.problem ?? { code: "cancelled", detail: "The backtest was cancelled." },
  );
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, LOOK_MS);
    const give = () => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    signal.addEventListener("abort", give, { once: true });
  });
}

/** Runs one to its end; whoever doesn't wait for it any more ends it on the server, too. */
export async function runBacktest(
  body: BacktestRequest,
  signal: AbortSignal,
): Promise<BacktestResult> {
  let answer = await request<Answer>("/v1/backtests", { method: "POST", body, signal });
  const path = `/v1/backtests/${encodeURIComponent(answer.id)}`;
  try {
    while (!OVER.has(answer.status)) {
      await pause(signal);
      answer = await request<Answer>(path, { signal });
    }
  } catch (error) {
    // Two at once are allowed: one that nobody waits for must not take a place.
    if (signal.aborted) void request(path, { method: "DELETE" }).catch(() => undefined);
    throw error;
  }
  return outcome(answer);
}
