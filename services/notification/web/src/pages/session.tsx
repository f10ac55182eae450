import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Link } from "wouter";
import { Problem } from "../lib/api";
import { INTERVALS, type Interval } from "../lib/candles";
import {
  count,
  decimalsOf,
  moment,
  money,
  pair,
  price,
  quantity,
  rate,
  signedMoney,
  signedPercent,
  tone,
  zone,
} from "../lib/format";
import { performance, type Ledger } from "../lib/ledger";
import { sessionQuery, useStopSession } from "../lib/queries";
import type { Session, Trade } from "../lib/types";
import { useLedger, type LedgerView } from "../lib/use-ledger";
import { Icon } from "../ui/icons";
import {
  ConfirmButton,
  Empty,
  Failure,
  LinkButton,
  LivePrice,
  Metric,
  Page,
  Panel,
  Segments,
  Side,
  Signed,
  Skeleton,
  StatusBadge,
  Time,
} from "../ui/parts";
import { isActive } from "./home";

const PriceChart = lazy(() => import("../charts/price-chart"));
const EquityChart = lazy(() => import("../charts/equity-chart"));

/** Rows drawn at first; a table of thousands would make each new trade slow. */
const ROWS = 100;

export default function SessionPage({ id }: { id: string }) {
  const session = useQuery(sessionQuery(id));
  const view = useLedger(id);

  if (session.data) return <Loaded session={session.data} view={view} />;
  if (session.isError) {
    const gone = session.error instanceof Problem && session.error.status === 404;
    return (
      <div className="page">
        {gone ? (
          <Empty
            icon="session"
            title="There is no such session"
            action={<LinkButton href="/sessions">All sessions</LinkButton>}
          />
        ) : (
          <Failure error={session.error} retry={() => void session.refetch()} />
        )}
      </div>
    );
  }
  return (
    <div className="page">
      <Skeleton rows={1} height={48} />
      <Skeleton rows={1} height={84} />
      <Skeleton rows={1} height={360} />
    </div>
  );
}

function Loaded({ session, view }: { session: Session; view: LedgerView }) {
  const { ledger } = view;
  const status = ledger.status?.value ?? session.status;
  // The pushed status is newer than the read one, but a stop in progress is only in the read one.
  const shown = session.status === "STOPPING" && status === "RUNNING" ? session.status : status;
  const current = { ...session, status: shown };
  const name = session.name ?? session.strategy_name ?? "Session";
  return (
    <Page
      title={
        <span className="session-title">
          <Link href="/sessions" className="icon-button" aria-label="All sessions">
            <Icon name="back" />
          </Link>
          <span className="session-name">{name}</span>
          <StatusBadge status={shown} />
        </span>
      }
      lead={
        <span className="facts">
          <span>{pair(session.symbol)}</span>
          <Link href={`/strategies/${session.strategy_id}`}>
            {session.strategy_name ?? "Strategy"} v{session.strategy_version}
          </Link>
          <span>{session.timeframe === "tick" ? "every trade" : `${session.timeframe} bars`}</span>
          <span>fee {rate(session.fee_rate)}</span>
          {session.started_at && <span>since {moment(session.started_at)}</span>}
        </span>
      }
      actions={isActive(current) && <Stop session={current} />}
    >
      {shown === "ERROR" && (
        <div className="failure" role="alert">
          <Icon name="alert" />
          <p>
            {ledger.status?.reason ?? session.status_reason ?? "The session ended in an error."}
          </p>
        </div>
      )}
      <Metrics session={session} ledger={ledger} complete={view.loadOlder === null} />
      {view.error && <Failure error={new Error(view.error)} retry={view.retry} />}
      <div className="session-grid">
        <div className="session-charts">
          <PricePanel session={session} trades={ledger.trades} />
          <Panel title="Equity" flush aside={<span className="faint">USD, by trade time</span>}>
            <div className="chart-frame short">
              <Suspense fallback={<div className="chart-note">Loading…</div>}>
                <EquityChart points={ledger.equity} initial={session.initial_balance} />
              </Suspense>
            </div>
          </Panel>
          <p className="faint attribution">
            Charts: TradingView Lightweight Charts™. Copyright © 2025{" "}
            <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
              TradingView, Inc.
            </a>
          </p>
        </div>
        <Trades view={view} session={session} />
      </div>
    </Page>
  );
}

function Stop({ session }: { session: Session }) {
  const stop = useStopSession();
  if (stop.isError) return <Failure error={stop.error} retry={() => stop.mutate(session.id)} />;
  return (
    <ConfirmButton
      icon="stop"
      label="Stop"
      busyLabel="Stopping…"
      busy={stop.isPending || session.status === "STOPPING"}
      question="Stop for good?"
      confirm="Stop it"
      keep="Keep running"
      onConfirm={() => stop.mutate(session.id)}
    />
  );
}

function Metrics({
  session,
  ledger,
  complete,
}: {
  session: Session;
  ledger: Ledger;
  complete: boolean;
}) {
  const latest = ledger.latest;
  const cash = latest?.cash ?? session.cash;
  const position = latest?.position ?? session.position;
  const equity = latest?.equity ?? session.equity;
  const lastPrice = latest?.price ?? session.last_price;
  const result = equity - session.initial_balance;
  const percent = session.initial_balance ? (result / session.initial_balance) * 100 : 0;
  const { winRate, wins, closed, maxDrawdownPct } = performance(ledger);
  const filled = ledger.trades.filter((trade) => trade.status === "FILLED").length;
  const base = pair(session.symbol).split("/")[0] ?? "";
  return (
    <dl className="metrics">
      <Metric
        label="Equity"
        value={money(equity)}
        detail={<Signed value={result} text={signedMoney(result)} />}
      />
      <Metric
        label="Return"
        value={signedPercent(percent)}
        valueTone={tone(percent)}
        detail={`of ${money(session.initial_balance)}`}
      />
      <Metric
        label="Position"
        value={quantity(position)}
        detail={
          position === 0
            ? `no ${base} held`
            : `${base}, worth ${money(position * (lastPrice ?? 0))}`
        }
      />
      <Metric label="Cash" value={money(cash)} detail="USD" />
      <Metric
        label="Realised"
        value={signedMoney(session.realized_pnl)}
        valueTone={tone(session.realized_pnl)}
        detail={`fees ${money(session.fees)}`}
      />
      <Metric
        label="Trades"
        value={count(complete ? Math.max(filled, session.trades) : session.trades)}
        detail={
          winRate === null
            ? "none closed yet"
            : `${Math.round(winRate * 100)}% won (${wins} of ${closed})`
        }
      />
      <Metric
        label="Max drawdown"
        value={maxDrawdownPct === null ? "–" : signedPercent(-maxDrawdownPct)}
        detail="from the peak"
      />
    </dl>
  );
}

const INTERVAL_OPTIONS = (Object.keys(INTERVALS) as Interval[]).map(
  (interval) => [interval, interval] as const,
);

function PricePanel({ session, trades }: { session: Session; trades: readonly Trade[] }) {
  const [interval, setInterval] = useState<Interval>("5s");
  const [look, setLook] = useState<"candles" | "line">("candles");
  return (
    <Panel
      flush
      title={
        <span className="price-title">
          {pair(session.symbol)}
          <LivePrice symbol={session.symbol} initial={session.last_price} />
        </span>
      }
      aside={
        <>
          <Segments
            label="Bar length"
            options={INTERVAL_OPTIONS}
            value={interval}
            onChange={setInterval}
          />
          <Segments
            label="Kind of chart"
            options={[
              ["candles", "Candles"],
              ["line", "Line"],
            ]}
            value={look}
            onChange={setLook}
          />
        </>
      }
    >
      <div className="chart-frame">
        <Suspense fallback={<div className="chart-note">Loading the chart…</div>}>
          <PriceChart symbol={session.symbol} interval={interval} look={look} trades={trades} />
        </Suspense>
      </div>
    </Panel>
  );
}

function Trades({ view, session }: { view: LedgerView; session: Session }) {
  const { ledger, loaded, loadOlder } = view;
  const [rows, setRows] = useState(ROWS);
  const trades = ledger.trades.slice(0, rows);
  const decimals = decimalsOf(trades.map((trade) => trade.quantity));
  const more = ledger.trades.length > rows;
  return (
    <Panel
      title="Trades"
      flush
      className="trades-panel"
      aside={<span className="faint">Times in {zone()}</span>}
    >
      {!loaded && trades.length === 0 && <Skeleton rows={6} height={28} />}
      {loaded && trades.length === 0 && (
        <Empty icon="session" title="No trades yet">
          {isActive(session)
            ? "The strategy is watching; its first trade appears here by itself."
            : "This session ended without a trade."}
        </Empty>
      )}
      {trades.length > 0 && (
        // A region that scrolls needs a way in for the keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="table-scroll trades-scroll" role="region" aria-label="Trades" tabIndex={0}>
          <table className="table compact" data-testid="trades">
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
              {trades.map((trade) => (
                <TradeRow key={trade.trade_id} trade={trade} decimals={decimals} />
              ))}
            </tbody>
          </table>
          {(more || loadOlder) && (
            <button
              type="button"
              className="button ghost table-more"
              onClick={() => {
                setRows((shown) => shown + ROWS);
                if (!more) loadOlder?.();
              }}
            >
              Show older trades
            </button>
          )}
        </div>
      )}
    </Panel>
  );
}

function TradeRow({ trade, decimals }: { trade: Trade; decimals: number }) {
  const rejected = trade.status === "REJECTED";
  return (
    <tr data-sequence={trade.sequence} className={rejected ? "rejected" : ""}>
      <td>
        <Time at={trade.timestamp} />
      </td>
      <td>
        <Side action={trade.action} />
      </td>
      <td className="right num">{quantity(trade.quantity, decimals)}</td>
      <td className="right num">{price(trade.price)}</td>
      <td className="right" title={trade.reason ?? undefined}>
        {rejected ? (
          <span className="reason">Rejected{trade.reason ? `: ${trade.reason}` : ""}</span>
        ) : trade.action === "SELL" ? (
          <Signed value={trade.realized_pnl} text={signedMoney(trade.realized_pnl)} />
        ) : (
          <span className="faint num">fee {money(trade.fee)}</span>
        )}
      </td>
    </tr>
  );
}
