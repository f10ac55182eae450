import "../styles/session.css";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { Link } from "wouter";
import { Problem } from "../lib/api";
import { useFeatures } from "../lib/features";
import { moment, pair } from "../lib/format";
import { entryPrice, isOpen, levelsOf, type Order } from "../lib/orders";
import { ordersQuery, sessionQuery } from "../lib/queries";
import type { Session } from "../lib/types";
import { feeText, termsInWords } from "../lib/session-terms";
import { timeframeLabel } from "../lib/timeframe";
import { useLedger, type LedgerView } from "../lib/use-ledger";
import { Icon } from "../ui/icons";
import {
  Empty,
  Failure,
  LinkButton,
  Page,
  Panel,
  Segments,
  Skeleton,
  StatusBadge,
} from "../ui/parts";
import { SessionActions } from "../ui/session/actions";
import { ActivityLog } from "../ui/session/activity";
import { Metrics, Performance, standingOf } from "../ui/session/metrics";
import { OrdersTable } from "../ui/session/orders";
import { PricePanel } from "../ui/session/price-panel";
import { StrategyPanel } from "../ui/session/strategy-panel";
import { Ticket } from "../ui/session/ticket";
import { TradesTable } from "../ui/session/trades";
import { isActive } from "../lib/sessions";

const EquityChart = lazy(() => import("../charts/equity-chart"));

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
  const pushed = ledger.status?.value ?? session.status;
  // The pushed status is newer than the read one, but a command in progress is only in the read one.
  const busy = ["STOPPING", "PAUSING", "RESUMING"].includes(session.status);
  const status = busy && pushed === "RUNNING" ? session.status : pushed;
  const current = { ...session, status };
  const active = isActive(current);
  const name = session.name ?? session.strategy_name ?? "Session";
  const complete = view.loadOlder === null;
  const standing = standingOf(session, ledger);

  const features = useFeatures();
  const hasOrders = features?.has("GET", "/v1/sessions/{}/orders") ?? false;
  const orders = useQuery({ ...ordersQuery(session.id), enabled: hasOrders });
  const entry = entryPrice(ledger.trades, standing.position);
  const levels = useMemo(() => levelsOf(orders.data ?? [], entry), [orders.data, entry]);

  return (
    <Page
      title={
        <span className="session-title">
          <Link href="/sessions" className="icon-button" aria-label="All sessions">
            <Icon name="back" />
          </Link>
          <span className="session-name">{name}</span>
          <StatusBadge status={status} />
        </span>
      }
      lead={
        <span className="facts">
          <span>{pair(session.symbol)}</span>
          <Link href={`/strategies/${session.strategy_id}`}>
            {session.strategy_name ?? "Strategy"} v{session.strategy_version}
          </Link>
          <span>{timeframeLabel(session.timeframe)}</span>
          <span>{feeText(session.fee_rate, session.terms)}</span>
          {session.started_at && <span>since {moment(session.started_at)}</span>}
        </span>
      }
      actions={<SessionActions session={current} active={active} />}
    >
      {status === "ERROR" && (
        <div className="failure" role="alert">
          <Icon name="alert" />
          <p>
            {ledger.status?.reason ?? session.status_reason ?? "The session ended in an error."}
          </p>
        </div>
      )}
      <Metrics
        session={session}
        ledger={ledger}
        standing={standing}
        entry={entry}
        complete={complete}
      />
      {view.error && <Failure error={new Error(view.error)} retry={view.retry} />}
      <div className="session-grid">
        <div className="session-charts">
          <PricePanel session={session} trades={ledger.trades} levels={levels} />
          <Panel
            title="Equity and drawdown"
            flush
            aside={<span className="faint">USD and %, by trade time; dashed: buy and hold</span>}
          >
            <div className="chart-frame short">
              <Suspense fallback={<div className="chart-note">Loading…</div>}>
                <EquityChart points={ledger.equity} initial={session.initial_balance} />
              </Suspense>
            </div>
          </Panel>
        </div>
        <div className="session-side">
          {active && features?.has("POST", "/v1/sessions/{}/orders") && (
            <Panel title="Order by hand">
              <Ticket
                sessionId={session.id}
                cash={standing.cash}
                position={standing.position}
                base={pair(session.symbol).split("/")[0] ?? ""}
              />
            </Panel>
          )}
          <Ledgers
            view={view}
            session={current}
            active={active}
            orders={hasOrders ? orders.data : null}
          />
        </div>
      </div>
      {active && features?.has("GET", "/v1/strategies/{}/sessions/{}/values") && (
        <StrategyPanel session={session} />
      )}
      <Performance session={session} />
      <Terms session={session} />
      <p className="faint attribution">
        Charts: TradingView Lightweight Charts™. Copyright © 2025{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          TradingView, Inc.
        </a>
      </p>
    </Page>
  );
}

/** What was chosen for this session beyond balance and fee. */
function Terms({ session }: { session: Session }) {
  const terms = termsInWords(session.terms);
  if (terms.length === 0) return null;
  return (
    <Panel title="Terms">
      <dl className="terms" data-testid="terms">
        {terms.map(([label, text]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

type Tab = "trades" | "orders" | "log";

function Ledgers({
  view,
  session,
  active,
  orders,
}: {
  view: LedgerView;
  session: Session;
  active: boolean;
  /** Null where the server has none; undefined while they load. */
  orders: Order[] | null | undefined;
}) {
  const [tab, setTab] = useState<Tab>("trades");
  const open = orders?.filter(isOpen).length ?? 0;
  const options: [Tab, string][] = [["trades", "Trades"]];
  if (orders !== null) options.push(["orders", open > 0 ? `Orders (${open})` : "Orders"]);
  options.push(["log", "Log"]);
  return (
    <Panel
      title={<Segments label="Show" options={options} value={tab} onChange={setTab} />}
      flush
      className="trades-panel"
    >
      {tab === "trades" && <TradesTable view={view} active={active} />}
      {tab === "orders" && (
        <OrdersTable orders={orders ?? undefined} sessionId={session.id} canCancel={active} />
      )}
      {tab === "log" && <ActivityLog view={view} session={session} />}
    </Panel>
  );
}
