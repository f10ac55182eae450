import { afterEach, expect, test, vi } from "vitest";
import { Problem } from "./api";
import { outcome, runBacktest, type BacktestRequest } from "./backtests";

const BODY: BacktestRequest = {
  kind: "script",
  source: "x",
  symbol: "BTCUSD",
  timeframe: "ticks:100",
  from: "2026-01-01T00:00:00Z",
  to: "2026-01-01T01:00:00Z",
  initial_balance: 100_000,
  fee_rate: 0.001,
};
const RESULT = {
  ticks: 3,
  gaps: 0,
  runs: [{ fills: 1 }],
  equity: [{ time: "2026-01-01T00:00:00Z", value: 100_000 }],
  trades: [],
  trades_omitted: 0,
};

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A server that gives these answers, one after the other, and what it was asked. */
function server(...answers: [status: number, body: unknown][]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string, { method, body }: RequestInit) => {
    asked.push([method, path, ...(typeof body === "string" ? [body] : [])].join(" "));
    const [status, text] = answers.shift() ?? [204, null];
    const headers = { "content-type": "application/json" };
    return Promise.resolve(
      new Response(text === null ? null : JSON.stringify(text), { status, headers }),
    );
  });
  return asked;
}

test("a backtest is asked for and looked at until it is over", async () => {
  const asked = server(
    [202, { id: "b1", status: "QUEUED" }],
    [200, { id: "b1", status: "RUNNING" }],
    [200, { id: "b1", status: "DONE", result: RESULT }],
  );
  const result = await runBacktest(BODY, new AbortController().signal);
  expect(result).toEqual(RESULT);
  expect(asked).toEqual([
    `POST /v1/backtests ${JSON.stringify(BODY)}`,
    "GET /v1/backtests/b1",
    "GET /v1/backtests/b1",
  ]);
});

test("one that fails says why", () => {
  const problem = { status: 422, code: "no_trades", detail: "There are none.", field: "symbol" };
  const failing = () => outcome({ id: "b1", status: "FAILED", problem });
  expect(failing).toThrow(Problem);
  expect(failing).toThrow("There are none.");
  expect(() => outcome({ id: "b1", status: "CANCELLED" })).toThrow("cancelled");
});

test("one that nobody waits for is ended on the server", async () => {
  const asked = server([202, { id: "b1", status: "RUNNING" }]);
  const waiting = new AbortController();
  const run = runBacktest(BODY, waiting.signal);
  await vi.waitFor(() => {
    expect(asked).toHaveLength(1);
  });
  // The answer is read, and the next look is waited for.
  await new Promise((resolve) => setTimeout(resolve, 0));
  waiting.abort();
  await expect(run).rejects.toThrow();
  expect(asked.at(-1)).toBe("DELETE /v1/backtests/b1");
});
