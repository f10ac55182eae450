import { useState, type ReactNode } from "react";
import {
  FEES,
  FILLS,
  LATENCIES,
  MARKET_FIELDS,
  RISK_FIELDS,
  riskSummary,
  SLIPPAGES,
  summary,
  type TermsForm,
} from "../../lib/terms";
import type { Errors } from "../../lib/validate";
import { Field } from "../parts";

interface Props {
  form: TermsForm;
  errors: Errors;
  /** The field as the server names it, whose error goes with the change. */
  set: (change: Partial<TermsForm>, field: string) => void;
}

/** A part that most leave as it is. It opens by itself where something in it is wrong. */
function Folded({
  title,
  note,
  wrong,
  children,
}: {
  title: string;
  note: string;
  wrong: boolean;
  children: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  return (
    <details
      className="folded"
      open={open || wrong}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span>{title}</span>
        <span className="muted">{note}</span>
      </summary>
      <div className="form">{children}</div>
    </details>
  );
}

function useFields({ form, errors, set }: Props) {
  const number = (
    label: string,
    field: string,
    name: keyof TermsForm,
    suffix?: string,
    help?: string,
  ) => (
    <Field label={label} error={errors[field]} {...(suffix && { suffix })} help={help}>
      {(control) => (
        <input
          {...control}
          name={field}
          inputMode="decimal"
          autoComplete="off"
          className="num"
          value={form[name]}
          onChange={(event) => set({ [name]: event.target.value }, field)}
        />
      )}
    </Field>
  );
  const choice = <K extends keyof TermsForm>(
    label: string,
    field: string,
    name: K,
    options: readonly (readonly [TermsForm[K], string])[],
    help?: string,
  ) => (
    <Field label={label} error={errors[field]} help={help}>
      {(control) => (
        <select
          {...control}
          name={field}
          value={form[name]}
          onChange={(event) => set({ [name]: event.target.value }, field)}
        >
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
  return { number, choice };
}

export function MarketTerms(props: Props) {
  const { form, errors } = props;
  const { number, choice } = useFields(props);
  return (
    <Folded
      title="How the market answers"
      note={summary(form)}
      wrong={MARKET_FIELDS.some((field) => errors[field])}
    >
      {choice("Orders fill", "fill_model", "fill", FILLS)}
      {form.fill === "quote" && (
        <>
          <div className="form-row">
            {number("A quote is stale after", "fill_model.max_age_ms", "maxAge", "ms")}
            {number("Wait for a fresh one", "fill_model.max_wait_seconds", "maxWait", "s")}
          </div>
          {choice("Without a fresh quote an order", "fill_model.stale", "stale", [
            ["wait", "waits"],
            ["reject", "is rejected"],
          ])}
        </>
      )}
      {form.fill === "volume" && (
        <div className="form-row">
          {number("Share of each trade", "fill_model.share", "share", "%")}
          {number(
            "Ahead in the queue",
            "fill_model.queue",
            "queue",
            "units",
            "Before a limit order at its price",
          )}
        </div>
      )}
      {choice("Fees", "fees", "fees", FEES)}
      {form.fees === "maker_taker" && (
        <div className="form-row">
          {number("Maker", "fees.maker", "maker", "%", "Orders that waited for the market")}
          {number("Taker", "fees.taker", "taker", "%", "Orders that went to the market")}
        </div>
      )}
      {choice("Slippage", "slippage", "slippage", SLIPPAGES, "What a taker pays beyond the price")}
      {form.slippage === "fixed" && number("Amount", "slippage.amount", "slippageAmount", "USD")}
      {(form.slippage === "proportional" || form.slippage === "square_root") &&
        number("Of the price", "slippage.rate", "slippageRate", "%")}
      {choice("Latency", "latency", "latency", LATENCIES, "From the signal to the market")}
      {form.latency === "fixed" && number("Delay", "latency.ms", "latencyMs", "ms")}
      {form.latency === "uniform" && (
        <div className="form-row">
          {number("At least", "latency.min_ms", "latencyMs", "ms")}
          {number("At most", "latency.max_ms", "latencyMax", "ms")}
        </div>
      )}
      <div className="form-row">
        {choice("Where the feed has a gap, orders", "gap", "gap", [
          ["wait", "wait"],
          ["reject", "are rejected"],
        ])}
        {choice("Cost of a position", "cost_method", "costMethod", [
          ["average", "Average"],
          ["fifo", "First in, first out"],
        ])}
      </div>
    </Folded>
  );
}

export function RiskTerms(props: Props) {
  const { form, errors } = props;
  const { number, choice } = useFields(props);
  return (
    <Folded
      title="Limits on risk"
      note={riskSummary(form)}
      wrong={RISK_FIELDS.some((field) => errors[field])}
    >
      <p className="field-help">A limit that is left empty isn&apos;t set.</p>
      <div className="form-row">
        {number("Largest position", "risk.max_position", "maxPosition", "USD")}
        {number("Largest order", "risk.max_order", "maxOrder", "USD")}
      </div>
      <div className="form-row">
        {number("Loss in a day (UTC)", "risk.max_daily_loss", "maxDailyLoss", "USD")}
        {number("Fall from the highest equity", "risk.max_drawdown", "maxDrawdown", "%")}
      </div>
      <div className="form-row">
        {number("Orders a minute", "risk.max_orders_per_minute", "maxOrdersPerMinute")}
        {choice("At a limit of loss", "risk.action", "riskAction", [
          ["reject", "buy no more"],
          ["halt", "halt the session"],
        ])}
      </div>
    </Folded>
  );
}
