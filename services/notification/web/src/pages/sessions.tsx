import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, Link } from "wouter";
import { count, dayAndTime, moment, money, pair, signedPercent, zone } from "../lib/format";
import { sessionsQuery } from "../lib/queries";
import { isActive } from "../lib/sessions";
import type { Session } from "../lib/types";
import {
  Empty,
  Failure,
  LinkButton,
  Page,
  Panel,
  Segments,
  Signed,
  Skeleton,
  StatusBadge,
} from "../ui/parts";

type Filter = "all" | "active" | "ended";

export default function SessionsPage() {
  const sessions = useQuery(sessionsQuery);
  const [filter, setFilter] = useState<Filter>("all");
  const list = (sessions.data ?? []).filter(
    (session) => filter === "all" || (filter === "active") === isActive(session),
  );
  return (
    <Page
      title="Sessions"
      actions={
        <>
          <Segments
            label="Show"
            value={filter}
            onChange={setFilter}
            options={[
              ["all", "All"],
              ["active", "Running"],
              ["ended", "Ended"],
            ]}
          />
          {(sessions.data?.length ?? 0) > 1 && (
            <LinkButton href="/compare" icon="compare">
              Compare
            </LinkButton>
          )}
          <LinkButton href="/sessions/new" icon="plus" look="primary">
            New session
          </LinkButton>
        </>
      }
    >
      <Panel flush>
        {sessions.isPending && <Skeleton rows={4} height={40} />}
        {sessions.isError && !sessions.data && (
          <Failure error={sessions.error} retry={() => void sessions.refetch()} />
        )}
        {sessions.data && list.length === 0 && (
          <Empty
            icon="session"
            title={filter === "all" ? "No sessions yet" : "None of these"}
            action={<LinkButton href="/sessions/new">Start a session</LinkButton>}
          >
            A session trades one strategy on one market, on paper.
          </Empty>
        )}
        {list.length > 0 && <SessionsTable sessions={list} />}
      </Panel>
    </Page>
  );
}

function SessionsTable({ sessions }: { sessions: Session[] }) {
  const [, go] = useLocation();
  return (
    <div className="table-scroll">
      <table className="table clickable sessions-table">
        <thead>
          <tr>
            <th scope="col">Session</th>
            <th scope="col">Status</th>
            <th scope="col" className="wide">
              Market
            </th>
            <th scope="col" className="wide">
              Strategy
            </th>
            <th scope="col" className="right">
              Equity
            </th>
            <th scope="col" className="right">
              Return
            </th>
            <th scope="col" className="right wide">
              Trades
            </th>
            <th scope="col" className="right wide">
              Started ({zone()})
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            // The name is the link for keyboards and screen readers; the row only widens it.
            <tr key={session.id} onClick={() => go(`/sessions/${session.id}`)}>
              <th scope="row">
                <Link href={`/sessions/${session.id}`} onClick={(event) => event.stopPropagation()}>
                  {session.name ?? session.strategy_name ?? session.id}
                </Link>
                <span className="narrow muted">{pair(session.symbol)}</span>
              </th>
              <td>
                <StatusBadge status={session.status} />
              </td>
              <td className="wide">
                {pair(session.symbol)} <span className="muted">{session.timeframe}</span>
              </td>
              <td className="wide ellipsis">{session.strategy_name ?? session.strategy_id}</td>
              <td className="right num">{money(session.equity)}</td>
              <td className="right">
                <Signed value={session.return_pct} text={signedPercent(session.return_pct)} />
              </td>
              <td className="right num wide">{count(session.trades)}</td>
              <td className="right num wide" title={moment(session.started_at)}>
                {dayAndTime(session.started_at)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
