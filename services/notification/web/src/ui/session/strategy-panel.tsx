import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { useInSight } from "../../lib/in-sight";
import { currentValues, nodeValuesQuery } from "../../lib/node-values";
import { useSessionGraph } from "../../lib/session-graph";
import type { Diagnostic, Session } from "../../lib/types";
import { Panel } from "../parts";

const GraphView = lazy(() => import("../../charts/graph-view"));
const NONE: Diagnostic[] = [];

/** The strategy as it runs: its graph, and what its nodes give at the moment on the edges. */
export function StrategyPanel({ session }: { session: Session }) {
  const [watch, inSight] = useInSight();
  // The picture is drawn when it is first looked at, and stays.
  const [looked, setLooked] = useState(false);
  if (inSight && !looked) setLooked(true);
  const graph = useSessionGraph(session);
  const query = useQuery({
    ...nodeValuesQuery(session.strategy_id, session.id),
    enabled: inSight,
  });
  const { data, dataUpdatedAt, errorUpdatedAt } = query;
  const values = useMemo(
    () => currentValues({ data, dataUpdatedAt, errorUpdatedAt }),
    [data, dataUpdatedAt, errorUpdatedAt],
  );
  const known = values.size > 0 && data?.running === true;
  return (
    <Panel
      title="Strategy at work"
      flush
      aside={
        <span className="faint">
          {known ? "Values of the last evaluation; –: none yet" : "No values at the moment"}
        </span>
      }
    >
      <div className="preview-frame" ref={watch} data-testid="strategy-at-work">
        {looked && graph.data && (
          <Suspense fallback={<div className="chart-note">Loading the graph…</div>}>
            <GraphView graph={graph.data} diagnostics={NONE} values={values} />
          </Suspense>
        )}
      </div>
    </Panel>
  );
}
