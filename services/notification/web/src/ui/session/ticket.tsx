import { useRef, useState, type FormEvent } from "react";
import { Problem } from "../../lib/api";
import { money, quantity } from "../../lib/format";
import { newKey } from "../../lib/queries";
import { useManualOrder } from "../../lib/session-actions";
import {
  EMPTY_TICKET,
  hasLimit,
  hasStop,
  QUANTITY_TYPES,
  readTicket,
  type TicketForm,
} from "../../lib/ticket";
import type { Errors } from "../../lib/validate";
import { Failure, Field, Segments } from "../parts";

/** An order by hand, beside those of the strategy. */
export function Ticket({
  sessionId,
  cash,
  position,
  base,
}: {
  sessionId: string;
  cash: number;
  position: number;
  base: string;
}) {
  const [form, setForm] = useState<TicketForm>(EMPTY_TICKET);
  const [errors, setErrors] = useState<Errors>({});
  const [sent, setSent] = useState<string | null>(null);
  const [key, setKey] = useState(newKey);
  const element = useRef<HTMLFormElement>(null);
  const place = useManualOrder(sessionId);

  const set = (change: Partial<TicketForm>) => {
    setForm((current) => ({ ...current, ...change }));
    setErrors({});
    setSent(null);
    setKey(newKey());
    place.reset();
  };
  const turn = (action: "BUY" | "SELL") => {
    const quantityType = QUANTITY_TYPES[action][0]?.[0] ?? "units";
    set({ action, quantityType, quantity: action === "SELL" ? "100" : "10" });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = readTicket(form);
    setErrors(read.errors);
    const [first] = Object.keys(read.errors);
    if (first) element.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
    if (!read.order) return;
    place.mutate(
      { order: read.order, key },
      {
        onSuccess: () => {
          setSent(form.type === "market" ? "Sent: it fills with the next trade." : "Sent.");
          setKey(newKey());
        },
        onError: (error) => setErrors(error instanceof Problem ? error.byField : {}),
      },
    );
  };
  const known = ["quantity", "limit_price", "stop_price"].some((field) => errors[field]);
  const number = (name: string, label: string, value: string, change: keyof TicketForm) => (
    <Field label={label} error={errors[name]}>
      {(control) => (
        <input
          {...control}
          name={name}
          inputMode="decimal"
          autoComplete="off"
          className="num"
          value={value}
          onChange={(event) => set({ [change]: event.target.value })}
        />
      )}
    </Field>
  );

  return (
    <form ref={element} className="ticket" onSubmit={submit} noValidate data-testid="ticket">
      <div className="ticket-head">
        <Segments
          label="Side"
          value={form.action}
          onChange={turn}
          options={[
            ["BUY", "Buy"],
            ["SELL", "Sell"],
          ]}
        />
        <Segments
          label="Kind of order"
          value={form.type}
          onChange={(type) => set({ type })}
          options={[
            ["market", "Market"],
            ["limit", "Limit"],
            ["stop", "Stop"],
            ["stop_limit", "Stop limit"],
          ]}
        />
      </div>
      <div className="ticket-fields">
        {number("quantity", "Quantity", form.quantity, "quantity")}
        <Field label="Counted as">
          {(control) => (
            <select
              {...control}
              value={form.quantityType}
              onChange={(event) => set({ quantityType: event.target.value })}
            >
              {QUANTITY_TYPES[form.action].map(([value, label]) => (
                <option key={value} value={value}>
                  {value === "units" ? base : label}
                </option>
              ))}
            </select>
          )}
        </Field>
        {hasStop(form) && number("stop_price", "Stop price", form.stop, "stop")}
        {hasLimit(form) && number("limit_price", "Limit price", form.limit, "limit")}
      </div>
      <div className="ticket-foot">
        <button
          type="submit"
          className={`button ${form.action === "BUY" ? "buy" : "sell"}`}
          disabled={place.isPending}
        >
          {form.action === "BUY" ? "Buy" : "Sell"} {base}
        </button>
        <span className="faint num" role="status">
          {sent ??
            (form.action === "BUY"
              ? `${money(cash)} USD cash`
              : `${quantity(position)} ${base} held`)}
        </span>
      </div>
      {place.isError && !known && <Failure error={place.error} />}
    </form>
  );
}
