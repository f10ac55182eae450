import "../styles/new-session.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef, useState, type FormEvent } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { Problem } from "../lib/api";
import { pair } from "../lib/format";
import {
  createSession,
  createStrategy,
  graphQuery,
  newKey,
  strategiesQuery,
  strategyQuery,
  subscriptionsQuery,
  templatesQuery,
} from "../lib/queries";
import { EMPTY_TERMS, MARKET_FIELDS, readTerms, RISK_FIELDS, type TermsForm } from "../lib/terms";
import { isTimeframe, timeframeError, written } from "../lib/timeframe";
import type { Diagnostic, Strategy, Template } from "../lib/types";
import {
  parseNumber,
  percentToRate,
  validateSession,
  type Errors,
  type SessionForm,
} from "../lib/validate";
import { MarketTerms, RiskTerms } from "../ui/new-session/terms";
import { Failure, Field, LivePrice, Page, Panel, Skeleton } from "../ui/parts";
import { TimeframeFields } from "../ui/timeframe";

const GraphView = lazy(() => import("../charts/graph-view"));

const TEMPLATE = "template:";

export default function NewSessionPage() {
  const strategies = useQuery(strategiesQuery);
  const templates = useQuery(templatesQuery);
  const subscriptions = useQuery(subscriptionsQuery);
  const queries = [strategies, templates, subscriptions];
  const failed = queries.find((query) => query.isError && !query.data);

  return (
    <Page
      title="New session"
      lead="Everything is filled in: press Start, or change what you like first."
    >
      {failed ? (
        <Failure
          error={failed.error}
          retry={() => queries.forEach((query) => void query.refetch())}
        />
      ) : strategies.data && templates.data && subscriptions.data ? (
        <Form
          strategies={strategies.data}
          templates={templates.data}
          symbols={subscriptions.data.map((item) => ({
            symbol: item.symbol,
            label: pair(item.symbol, item.product_id),
            price: item.last_price,
          }))}
        />
      ) : (
        <Skeleton rows={4} height={56} />
      )}
    </Page>
  );
}

interface Market {
  symbol: string;
  label: string;
  price: number | null;
}

/** The fields in their order on the page: the first with an error gets the focus. */
const ORDER = [
  "strategy_id",
  "symbol",
  "timeframe",
  "initial_balance",
  "fee_rate",
  "name",
  ...MARKET_FIELDS,
  ...RISK_FIELDS,
];

function Form({
  strategies,
  templates,
  symbols,
}: {
  strategies: Strategy[];
  templates: Template[];
  symbols: Market[];
}) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const wanted = new URLSearchParams(useSearch());
  const asked = wanted.get("timeframe") ?? "tick";
  const [form, setForm] = useState<SessionForm>(() => ({
    strategy:
      wanted.get("strategy") ??
      strategies[0]?.id ??
      (templates[0] ? TEMPLATE + templates[0].key : ""),
    symbol: wanted.get("symbol") ?? symbols[0]?.symbol ?? "",
    timeframe: isTimeframe(asked) ? asked : "tick",
    balance: wanted.get("balance") ?? "100000",
    fee: wanted.get("fee") ?? "0.1",
    name: "",
  }));
  const [terms, setTerms] = useState<TermsForm>(EMPTY_TERMS);
  const [errors, setErrors] = useState<Errors>({});
  const [failure, setFailure] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  // One key for one intention: pressing Start again after a lost answer finds the same session.
  // Changing anything is a new intention.
  const [key, setKey] = useState(newKey);
  const created = useRef<{ choice: string; id: string } | null>(null);
  const element = useRef<HTMLFormElement>(null);

  useEffect(() => {
    const first = ORDER.find((name) => errors[name]);
    if (first) element.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  }, [errors]);

  const touched = (errorKey: string) => {
    setErrors((current) =>
      Object.fromEntries(Object.entries(current).filter(([name]) => name !== errorKey)),
    );
    setFailure(null);
    setKey(newKey());
  };
  const set = (field: keyof SessionForm, errorKey: string) => (value: string) => {
    setForm((current) => ({ ...current, [field]: value }));
    touched(errorKey);
  };
  const setTerm = (change: Partial<TermsForm>, errorKey: string) => {
    setTerms((current) => ({ ...current, ...change }));
    touched(errorKey);
  };

  /** A template becomes a strategy of the user's own; only once, should the session fail. */
  const strategyId = async (): Promise<string> => {
    if (!form.strategy.startsWith(TEMPLATE)) return form.strategy;
    if (created.current?.choice === form.strategy) return created.current.id;
    const template = templates.find((item) => TEMPLATE + item.key === form.strategy);
    if (!template) throw new Error("This template is gone. Choose another.");
    const { name, description, kind, source } = template;
    const strategy = await createStrategy({ name, description, kind, source });
    created.current = { choice: form.strategy, id: strategy.id };
    return strategy.id;
  };

  const start = async () => {
    const read = readTerms(terms);
    const found = { ...validateSession(form), ...read.errors };
    const timeframe = timeframeError(form.timeframe);
    if (timeframe) found.timeframe = timeframe;
    // A rate that isn't asked for isn't wrong.
    if (terms.fees !== "rate") delete found.fee_rate;
    setErrors(found);
    setFailure(null);
    const balance = parseNumber(form.balance);
    const fee = parseNumber(terms.fees === "rate" ? form.fee : "0");
    if (Object.keys(found).length > 0 || balance === null || fee === null) return;
    setBusy(true);
    try {
      const name = form.name.trim();
      const session = await createSession(
        {
          strategy_id: await strategyId(),
          symbol: form.symbol,
          timeframe: written(form.timeframe),
          initial_balance: balance,
          fee_rate: percentToRate(fee),
          ...read.terms,
          ...(name && { name }),
        },
        key,
      );
      client.setQueryData(["sessions", session.id], session);
      void client.invalidateQueries({ queryKey: ["sessions"], exact: true });
      void client.invalidateQueries({ queryKey: ["strategies"] });
      go(`/sessions/${session.id}`);
    } catch (error) {
      const fields = error instanceof Problem ? error.byField : {};
      const beside = Object.keys(fields).some((name) => ORDER.includes(name));
      setErrors(fields);
      if (!beside) setFailure(error);
      setBusy(false);
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void start();
  };
  const market = symbols.find((item) => item.symbol === form.symbol);

  return (
    <div className="new-session-grid">
      <Panel>
        <form ref={element} onSubmit={submit} noValidate className="form">
          <Field
            label="Strategy"
            error={errors.strategy_id}
            help={
              <>
                Or <Link href="/strategies/new">design your own</Link> first.
              </>
            }
          >
            {(control) => (
              <select
                {...control}
                name="strategy_id"
                value={form.strategy}
                onChange={(event) => set("strategy", "strategy_id")(event.target.value)}
              >
                {!form.strategy && <option value="">Choose…</option>}
                {strategies.length > 0 && (
                  <optgroup label="Your strategies">
                    {strategies.map((item) => (
                      <option key={item.id} value={item.id}>
                        {item.name}
                      </option>
                    ))}
                  </optgroup>
                )}
                <optgroup label="Templates">
                  {templates.map((item) => (
                    <option key={item.key} value={TEMPLATE + item.key}>
                      {item.name}
                    </option>
                  ))}
                </optgroup>
              </select>
            )}
          </Field>
          <div className="form-row">
            <Field
              label="Market"
              error={errors.symbol}
              help={
                market ? (
                  <>
                    Now <LivePrice symbol={market.symbol} initial={market.price} />
                  </>
                ) : (
                  <Link href="/markets">Add a market</Link>
                )
              }
            >
              {(control) => (
                <select
                  {...control}
                  name="symbol"
                  value={form.symbol}
                  onChange={(event) => set("symbol", "symbol")(event.target.value)}
                >
                  {!market && <option value={form.symbol}>{form.symbol || "Choose…"}</option>}
                  {symbols.map((item) => (
                    <option key={item.symbol} value={item.symbol}>
                      {item.label}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <TimeframeFields
              value={form.timeframe}
              error={errors.timeframe}
              help="When the strategy decides"
              onChange={set("timeframe", "timeframe")}
            />
          </div>
          <div className="form-row">
            <Field label="Starting balance" error={errors.initial_balance} suffix="USD">
              {(control) => (
                <input
                  {...control}
                  name="initial_balance"
                  inputMode="decimal"
                  autoComplete="off"
                  className="num"
                  value={form.balance}
                  onChange={(event) => set("balance", "initial_balance")(event.target.value)}
                />
              )}
            </Field>
            <Field
              label="Fee per trade"
              error={errors.fee_rate}
              suffix="%"
              help={terms.fees === "rate" ? undefined : "As chosen below"}
            >
              {(control) => (
                <input
                  {...control}
                  name="fee_rate"
                  disabled={terms.fees !== "rate"}
                  inputMode="decimal"
                  autoComplete="off"
                  className="num"
                  value={form.fee}
                  onChange={(event) => set("fee", "fee_rate")(event.target.value)}
                />
              )}
            </Field>
          </div>
          <Field label="Name (optional)" error={errors.name}>
            {(control) => (
              <input
                {...control}
                name="name"
                autoComplete="off"
                placeholder="How you will recognise it"
                value={form.name}
                onChange={(event) => set("name", "name")(event.target.value)}
              />
            )}
          </Field>
          <MarketTerms form={terms} errors={errors} set={setTerm} />
          <RiskTerms form={terms} errors={errors} set={setTerm} />
          {failure !== null && (
            <div className="form-failure">
              <Failure error={failure} />
            </div>
          )}
          <div className="form-actions">
            <button type="submit" className="button primary" disabled={busy}>
              {busy ? "Starting…" : "Start session"}
            </button>
            <Link href="/sessions" className="button ghost">
              Cancel
            </Link>
          </div>
        </form>
      </Panel>
      <Preview choice={form.strategy} templates={templates} />
    </div>
  );
}

const NO_DIAGNOSTICS: Diagnostic[] = [];

/** What the chosen strategy does, as its author says and as a picture. */
function Preview({ choice, templates }: { choice: string; templates: Template[] }) {
  const template = templates.find((item) => TEMPLATE + item.key === choice);
  const own = useQuery({ ...strategyQuery(choice), enabled: !template && choice !== "" });
  const shown = template ?? own.data;
  const version = own.data?.version ?? 0;
  const graph = useQuery(graphQuery([choice, version], shown?.kind ?? "graph", shown?.source));
  if (!shown) return null;
  return (
    <Panel title={shown.name} flush>
      {shown.description && <p className="preview-text">{shown.description}</p>}
      {graph.data && (
        <div className="preview-frame">
          <Suspense fallback={<div className="chart-note">Loading the graph…</div>}>
            <GraphView graph={graph.data} diagnostics={NO_DIAGNOSTICS} />
          </Suspense>
        </div>
      )}
    </Panel>
  );
}
