/** A session's terms in words, as the server keeps them; decimals come as text or as numbers. */
import { money, rate } from "./format";
import { toNumber } from "./number";

type Part = Record<string, unknown>;

export interface SessionTerms {
  market?: {
    fill_model?: Part;
    slippage?: Part;
    latency?: Part;
    fees?: Part | null;
    gap?: string;
  };
  risk?: Part;
  cost_method?: string;
}

const percent = (value: unknown) => rate(toNumber(value));
const text = (value: unknown) => (typeof value === "number" ? String(value) : "?");

function fill(part: Part | undefined): string | null {
  switch (part?.kind) {
    case "quote":
      return `at the best bid or ask, no older than ${text(part.max_age_ms)} ms`;
    case "volume":
      return `at most ${percent(part.share)} of what is traded`;
    default:
      return null;
  }
}

function slippage(part: Part | undefined): string | null {
  switch (part?.kind) {
    case "fixed":
      return `${money(toNumber(part.amount))} USD a unit`;
    case "proportional":
      return `${percent(part.rate)} of the price`;
    case "square_root":
      return `${percent(part.rate)} of the price, by the root of the share of the trade`;
    default:
      return null;
  }
}

function latency(part: Part | undefined): string | null {
  switch (part?.kind) {
    case "fixed":
      return `${text(part.ms)} ms`;
    case "uniform":
      return `${text(part.min_ms)} to ${text(part.max_ms)} ms`;
    default:
      return null;
  }
}

function risk(part: Part | undefined): string | null {
  const limits: [key: string, words: (value: number) => string][] = [
    ["max_position", (value) => `position up to ${money(value)} USD`],
    ["max_order", (value) => `orders up to ${money(value)} USD`],
    ["max_orders_per_minute", (value) => `${value} orders a minute`],
    ["max_daily_loss", (value) => `${money(value)} USD lost in a day`],
    ["max_drawdown", (value) => `${value}% below the highest equity`],
  ];
  const given = limits.flatMap(([key, words]) => {
    const value = toNumber(part?.[key]);
    return value === null ? [] : [words(value)];
  });
  if (given.length === 0) return null;
  return `${given.join(", ")}${part?.action === "halt" ? "; then the session halts" : ""}`;
}

/** The fee of a trade. */
export function feeText(feeRate: number, terms: SessionTerms | null | undefined): string {
  const fees = terms?.market?.fees;
  if (!fees) return `fee ${rate(feeRate)}`;
  return `fees ${percent(fees.maker)} maker, ${percent(fees.taker)} taker`;
}

/** What isn't as it is for everybody. */
export function termsInWords(terms: SessionTerms | null | undefined): [string, string][] {
  const market = terms?.market;
  const parts: [string, string | null][] = [
    ["Orders fill", fill(market?.fill_model)],
    ["Slippage", slippage(market?.slippage)],
    ["Latency", latency(market?.latency)],
    ["In a gap of the feed", market?.gap === "reject" ? "orders are rejected" : null],
    ["Cost of a position", terms?.cost_method === "fifo" ? "first in, first out" : null],
    ["Limits", risk(terms?.risk)],
  ];
  return parts.filter((part): part is [string, string] => part[1] !== null);
}
