/** A session's orders and open position, as the chart and the tables show them. */
import { toNumber } from "./number";
import type { Trade } from "./types";

export interface Order {
  id: string;
  action: "BUY" | "SELL";
  /** market, limit, stop, stop_limit, trailing_stop, take_profit */
  type: string;
  quantity: number | null;
  filled: number | null;
  limitPrice: number | null;
  stopPrice: number | null;
  status: string;
  createdAt: string | null;
  reason: string | null;
}

const CLOSED = /FILLED|CANCEL|REJECT|EXPIRED|DONE|REPLACED/;

export function isOpen(order: Order): boolean {
  return order.status === "PARTIALLY_FILLED" || !CLOSED.test(order.status);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Null for what isn't an order; fields that a server doesn't tell are null. */
export function readOrder(raw: unknown): Order | null {
  if (typeof raw !== "object" || raw === null) return null;
  const item = raw as Record<string, unknown>;
  const id = text(item.order_id) ?? text(item.id);
  const action = text(item.action) ?? text(item.side);
  if (id === null || action === null) return null;
  return {
    id,
    action: action.toUpperCase() === "SELL" ? "SELL" : "BUY",
    type: (text(item.order_type) ?? text(item.type) ?? "market").toLowerCase().replace(/-/g, "_"),
    quantity: toNumber(item.quantity),
    filled: toNumber(item.filled_quantity ?? item.filled),
    limitPrice: toNumber(item.limit_price),
    stopPrice: toNumber(item.stop_price ?? item.trigger_price),
    status: (text(item.status) ?? "OPEN").toUpperCase(),
    createdAt: text(item.created_at) ?? text(item.timestamp),
    reason: text(item.reason),
  };
}

export interface PriceLevel {
  price: number;
  label: string;
  kind: "buy" | "sell" | "entry";
}

const TYPES: Record<string, string> = {
  market: "Market",
  limit: "Limit",
  stop: "Stop",
  stop_limit: "Stop limit",
  stop_loss: "Stop loss",
  trailing_stop: "Trailing stop",
  take_profit: "Take profit",
};

export function orderType(type: string): string {
  return TYPES[type] ?? type.replace(/_/g, " ");
}

/** Lines across the chart: where open orders wait, and what the position cost. */
export function levelsOf(orders: readonly Order[], entry: number | null): PriceLevel[] {
  const levels: PriceLevel[] = [];
  for (const order of orders.filter(isOpen)) {
    const kind = order.action === "BUY" ? "buy" : "sell";
    const side = order.action === "BUY" ? "Buy" : "Sell";
    for (const price of [order.stopPrice, order.limitPrice]) {
      if (price === null) continue;
      levels.push({ price, kind, label: `${side} ${orderType(order.type).toLowerCase()}` });
    }
  }
  if (entry !== null) levels.push({ price: entry, kind: "entry", label: "Entry" });
  return levels;
}

/** The average price of the open position; null when flat, or when its first buy isn't known. */
export function entryPrice(newestFirst: readonly Trade[], position: number): number | null {
  if (position <= 0) return null;
  const fills: Trade[] = [];
  let flat = false;
  for (const trade of newestFirst) {
    if (trade.status !== "FILLED") continue;
    // The position was nothing before this buy: all that is held came from here on.
    fills.push(trade);
    if (trade.action === "BUY" && trade.position != null) {
      flat = trade.position - trade.quantity <= trade.position * 1e-9;
      if (flat) break;
    }
  }
  if (!flat) return null;
  let held = 0;
  let cost = 0;
  for (const trade of fills.reverse()) {
    if (trade.action === "BUY") {
      held += trade.quantity;
      cost += trade.quantity * trade.price;
    } else if (held > 0) {
      cost *= Math.max(0, 1 - trade.quantity / held);
      held = Math.max(0, held - trade.quantity);
    }
  }
  return held > 0 ? cost / held : null;
}
