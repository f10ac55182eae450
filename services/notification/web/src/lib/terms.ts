/** How a session's market answers and what limits it, as its form has them. */
import { parseNumber, percentToRate, type Errors } from "./validate";

export type FillKind = "next_trade" | "quote" | "volume";
export type FeesKind = "rate" | "coinbase" | "maker_taker";
export type SlippageKind = "none" | "fixed" | "proportional" | "square_root";
export type LatencyKind = "none" | "fixed" | "uniform";

export interface TermsForm {
  fill: FillKind;
  /** In milliseconds. */
  maxAge: string;
  stale: "wait" | "reject";
  maxWait: string;
  /** In percent of what is traded. */
  share: string;
  queue: string;
  fees: FeesKind;
  /** Both in percent. */
  maker: string;
  taker: string;
  slippage: SlippageKind;
  /** In the quote currency a unit. */
  slippageAmount: string;
  /** In percent of the price. */
  slippageRate: string;
  latency: LatencyKind;
  latencyMs: string;
  latencyMax: string;
  gap: "wait" | "reject";
  costMethod: "average" | "fifo";
  maxPosition: string;
  maxOrder: string;
  maxOrdersPerMinute: string;
  maxDailyLoss: string;
  maxDrawdown: string;
  riskAction: "reject" | "halt";
}

export const EMPTY_TERMS: TermsForm = {
  fill: "next_trade",
  maxAge: "1000",
  stale: "wait",
  maxWait: "60",
  share: "10",
  queue: "0",
  fees: "rate",
  maker: "0.4",
  taker: "0.6",
  slippage: "none",
  slippageAmount: "0.5",
  slippageRate: "0.05",
  latency: "none",
  latencyMs: "50",
  latencyMax: "200",
  gap: "wait",
  costMethod: "average",
  maxPosition: "",
  maxOrder: "",
  maxOrdersPerMinute: "",
  maxDailyLoss: "",
  maxDrawdown: "",
  riskAction: "reject",
};

export const FILLS: readonly (readonly [FillKind, string])[] = [
  ["next_trade", "Whole, at the next trade's price"],
  ["quote", "Whole, at the best bid or ask"],
  ["volume", "A share of what is traded"],
];
export const FEES: readonly (readonly [FeesKind, string])[] = [
  ["rate", "One rate for every trade"],
  ["coinbase", "As Coinbase's lowest tier: 0.4% and 0.6%"],
  ["maker_taker", "My own for makers and takers"],
];
export const SLIPPAGES: readonly (readonly [SlippageKind, string])[] = [
  ["none", "None"],
  ["fixed", "A fixed amount a unit"],
  ["proportional", "A share of the price"],
  ["square_root", "By the root of the order's share of the trade"],
];
export const LATENCIES: readonly (readonly [LatencyKind, string])[] = [
  ["none", "None: with the next trade"],
  ["fixed", "Always the same"],
  ["uniform", "Evenly between two bounds"],
];

export interface Terms {
  fill_model?: Record<string, unknown>;
  fees?: Record<string, unknown>;
  slippage?: Record<string, unknown>;
  latency?: Record<string, unknown>;
  gap?: string;
  cost_method?: string;
  risk?: Record<string, unknown>;
}

/** Fields of the terms in their order on the page, as the server names them. */
export const MARKET_FIELDS = [
  "fill_model",
  "fill_model.max_age_ms",
  "fill_model.stale",
  "fill_model.max_wait_seconds",
  "fill_model.share",
  "fill_model.queue",
  "fees",
  "fees.maker",
  "fees.taker",
  "slippage",
  "slippage.amount",
  "slippage.rate",
  "latency",
  "latency.ms",
  "latency.min_ms",
  "latency.max_ms",
  "gap",
  "cost_method",
];
export const RISK_FIELDS = [
  "risk",
  "risk.max_position",
  "risk.max_order",
  "risk.max_orders_per_minute",
  "risk.max_daily_loss",
  "risk.max_drawdown",
  "risk.action",
];

const DAY_SECONDS = 86_400;
const HOUR_MS = 3_600_000;
/** Above zero, but not how far. */
const TINY = Number.MIN_VALUE;

class Reader {
  readonly errors: Errors = {};

  /** A number within bounds; 0, noted, where it is none. */
  number(field: string, text: string, least: number, most: number, whole = false): number {
    const value = parseNumber(text);
    const from = least === TINY ? "more than 0" : `${least} or more`;
    if (value === null) this.errors[field] = "Enter a number.";
    else if (whole && !Number.isInteger(value)) this.errors[field] = "Enter a whole number.";
    else if (value < least) this.errors[field] = `It must be ${from}.`;
    else if (value > most) this.errors[field] = `It must be at most ${most}.`;
    return value ?? 0;
  }

  percent(field: string, text: string, least: number, most: number): number {
    return percentToRate(this.number(field, text, least, most));
  }
}

/** The parts of a session's body, without those that are the default anyway. */
export function readTerms(form: TermsForm): { terms: Terms; errors: Errors } {
  const read = new Reader();
  const terms: Terms = {};
  if (form.fill === "quote") {
    terms.fill_model = {
      kind: "quote",
      max_age_ms: read.number("fill_model.max_age_ms", form.maxAge, 0, DAY_SECONDS * 1000, true),
      stale: form.stale,
      max_wait_seconds: read.number(
        "fill_model.max_wait_seconds",
        form.maxWait,
        0,
        DAY_SECONDS,
        true,
      ),
    };
  } else if (form.fill === "volume") {
    terms.fill_model = {
      kind: "volume",
      share: read.percent("fill_model.share", form.share, TINY, 100),
      queue: read.number("fill_model.queue", form.queue, 0, 1e12),
    };
  }
  if (form.fees === "coinbase") terms.fees = { preset: "coinbase" };
  if (form.fees === "maker_taker") {
    terms.fees = {
      maker: read.percent("fees.maker", form.maker, 0, 10),
      taker: read.percent("fees.taker", form.taker, 0, 10),
    };
  }
  if (form.slippage === "fixed") {
    const amount = read.number("slippage.amount", form.slippageAmount, 0, 1e12);
    terms.slippage = { kind: "fixed", amount };
  } else if (form.slippage !== "none") {
    const rate = read.percent("slippage.rate", form.slippageRate, 0, 50);
    terms.slippage = { kind: form.slippage, rate };
  }
  if (form.latency === "fixed") {
    terms.latency = {
      kind: "fixed",
      ms: read.number("latency.ms", form.latencyMs, 0, HOUR_MS, true),
    };
  } else if (form.latency === "uniform") {
    const least = read.number("latency.min_ms", form.latencyMs, 0, HOUR_MS, true);
    const most = read.number("latency.max_ms", form.latencyMax, 0, HOUR_MS, true);
    if (!read.errors["latency.max_ms"] && most < least) {
      read.errors["latency.max_ms"] = "It must not be less than the least.";
    }
    // Any number: with the same one a repeat of the session has the same delays.
    terms.latency = { kind: "uniform", min_ms: least, max_ms: most, seed: 1 };
  }
  if (form.gap !== "wait") terms.gap = form.gap;
  if (form.costMethod !== "average") terms.cost_method = form.costMethod;
  const risk = readRisk(form, read);
  if (risk) terms.risk = risk;
  return { terms, errors: read.errors };
}

function readRisk(form: TermsForm, read: Reader): Record<string, unknown> | null {
  const limits: [name: string, text: string, most: number, whole: boolean][] = [
    ["max_position", form.maxPosition, 1e12, false],
    ["max_order", form.maxOrder, 1e12, false],
    ["max_orders_per_minute", form.maxOrdersPerMinute, 1e6, true],
    ["max_daily_loss", form.maxDailyLoss, 1e12, false],
    ["max_drawdown", form.maxDrawdown, 100, false],
  ];
  const given = limits.filter(([, text]) => text.trim() !== "");
  if (given.length === 0) return null;
  const risk: Record<string, unknown> = { action: form.riskAction };
  for (const [name, text, most, whole] of given) {
    risk[name] = read.number(`risk.${name}`, text, TINY, most, whole);
  }
  return risk;
}

/** What was chosen, in a few words, for where the form is folded. */
export function summary(form: TermsForm): string {
  const parts = [
    form.fill === "quote" && "at quotes",
    form.fill === "volume" && `${form.share}% of what is traded`,
    form.fees === "coinbase" && "Coinbase's fees",
    form.fees === "maker_taker" && "own fees",
    form.slippage !== "none" && "slippage",
    form.latency !== "none" && "latency",
  ].filter((part) => part !== false);
  return parts.length > 0 ? parts.join(", ") : "fills at the next trade's price";
}

export function riskSummary(form: TermsForm): string {
  const limits = [
    form.maxPosition,
    form.maxOrder,
    form.maxOrdersPerMinute,
    form.maxDailyLoss,
    form.maxDrawdown,
  ].filter((text) => text.trim() !== "").length;
  if (limits === 0) return "none";
  return limits === 1 ? "1 limit" : `${limits} limits`;
}
