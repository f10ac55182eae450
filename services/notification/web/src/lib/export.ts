/** A session's trades as a file: all that the server has, not only what the page shows. */
import { fetchTrades } from "./queries";
import type { Trade } from "./types";

const PAGE = 500;
/** 100,000 trades; a longer ledger is the command line's business. */
const MAX_PAGES = 200;

export async function allTrades(sessionId: string): Promise<Trade[]> {
  const trades: Trade[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await fetchTrades(sessionId, { limit: PAGE, ...(cursor && { cursor }) });
    trades.push(...answer.items);
    if (!answer.next_cursor) break;
    cursor = answer.next_cursor;
  }
  return trades.reverse();
}

const COLUMNS = [
  "sequence",
  "timestamp",
  "symbol",
  "action",
  "status",
  "quantity",
  "price",
  "fee",
  "slippage",
  "realized_pnl",
  "cash",
  "position",
  "reason",
  "trade_id",
] as const satisfies readonly (keyof Trade)[];

/** As RFC 4180; a text that a spreadsheet would take for a formula is marked as text. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function tradesCsv(trades: readonly Trade[]): string {
  const rows = trades.map((trade) => COLUMNS.map((column) => cell(trade[column])).join(","));
  return [COLUMNS.join(","), ...rows, ""].join("\r\n");
}

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // Not at once: some browsers fetch it after the click's own task.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
