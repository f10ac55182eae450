import { lazy, Suspense, useMemo, useState } from "react";
import { locate } from "../../lib/graph";
import type { Diagnostic, Graph } from "../../lib/types";
import type { Checked } from "../../lib/use-compilation";
import { Panel } from "../parts";
import { Diagnostics, Verdict } from "./diagnostics";

const ScriptEditor = lazy(() => import("../../charts/script-editor"));
const GraphView = lazy(() => import("../../charts/graph-view"));

const NONE: Diagnostic[] = [];

/** The script, and beside it the graph that it becomes as one types. */
export function ScriptWorkbench({
  text,
  onChange,
  checked,
}: {
  text: string;
  onChange: (text: string) => void;
  checked: Checked;
}) {
  const diagnostics = checked.result?.diagnostics ?? NONE;
  const { errors, warnings } = useMemo(() => locate(diagnostics), [diagnostics]);
  // While a line is half written there is no graph: the last one stays.
  const [graph, setGraph] = useState<Graph | null>(null);
  const latest = checked.result?.graph ?? null;
  if (latest && latest !== graph) setGraph(latest);
  return (
    <div className="script-grid">
      <Panel
        title="Script"
        flush
        aside={<Verdict checked={checked} current={text} errors={errors} warnings={warnings} />}
      >
        <div className="graph-frame">
          <Suspense fallback={<div className="chart-note">Loading the editor…</div>}>
            <ScriptEditor
              text={text}
              onChange={onChange}
              diagnostics={diagnostics}
              label="Script"
            />
          </Suspense>
        </div>
        <Diagnostics items={diagnostics} />
      </Panel>
      <Panel title="What it becomes" flush>
        <div className="graph-frame">
          {graph ? (
            <Suspense fallback={<div className="chart-note">Loading the graph…</div>}>
              <GraphView graph={graph} diagnostics={NONE} />
            </Suspense>
          ) : (
            <div className="chart-note">The graph appears here once the script can be read.</div>
          )}
        </div>
      </Panel>
    </div>
  );
}
