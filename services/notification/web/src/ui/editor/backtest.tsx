import { useMutation, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef, useState, type FormEvent } from "react";
import { explain, Problem } from "../../lib/api";
import { runBacktest, type BacktestResult } from "../../lib/backtests";
import { thinned } from "../../lib/equity";
import {
  count,
  money,
  moment,
  pair,
  price,
  quantity,
  signedMoney,
  signedPercent,
} from "../../lib/format";
import { figuresOf } from "../../lib/metrics";
import { toNumber } from "../../lib/number";
import { subscriptionsQuery } from "../../lib/queries";
import { timeframeError, written } from "../../lib/timeframe";
import type { Source } from "../../lib/types";
import { parseNumber, percentToRate } from "../../lib/validate";
import { Failure, Field, Metric, Panel, Side, Signed } from "../parts";
import { TimeframeFields } from "../timeframe";

const EquityChart = lazy(() => import("../../charts/equity-chart"));

const HOURS: [value: string, label: string][] = [
  ["1", "Last hour"],
  ["6", "Last 6 hours"],
  ["24", "Last day"],
  ["168", "Last week"],
];
const MAX_POINTS = 2_000;
const MAX_ROWS = 100;

/** What the strategy would have done: the same plan and the same paper exchange, at once. */
export function Backtest({
  kind,
  source,
  ready,
}: {
  kind: string;
  source: Source;
  ready: boolean;
}) {
  const subscriptions = useQuery(subscriptionsQuery);
  const symbols = subscriptions.data?.map((item) => item.symbol) ?? [];
  const [symbol, setSymbol] = useState("");
  const [timeframe, setTimeframe] = useState("tick");
  const [hours, setHours] = useState("1");
  const [balance, setBalance] = useState("100000");
  const [fee, setFee] = useState("0.1");
  // Whoever leaves the page doesn't wait for what runs.
  const waiting = useRef<AbortController | null>(null);
  useEffect(() => () => waiting.current?.abort(), []);
  const run = useMutation({
    mutationFn: () => {
      const to = Date.now();
      waiting.current = new AbortController();
      const body = {
        kind,
        source,
        symbol: symbol || (symbols[0] ?? ""),
        timeframe: written(timeframe),
        from: new Date(to - Number(hours) * 3_600_000).toISOString(),
        to: new Date(to).toISOString(),
        initial_balance: parseNumber(balance) ?? 0,
        fee_rate: percentToRate(parseNumber(fee) ?? 0),
      };
      return runBacktest(body, waiting.current.signal);
    },
  });
  const fields = run.error instanceof Problem ? run.error.byField : {};
  const amountError = (parseNumber(balance) ?? 0) > 0 ? undefined : "Enter an amount above 0.";
  const feeError = parseNumber(fee) === null ? "Enter a percentage." : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!amountError && !feeError && !timeframeError(timeframe)) run.mutate();
  };
  const options = (list: readonly (readonly [string, string])[]) =>
    list.map(([value, label]) => (
      <option key={value} value={value}>
        {label}
      </option>
    ));

  return (
    <Panel title="Backtest" className="backtest">
      <form className="backtest-form" onSubmit={submit} noValidate data-testid="backtest">
        <Field label="Market" error={fields.symbol}>
          {(control) => (
            <select
              {...control}
              value={symbol || (symbols[0] ?? "")}
              onChange={(event) => setSymbol(event.target.value)}
            >
              {options(symbols.map((item) => [item, pair(item)] as const))}
            </select>
          )}
        </Field>
        <TimeframeFields
          value={timeframe}
          error={timeframeError(timeframe) ?? fields.timeframe}
          onChange={setTimeframe}
        />
        <Field label="Over" error={fields.from ?? fields.to}>
          {(control) => (
            <select {...control} value={hours} onChange={(event) => setHours(event.target.value)}>
              {options(HOURS)}
            </select>
          )}
        </Field>
        <Field label="Balance" error={amountError ?? fields.initial_balance} suffix="USD">
          {(control) => (
            <input
              {...control}
              className="num"
              inputMode="decimal"
              value={balance}
              onChange={(event) => setBalance(event.target.value)}
            />
          )}
        </Field>
        <Field label="Fee" error={feeError ?? fields.fee_rate} suffix="%">
          {(control) => (
            <input
              {...control}
              className="num"
              inputMode="decimal"
              value={fee}
              onChange={(event) => setFee(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="button primary" disabled={!ready || run.isPending}>
          {run.isPending ? "Running…" : "Run backtest"}
        </button>
      </form>
      {run.isError && Object.keys(fields).length === 0 && <Failure error={run.error} />}
      {run.isError && Object.keys(fields).length > 0 && (
        <p className="field-error">{explain(run.error)}</p>
      )}
      {run.data && <Result result={run.data} initial={parseNumber(balance) ?? 0} />}
    </Panel>
  );
}

function Result({ result, initial }: { result: BacktestResult; initial: number }) {
  const line = thinned(
    result.equity.map(({ time, value }) => ({ time: Math.floor(Date.parse(time) / 1000), value })),
    MAX_POINTS,
  ).filter((point, index, all) => index === 0 || point.time > (all[index - 1]?.time ?? 0));
  const trades = result.trades.filter((trade) => trade.status === "FILLED");
  const run = result.runs[0] ?? {};
  const last = toNumber(run.final_equity) ?? line.at(-1)?.value ?? initial;
  const figures = figuresOf(run).filter((figure) => figure.label !== "Return");
  const change = (last / initial - 1) * 100;
  return (
    <div className="backtest-result" data-testid="backtest-result">
      <dl className="metrics">
        <Metric
          label="Return"
          value={<Signed value={change} text={signedPercent(change)} />}
          detail={`${money(last)} USD at the end`}
        />
        <Metric
          label="Trades"
          value={count(toNumber(run.fills) ?? trades.length)}
          detail={`${count(result.ticks)} ticks`}
        />
        {figures.slice(0, 5).map((figure) => (
          <Metric key={figure.key} label={figure.label} value={figure.text} />
        ))}
      </dl>
      {result.gaps > 0 && (
        <p className="field-help">
          Trades of the market are missing in {count(result.gaps)} places.
        </p>
      )}
      <div className="chart-frame short">
        <Suspense fallback={<div className="chart-note">Loading…</div>}>
          <EquityChart points={[]} line={line} initial={initial} label="Equity of the backtest" />
        </Suspense>
      </div>
      {trades.length > 0 && (
        // A region that scrolls needs a way in for the keyboard.

        <div
          className="table-scroll backtest-trades"
          role="region"
          aria-label="Trades of the backtest"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
        >
          <table className="table compact">
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Side</th>
                <th scope="col" className="right">
                  Quantity
                </th>
                <th scope="col" className="right">
                  Price
                </th>
                <th scope="col" className="right">
                  Result
                </th>
              </tr>
            </thead>
            <tbody>
              {trades.slice(-MAX_ROWS).map((trade) => (
                <tr key={trade.sequence} title={trade.reason}>
                  <td className="num">{moment(trade.timestamp)}</td>
                  <td>
                    <Side action={trade.action} />
                  </td>
                  <td className="right num">{quantity(trade.quantity)}</td>
                  <td className="right num">{price(trade.price)}</td>
                  <td className="right">
                    <Signed value={trade.realized_pnl} text={signedMoney(trade.realized_pnl)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
