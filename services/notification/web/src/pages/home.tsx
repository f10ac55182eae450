import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { money, pair, price, quantity, signedPercent, zone } from "../lib/format";
import { pushedTrades } from "../lib/pushes";
import { equityQuery, recentTradesQuery, sessionsQuery, subscriptionsQuery } from "../lib/queries";
import { useStore } from "../lib/store";
import { isActive } from "../lib/sessions";
import type { Session, Trade } from "../lib/types";
import { MarketCard } from "../ui/market-card";
import {
  Empty,
  Failure,
  LinkButton,
  Page,
  Panel,
  Side,
  Signed,
  Skeleton,
  StatusBadge,
  Time,
} from "../ui/parts";
import { Overview } from "../ui/home/overview";
import { Positions } from "../ui/home/positions";
import { SystemLine } from "../ui/home/system-line";
import { Welcome } from "../ui/home/welcome";
import { Sparkline } from "../ui/sparkline";

const MAX_CARDS = 6;
const MAX_FILLS = 10;

export function HomePage() {
  const sessions = useQuery(sessionsQuery);
  const list = sessions.data ?? [];
  const active = list.filter(isActive);

  return (
    <Page
      title="Home"
      actions={
        list.length > 0 && (
          <LinkButton href="/sessions/new" icon="plus" look="primary">
            New session
          </LinkButton>
        )
      }
    >
      {sessions.isPending && <Skeleton rows={1} height={92} />}
      {sessions.isError && !sessions.data && (
        <Failure error={sessions.error} retry={() => void sessions.refetch()} />
      )}
      {sessions.data && (list.length > 0 ? <Overview sessions={list} /> : <Welcome />)}
      <Markets />
      {list.length > 0 && (
        <div className="home-grid">
          <Panel
            title="Running sessions"
            aside={<Link href="/sessions">All {list.length}</Link>}
            flush
          >
            {active.length > 0 ? (
              <ul className="session-cards">
                {active.slice(0, MAX_CARDS).map((session) => (
                  <SessionCard key={session.id} session={session} />
                ))}
              </ul>
            ) : (
              <Empty
                icon="session"
                title="Nothing is running"
                action={<LinkButton href="/sessions/new">Start a session</LinkButton>}
              />
            )}
          </Panel>
          <div className="home-side">
            <Positions sessions={list} />
            <LatestFills sessions={list} />
          </div>
        </div>
      )}
      <SystemLine />
    </Page>
  );
}

function Markets() {
  const subscriptions = useQuery(subscriptionsQuery);
  if (subscriptions.isPending) return <Skeleton rows={1} height={84} />;
  if (!subscriptions.data) {
    return <Failure error={subscriptions.error} retry={() => void subscriptions.refetch()} />;
  }
  if (subscriptions.data.length === 0) {
    return (
      <Panel title="Markets">
        <Empty
          icon="market"
          title="No market is watched yet"
          action={<LinkButton href="/markets">Add a market</LinkButton>}
        />
      </Panel>
    );
  }
  return (
    // On a phone it scrolls sideways, and the keyboard needs a way into what scrolls.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className="market-scroll" aria-label="Markets" tabIndex={0}>
      <ul className="market-strip">
        {subscriptions.data.map((item) => (
          <MarketCard key={item.symbol} item={item} />
        ))}
      </ul>
    </section>
  );
}

function SessionCard({ session }: { session: Session }) {
  const equity = useQuery(equityQuery(session.id));
  const values = equity.data?.map((point) => point.equity) ?? [];
  if (values.length > 0) values.push(session.equity);
  const name = session.name ?? session.strategy_name ?? "Session";
  return (
    <li>
      <Link href={`/sessions/${session.id}`} className="session-card" data-testid="session-card">
        <div className="session-card-name">
          <strong>{name}</strong>
          <span className="muted">
            {pair(session.symbol)} · {session.strategy_name ?? "strategy"}
          </span>
        </div>
        <StatusBadge status={session.status} />
        <div className="session-card-figures">
          <strong className="num">{money(session.equity)}</strong>
          <Signed value={session.return_pct} text={signedPercent(session.return_pct)} />
        </div>
        <Sparkline values={values} label={`Equity of ${name}`} />
      </Link>
    </li>
  );
}

function LatestFills({ sessions }: { sessions: Session[] }) {
  const traded = sessions.filter((session) => session.trades > 0).slice(0, MAX_CARDS);
  const answers = useQueries({
    queries: traded.map((session) => recentTradesQuery(session.id, MAX_FILLS)),
  });
  const pushed = useStore(pushedTrades);
  const names = new Map(sessions.map((session) => [session.id, session.name]));
  const byId = new Map<string, Trade>();
  for (const trade of pushed) byId.set(trade.trade_id, trade);
  for (const answer of answers) {
    for (const trade of answer.data?.items ?? []) byId.set(trade.trade_id, trade);
  }
  const fills = [...byId.values()]
    .filter((trade) => trade.status === "FILLED")
    .sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp) || b.sequence - a.sequence)
    .slice(0, MAX_FILLS);
  const loading = answers.some((answer) => answer.isPending);

  return (
    <Panel title="Latest fills" aside={<span className="faint">Times in {zone()}</span>} flush>
      {fills.length === 0 && loading && <Skeleton rows={4} />}
      {fills.length === 0 && !loading && (
        <Empty icon="session" title="No trades yet">
          The first fill appears here by itself.
        </Empty>
      )}
      {fills.length > 0 && (
        <ul className="fills">
          {fills.map((trade) => (
            <li key={trade.trade_id}>
              <Link href={`/sessions/${trade.session_id}`} className="fill">
                <Side action={trade.action} />
                <span className="fill-what">
                  <span className="num">
                    {quantity(trade.quantity)} {pair(trade.symbol).split("/")[0]}
                  </span>
                  <span className="muted ellipsis">{names.get(trade.session_id) ?? ""}</span>
                </span>
                <span className="fill-price">
                  <span className="num">{price(trade.price)}</span>
                  <span className="muted">
                    <Time at={trade.timestamp} />
                  </span>
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
