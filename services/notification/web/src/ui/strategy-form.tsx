import "../styles/editor.css";
import { useState, type FormEvent } from "react";
import { explain, Problem } from "../lib/api";
import { useFeatures } from "../lib/features";
import { begin, change, type History } from "../lib/history";
import { writeScript } from "../lib/queries";
import { useRunningValues } from "../lib/running-values";
import type { Graph, Source } from "../lib/types";
import { useCompilation } from "../lib/use-compilation";
import { validateStrategyName } from "../lib/validate";
import { Backtest } from "./editor/backtest";
import { GraphWorkbench } from "./editor/graph-workbench";
import { ScriptWorkbench } from "./editor/script-workbench";
import { Versions } from "./editor/versions";
import { Failure, Field, Segments } from "./parts";

export interface Draft {
  name: string;
  description: string;
  kind: string;
  source: Source;
}

const EMPTY: Graph = { nodes: [], edges: [] };

/** A strategy's name and source, drawn or written, with the compiler's findings as one works. */
export function StrategyForm({
  draft,
  strategyId,
  version,
  action,
  save,
}: {
  draft: Draft;
  /** Of a strategy that exists: it has versions. */
  strategyId?: string;
  /** The one that the draft is. */
  version?: number;
  action: string;
  save: (strategy: Draft) => Promise<void>;
}) {
  const features = useFeatures();
  const [name, setName] = useState(draft.name);
  const [description, setDescription] = useState(draft.description);
  const [kind, setKind] = useState(draft.kind);
  const [graph, setGraph] = useState<History<Graph>>(() =>
    begin(typeof draft.source === "object" ? draft.source : EMPTY),
  );
  const [text, setText] = useState(typeof draft.source === "string" ? draft.source : "");
  const [nameError, setNameError] = useState<string | undefined>();
  const [textError, setTextError] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [turning, setTurning] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const source: Source = kind === "script" ? text : graph.present;
  const checked = useCompilation(source, kind);
  const current = checked.source === source ? checked.result : null;
  const broken = current?.ok === false;
  // What a session gives belongs to what it runs: after the first change the edges are bare.
  const unchanged = kind === "graph" && graph.present === draft.source;
  const running = useRunningValues(strategyId, version, unchanged);

  const take = (nextKind: string, next: Source) => {
    setKind(nextKind);
    setTextError(null);
    if (typeof next === "string") setText(next);
    else setGraph((past) => change(past, next));
  };
  /** The other form of the same strategy, so that nothing is lost by looking at it. */
  const turn = (next: "graph" | "script") => {
    if (next === kind) return;
    setTurning(null);
    if (next === "graph") {
      if (current?.graph) take("graph", current.graph);
      else setTurning("The script must be free of errors before it can be drawn.");
      return;
    }
    writeScript(graph.present).then(
      (script) => {
        if (script === null) setTurning("This server doesn't write scripts yet.");
        else take("script", script);
      },
      (error: unknown) => setTurning(explain(error)),
    );
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = validateStrategyName(name) ?? undefined;
    setNameError(found);
    setFailure(null);
    if (found || textError) return;
    setBusy(true);
    save({ name: name.trim(), description, kind, source })
      .catch((error: unknown) => {
        const field = error instanceof Problem ? error.byField.name : undefined;
        if (field) setNameError(field);
        else setFailure(error);
      })
      .finally(() => setBusy(false));
  };

  return (
    <div className="strategy-form">
      <form onSubmit={submit} noValidate className="strategy-head">
        <Field label="Name" error={nameError}>
          {(control) => (
            <input
              {...control}
              name="name"
              autoComplete="off"
              value={name}
              onChange={(event) => {
                setName(event.target.value);
                setNameError(undefined);
              }}
            />
          )}
        </Field>
        <Field label="Description (optional)">
          {(control) => (
            <input
              {...control}
              name="description"
              autoComplete="off"
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        <div className="form-actions">
          <Segments
            label="Form of the strategy"
            value={kind === "script" ? "script" : "graph"}
            onChange={turn}
            options={[
              ["graph", "Graph"],
              ["script", "Script"],
            ]}
          />
          <button
            type="submit"
            className="button primary"
            disabled={busy || broken || textError !== null}
            title={broken ? "Correct the errors first" : undefined}
          >
            {busy ? "Saving…" : action}
          </button>
        </div>
      </form>
      {turning && (
        <p className="field-error" role="alert">
          {turning}
        </p>
      )}
      {failure !== null && <Failure error={failure} />}
      {kind === "script" ? (
        <ScriptWorkbench text={text} onChange={setText} checked={checked} />
      ) : (
        <GraphWorkbench
          history={graph}
          onHistory={setGraph}
          onChange={(next, topic) => setGraph((past) => change(past, next, topic ?? null))}
          checked={checked}
          running={running}
          onTextError={setTextError}
        />
      )}
      {features?.has("POST", "/v1/backtests") && (
        <Backtest kind={kind} source={source} ready={current?.ok === true} />
      )}
      {strategyId && features?.has("GET", "/v1/strategies/{}/versions") && (
        <Versions strategyId={strategyId} current={source} onRestore={take} />
      )}
    </div>
  );
}
