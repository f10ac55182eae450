import { lazy, Suspense, useState } from "react";
import { INTERVALS, type Interval } from "../../lib/candles";
import { pair } from "../../lib/format";
import type { PriceLevel } from "../../lib/orders";
import { useSessionGraph } from "../../lib/session-graph";
import type { Session, Trade } from "../../lib/types";
import { LivePrice, Panel, Segments } from "../parts";

const PriceChart = lazy(() => import("../../charts/price-chart"));

const INTERVAL_OPTIONS = (Object.keys(INTERVALS) as Interval[]).map(
  (interval) => [interval, interval] as const,
);

export function PricePanel({
  session,
  trades,
  levels,
}: {
  session: Session;
  trades: readonly Trade[];
  levels: readonly PriceLevel[];
}) {
  // Bars as the strategy sees them; on single trades short ones show most.
  const own = session.timeframe in INTERVALS ? (session.timeframe as Interval) : "5s";
  const [interval, setInterval] = useState<Interval>(own);
  const [look, setLook] = useState<"candles" | "line">("candles");
  const graph = useSessionGraph(session);
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
          <PriceChart
            symbol={session.symbol}
            interval={interval}
            look={look}
            trades={trades}
            levels={levels}
            graph={graph.data ?? null}
            timeframe={session.timeframe}
          />
        </Suspense>
      </div>
    </Panel>
  );
}
