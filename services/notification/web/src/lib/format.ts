/** Numbers and times as text. Formatters are kept: building one costs more than using it. */

import { timeZone } from "./preferences";

const LOCALE: string | undefined = undefined;
const NONE = "–";
const MINUS = "\u2212";

const cache = new Map<string, Intl.NumberFormat>();

/** For counting digits: in a locale's own digits and separators there is nothing to split at. */
const PLAIN = { useGrouping: false } as const;

function formatter(minimum: number, maximum: number, extra?: Intl.NumberFormatOptions) {
  const key = `${minimum}:${maximum}:${extra ? JSON.stringify(extra) : ""}`;
  let found = cache.get(key);
  if (!found) {
    found = new Intl.NumberFormat(extra === PLAIN ? "en" : LOCALE, {
      minimumFractionDigits: minimum,
      maximumFractionDigits: maximum,
      ...extra,
    });
    cache.set(key, found);
  }
  return found;
}

type Maybe = number | null | undefined;

function isNumber(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** The hyphen that Intl writes is narrower than a digit; the minus sign aligns. */
function typographic(text: string): string {
  return text.replace("-", MINUS);
}

/** Decimals with which a price of this size is shown: fixed, so that updates don't jump. */
export function priceDecimals(price: number): number {
  const size = Math.abs(price);
  if (size === 0 || size >= 100) return 2;
  if (size >= 1) return 4;
  if (size >= 0.01) return 6;
  return 8;
}

export function price(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  const decimals = priceDecimals(value);
  return typographic(formatter(decimals, decimals).format(value));
}

const QUANTITY_DECIMALS = 8;

/** `decimals` makes it fixed, so that a column's points align; see `decimalsOf`. */
export function quantity(value: Maybe, decimals = 0): string {
  if (!isNumber(value)) return NONE;
  return typographic(formatter(decimals, QUANTITY_DECIMALS).format(value));
}

/** As many decimals as the longest of these quantities has. */
export function decimalsOf(values: readonly number[]): number {
  let most = 0;
  for (const value of values) {
    const digits = formatter(0, QUANTITY_DECIMALS, PLAIN).format(value).split(".")[1] ?? "";
    most = Math.max(most, digits.length);
  }
  return most;
}

export function money(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  return typographic(formatter(2, 2).format(value));
}

export function signedMoney(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  return typographic(formatter(2, 2, { signDisplay: "exceptZero" }).format(value));
}

/** `value` is in percent already: 1.5 is shown as +1.50%. */
export function signedPercent(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  return `${typographic(formatter(2, 2, { signDisplay: "exceptZero" }).format(value))}%`;
}

/** A rate such as 0.001 as 0.1%. */
export function rate(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  return typographic(formatter(0, 4, { style: "percent" }).format(value));
}

export function count(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  return typographic(formatter(0, 0).format(value));
}

export type Tone = "up" | "down" | "flat";

export function tone(value: Maybe): Tone {
  if (!isNumber(value) || value === 0) return "flat";
  return value > 0 ? "up" : "down";
}

const time = new Intl.DateTimeFormat(LOCALE, {
  timeZone,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dateTime = new Intl.DateTimeFormat(LOCALE, {
  timeZone,
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});
const shortDate = new Intl.DateTimeFormat(LOCALE, {
  timeZone,
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

function dateOf(value: string | number | null | undefined): Date | null {
  if (value === null || value === undefined) return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** 18:19:23 in the reader's zone; the zone itself stands in the column's head. */
export function clock(value: string | number | null | undefined): string {
  const date = dateOf(value);
  return date ? time.format(date) : NONE;
}

/** With date and zone: for titles, tooltips and single values. */
export function moment(value: string | number | null | undefined): string {
  const date = dateOf(value);
  return date ? dateTime.format(date) : NONE;
}

export function dayAndTime(value: string | number | null | undefined): string {
  const date = dateOf(value);
  return date ? shortDate.format(date) : NONE;
}

/** The reader's zone as it stands in a column's head: "UTC", "CET", "GMT+5:30". */
export function zone(at: Date = new Date()): string {
  const parts = new Intl.DateTimeFormat(LOCALE, { timeZone, timeZoneName: "short" }).formatToParts(
    at,
  );
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
}

/** Length of a span in the two largest units: "3 h 12 min". */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

export function pair(symbol: string, productId?: string): string {
  if (productId) return productId.replace("-", "/");
  const match = /^(.+?)(USDT|USDC|USD|EUR|GBP|BTC|ETH)$/.exec(symbol);
  return match ? `${match[1]}/${match[2]}` : symbol;
}
