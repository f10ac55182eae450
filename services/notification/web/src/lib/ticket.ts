/** The manual order's form: checks before sending; the server has the last word. */
import type { ManualOrder } from "./session-actions";
import { parseNumber, type Errors } from "./validate";

export interface TicketForm {
  action: "BUY" | "SELL";
  type: "market" | "limit" | "stop" | "stop_limit";
  quantity: string;
  quantityType: string;
  limit: string;
  stop: string;
  timeInForce: string;
}

export const EMPTY_TICKET: TicketForm = {
  action: "BUY",
  type: "market",
  quantity: "10",
  quantityType: "percent_of_cash",
  limit: "",
  stop: "",
  timeInForce: "GTC",
};

/** What a quantity may count, by side. */
export const QUANTITY_TYPES: Record<"BUY" | "SELL", [value: string, label: string][]> = {
  BUY: [
    ["percent_of_cash", "% of cash"],
    ["cash_amount", "USD"],
    ["units", "units"],
  ],
  SELL: [
    ["percent_of_position", "% of position"],
    ["units", "units"],
    ["cash_amount", "USD"],
  ],
};

export const hasLimit = (form: TicketForm) => form.type === "limit" || form.type === "stop_limit";
export const hasStop = (form: TicketForm) => form.type === "stop" || form.type === "stop_limit";

function positive(text: string): string | null {
  const value = parseNumber(text);
  if (value === null) return "Enter a number.";
  return value > 0 ? null : "It must be more than 0.";
}

export function readTicket(form: TicketForm): { order: ManualOrder | null; errors: Errors } {
  const errors: Errors = {};
  const note = (field: string, error: string | null) => {
    if (error) errors[field] = error;
  };
  note("quantity", positive(form.quantity));
  const share = form.quantityType.startsWith("percent");
  if (share && !errors.quantity && (parseNumber(form.quantity) ?? 0) > 100) {
    errors.quantity = "At most 100%.";
  }
  if (hasLimit(form)) note("limit_price", positive(form.limit));
  if (hasStop(form)) note("stop_price", positive(form.stop));
  const quantity = parseNumber(form.quantity);
  if (Object.keys(errors).length > 0 || quantity === null) return { order: null, errors };
  const [limit, stop] = [parseNumber(form.limit), parseNumber(form.stop)];
  const order: ManualOrder = {
    action: form.action,
    order_type: form.type,
    quantity,
    quantity_type: form.quantityType,
    ...(hasLimit(form) && limit !== null && { limit_price: limit }),
    ...(hasStop(form) && stop !== null && { stop_price: stop }),
    ...(form.type !== "market" && { time_in_force: form.timeInForce }),
  };
  return { order, errors };
}
