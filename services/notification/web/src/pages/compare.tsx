import { useQueries, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { drawdownLine, equityLine, holdLine, percentLine } from "../lib/equity";
import { count, money, pair, signedMoney, signedPercent, tone } from "../lib/format";
import { combineEquity, equityQuery, sessionsQuery } from "../lib/queries";
import type { Session } from "../lib/types";
import { Empty, Failure, Page, Panel, Skeleton, StatusBadge } from "../ui/parts";

const CompareChart = lazy(() => import("../charts/compare-chart"));

/** As many as there are colours that can be told apart. */
const MOST = 5;

export default function ComparePage() {
  const sessions = useQuery(sessionsQuery);
  const [, go] = useLocation();
  const wanted = new URLSearchParams(useSearch()).get("ids")?.split(",").filter(Boolean) ?? [];
  const list = sessions.data ?? [];
  const fallback = list.slice(0, 2).map((session) => session.id);
  const ids = (wanted.length > 0 ? wanted : fallback).slice(0, MOST);
  const chosen = ids.flatMap((id) => list.filter((session) => session.id === id));
  const toggle = (id: string) => {
    const next = ids.includes(id) ? ids.filter((item) => item !== id) : [...ids, id];
    go(`/compare?ids=${next.join(",")}`, { replace: true });
  };
  return (
    <Page title="Compare sessions" lead="Returns from each session's own start, in percent.">
      {sessions.isPending && <Skeleton rows={3} height={56} />}
      {sessions.isError && !sessions.data && <Failure error={sessions.error} />}
      {sessions.data && list.length === 0 && (
        <Empty icon="compare" title="There are no sessions to compare yet" />
      )}
      {list.length > 0 && (
        <div className="chips" role="group" aria-label="Sessions to compare">
          {list.slice(0, 30).map((session) => (
            <button
              key={session.id}
              type="button"
              className="chip"
              aria-pressed={ids.includes(session.id)}
              disabled={!ids.includes(session.id) && ids.length >= MOST}
              onClick={() => toggle(session.id)}
            >
              {session.name ?? session.strategy_name ?? session.id}
            </button>
          ))}
        </div>
      )}
      {chosen.length > 0 && <Comparison sessions={chosen} />}
    </Page>
  );
}

function Comparison({ sessions }: { sessions: Session[] }) {
  const { points } = useQueries({
    queries: sessions.map((session) => equityQuery(session.id)),
    combine: combineEquity,
  });
  const curves = useMemo(
    () =>
      sessions.map((session, index) => ({
        id: session.id,
        line: percentLine(equityLine(points[index] ?? []), session.initial_balance),
      })),
    [sessions, points],
  );
  const rows: [label: string, cell: (session: Session, index: number) => Cell][] = [
    ["Return", (session) => [signedPercent(session.return_pct), session.return_pct]],
    ["Buy and hold", (session, index) => holdCell(session, points[index] ?? [])],
    ["Profit and loss", (session) => pnl(session)],
    ["Max drawdown", (_, index) => drawdownCell(points[index] ?? [])],
    ["Realised", (session) => [signedMoney(session.realized_pnl), session.realized_pnl]],
    ["Fees", (session) => [money(session.fees), null]],
    ["Trades", (session) => [count(session.trades), null]],
    ["Balance", (session) => [money(session.initial_balance), null]],
    ["Evaluated on", (session) => [session.timeframe, null]],
  ];
  return (
    <>
      <Panel title="Return" flush aside={<span className="faint">%</span>}>
        <div className="chart-frame">
          <Suspense fallback={<div className="chart-note">Loading…</div>}>
            <CompareChart curves={curves} />
          </Suspense>
        </div>
      </Panel>
      <Panel flush>
        {/* A region that scrolls needs a way in for the keyboard. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className="table-scroll" role="region" aria-label="Figures" tabIndex={0}>
          <table className="table" data-testid="comparison">
            <thead>
              <tr>
                <th scope="col">
                  <span className="hidden">Figure</span>
                </th>
                {sessions.map((session, index) => (
                  <th scope="col" key={session.id} className="right">
                    <span className={`line-mark line-${index + 1}`} aria-hidden="true" />
                    <Link href={`/sessions/${session.id}`}>{session.name ?? session.id}</Link>
                    <div className="muted">
                      {pair(session.symbol)} <StatusBadge status={session.status} />
                    </div>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(([label, cell]) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {sessions.map((session, index) => {
                    const [text, value] = cell(session, index);
                    return (
                      <td
                        key={session.id}
                        className={`right num ${value === null ? "" : tone(value)}`}
                      >
                        {text}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>
  );
}

/** A text, and a value whose sign gives it a colour. */
type Cell = [text: string, value: number | null];
type Points = Parameters<typeof equityLine>[0];

function pnl(session: Session): Cell {
  const value = session.equity - session.initial_balance;
  return [signedMoney(value), value];
}

function holdCell(session: Session, points: Points): Cell {
  const last = holdLine(points, session.initial_balance).at(-1)?.value;
  if (last === undefined) return ["–", null];
  const percent = (last / session.initial_balance - 1) * 100;
  return [signedPercent(percent), percent];
}

function drawdownCell(points: Points): Cell {
  const falls = drawdownLine(equityLine(points)).map(({ value }) => value);
  if (falls.length === 0) return ["–", null];
  return [signedPercent(falls.reduce((deepest, value) => Math.min(deepest, value), 0)), null];
}
