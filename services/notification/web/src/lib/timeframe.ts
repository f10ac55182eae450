/** When a strategy is evaluated: on ticks, or on bars of time, trades, volume or price. */

import { parseNumber } from "./validate";

/** Ticks and bars of time: the value that the server knows, and how people call it. */
export const TIMEFRAMES: [value: string, label: string][] = [
  ["tick", "Every trade"],
  ["1s", "1 second"],
  ["5s", "5 seconds"],
  ["10s", "10 seconds"],
  ["15s", "15 seconds"],
  ["30s", "30 seconds"],
  ["1m", "1 minute"],
  ["5m", "5 minutes"],
  ["15m", "15 minutes"],
  ["1h", "1 hour"],
  ["4h", "4 hours"],
  ["1d", "1 day"],
];

export interface TradeBar {
  label: string;
  /** What its number is. */
  amount: string;
  help: string;
  /** A number to begin with. */
  first: string;
}

/** Bars that trades close, by what stands before the colon: `ticks:100`. */
export const TRADE_BARS: Record<string, TradeBar> = {
  ticks: {
    label: "Bars of trades",
    amount: "Trades in a bar",
    help: "A bar closes with its last trade",
    first: "100",
  },
  volume: {
    label: "Bars of volume",
    amount: "Volume of a bar",
    help: "In the currency that is traded",
    first: "10",
  },
  range: {
    label: "Bars of price",
    amount: "Range of a bar",
    help: "From its low to its high, in the quote currency",
    first: "50",
  },
};

/** What stands before the colon, and what behind it. */
export function parts(timeframe: string): [kind: string, amount: string] {
  const colon = timeframe.indexOf(":");
  return colon < 0 ? [timeframe, ""] : [timeframe.slice(0, colon), timeframe.slice(colon + 1)];
}

/** Whether a text, such as one in a link, can be shown in the form. */
export function isTimeframe(text: string): boolean {
  const [kind, amount] = parts(text);
  return amount === "" ? TIMEFRAMES.some(([value]) => value === text) : kind in TRADE_BARS;
}

/** As the server reads it: "1,000" is 1000. */
export function written(timeframe: string): string {
  const [kind, amount] = parts(timeframe);
  const number = kind in TRADE_BARS ? parseNumber(amount) : null;
  return number === null ? timeframe : `${kind}:${number}`;
}

/** What is wrong with it, told before the server would. */
export function timeframeError(timeframe: string): string | undefined {
  const [kind, amount] = parts(timeframe);
  if (!(kind in TRADE_BARS)) return undefined;
  const number = parseNumber(amount);
  if (number === null || number <= 0) return "Enter a number above 0.";
  if (kind === "ticks" && (!Number.isInteger(number) || number > 1_000_000))
    return "Enter a whole number, 1,000,000 at most.";
  return undefined;
}

/** In words, behind "evaluated on" or alone. */
export function timeframeLabel(timeframe: string): string {
  const [kind, amount] = parts(timeframe);
  switch (kind) {
    case "tick":
      return "every trade";
    case "ticks":
      return `bars of ${amount} trades`;
    case "volume":
      return `bars of ${amount} volume`;
    case "range":
      return `range bars of ${amount}`;
    default:
      return `${timeframe} bars`;
  }
}
