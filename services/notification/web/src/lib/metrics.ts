/** A session's figures: the server's where it has them, this page's own otherwise. */
import { count, money, signedMoney, signedPercent } from "./format";
import { toNumber } from "./number";

export interface Figure {
  key: string;
  label: string;
  text: string;
  value: number;
  /** Green above nothing and red below it. */
  signed: boolean;
}

type Look = "percent" | "share" | "money" | "ratio" | "count";

/** Names as servers give them, in the order in which they are shown. */
const KNOWN: [key: string, label: string, look: Look, signed?: boolean][] = [
  ["return_pct", "Return", "percent", true],
  ["total_return_pct", "Return", "percent", true],
  ["buy_and_hold_return_pct", "Buy and hold", "percent", true],
  ["buy_and_hold_pct", "Buy and hold", "percent", true],
  ["excess_return_pct", "Against buy and hold", "percent", true],
  ["max_drawdown_pct", "Max drawdown", "percent"],
  ["sharpe", "Sharpe", "ratio", true],
  ["sharpe_ratio", "Sharpe", "ratio", true],
  ["sortino", "Sortino", "ratio", true],
  ["sortino_ratio", "Sortino", "ratio", true],
  ["calmar", "Calmar", "ratio", true],
  ["calmar_ratio", "Calmar", "ratio", true],
  ["profit_factor", "Profit factor", "ratio"],
  ["expectancy", "Expectancy", "money", true],
  ["win_rate", "Win rate", "share"],
  ["win_rate_pct", "Win rate", "percent"],
  ["wins", "Won", "count"],
  ["losses", "Lost", "count"],
  ["average_win", "Average win", "money", true],
  ["average_loss", "Average loss", "money", true],
  ["exposure", "Exposure", "share"],
  ["exposure_pct", "Exposure", "percent"],
  ["turnover", "Turnover", "money"],
  ["fees", "Fees", "money"],
  ["slippage", "Slippage paid", "money"],
  ["slippage_paid", "Slippage paid", "money"],
  ["trades", "Trades", "count"],
];

function shown(value: number, look: Look, signed: boolean): string {
  switch (look) {
    case "percent":
      return signed ? signedPercent(value) : signedPercent(value).replace("+", "");
    case "share":
      return `${Math.round(value * 1000) / 10}%`;
    case "money":
      return signed ? signedMoney(value) : money(value);
    case "ratio":
      return money(value);
    case "count":
      return count(value);
  }
}

/** Every figure that is known and has a value. Groups such as `{"drawdown": {...}}` are opened. */
export function figuresOf(metrics: Record<string, unknown> | null | undefined): Figure[] {
  const flat = new Map<string, unknown>();
  for (const [key, value] of Object.entries(metrics ?? {})) {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [inner, item] of Object.entries(value))
        if (!flat.has(inner)) flat.set(inner, item);
    } else {
      flat.set(key, value);
    }
  }
  const figures: Figure[] = [];
  for (const [key, label, look, signed = false] of KNOWN) {
    const value = toNumber(flat.get(key));
    if (value === null || figures.some((figure) => figure.label === label)) continue;
    figures.push({ key, label, value, signed, text: shown(value, look, signed) });
  }
  return figures;
}
