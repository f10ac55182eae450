import { useQueries } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { thinned, totalLine } from "../../lib/equity";
import { money, signedMoney, signedPercent, tone, zone } from "../../lib/format";
import { timeZone } from "../../lib/preferences";
import { combineEquity, equityQuery } from "../../lib/queries";
import { isActive } from "../../lib/sessions";
import { equityAt, midnight } from "../../lib/today";
import type { EquityPoint, Session } from "../../lib/types";
import { Metric, Panel, Signed } from "../parts";

const EquityChart = lazy(() => import("../../charts/equity-chart"));

/** Curves that are added up; the rest of a long list counts with its figures only. */
const MAX_CURVES = 20;
const MAX_POINTS = 2_000;
const NO_POINTS: EquityPoint[] = [];

/** All sessions together: what they are worth, what today brought, and how they came there. */
export function Overview({ sessions }: { sessions: Session[] }) {
  const drawn = useMemo(
    () =>
      [...sessions.filter(isActive), ...sessions.filter((item) => !isActive(item))].slice(
        0,
        MAX_CURVES,
      ),
    [sessions],
  );
  const { points, loaded } = useQueries({
    queries: drawn.map((session) => equityQuery(session.id)),
    combine: combineEquity,
  });
  const sum = (pick: (session: Session) => number) =>
    sessions.reduce((total, session) => total + pick(session), 0);
  const equity = sum((session) => session.equity);
  const initial = sum((session) => session.initial_balance);
  const result = equity - initial;
  const open = sessions.filter((session) => session.position !== 0).length;

  const day = midnight(new Date(), timeZone);
  const { line, today } = useMemo(() => {
    const curves = drawn.map((session, index) => {
      const { value, line: own } = equityAt(session, points[index] ?? NO_POINTS, day);
      return { session, atMidnight: value, line: own };
    });
    const rest = initial - drawn.reduce((total, session) => total + session.initial_balance, 0);
    const total = totalLine(
      curves.map(({ session, line: own }) => ({ initial: session.initial_balance, line: own })),
    );
    return {
      line: thinned(
        total.map(({ time, value }) => ({ time, value: value + rest })),
        MAX_POINTS,
      ),
      today: curves.reduce((all, { session, atMidnight }) => all + session.equity - atMidnight, 0),
    };
  }, [drawn, points, initial, day]);

  return (
    <>
      <dl className="metrics summary">
        <Metric
          label="Equity of all sessions"
          value={money(equity)}
          detail={`${money(initial)} USD at start`}
        />
        <Metric
          label={`Today (${zone()})`}
          value={loaded ? signedMoney(today) : "–"}
          valueTone={loaded ? tone(today) : "flat"}
          detail="since midnight"
        />
        <Metric
          label="Profit and loss"
          value={signedMoney(result)}
          valueTone={tone(result)}
          detail={
            <Signed value={result} text={signedPercent(initial ? (result / initial) * 100 : 0)} />
          }
        />
        <Metric
          label="Running"
          value={sessions.filter(isActive).length}
          detail={`of ${sessions.length} ${sessions.length === 1 ? "session" : "sessions"}`}
        />
        <Metric
          label="Open positions"
          value={open}
          detail={`${sum((session) => session.trades)} trades so far`}
        />
      </dl>
      {line.length > 1 && (
        <Panel title="Equity of all sessions" flush aside={<span className="faint">USD</span>}>
          <div className="chart-frame home-equity">
            <Suspense fallback={<div className="chart-note">Loading…</div>}>
              <EquityChart
                points={NO_POINTS}
                line={line}
                initial={initial}
                drawdown={false}
                label="Equity of all sessions over time"
              />
            </Suspense>
          </div>
        </Panel>
      )}
    </>
  );
}
