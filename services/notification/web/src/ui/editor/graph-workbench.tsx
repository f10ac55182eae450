import { lazy, Suspense, useMemo, useState, type KeyboardEvent } from "react";
import { Link } from "wouter";
import type { NodeTypeInfo } from "../../lib/catalogue";
import { graphText, locate, parseGraph, setNodeData } from "../../lib/graph";
import { addNode, arranged, paste, pick, placed, removeItems } from "../../lib/graph-edit";
import { redo, undo, type History } from "../../lib/history";
import type { Running } from "../../lib/running-values";
import { Store } from "../../lib/store";
import type { Diagnostic, Graph } from "../../lib/types";
import type { Checked } from "../../lib/use-compilation";
import { Icon, type IconName } from "../icons";
import { Field, Panel, Segments } from "../parts";
import { Diagnostics, Verdict } from "./diagnostics";
import { Inspector } from "./inspector";
import { Palette } from "./palette";

const GraphCanvas = lazy(() => import("../../charts/graph-canvas"));

const NONE: Diagnostic[] = [];
const NOBODY: ReadonlySet<string> = new Set();
const STEP = 60;
/** Outlives the page: a part of one strategy can be pasted into another. */
const clipboard = new Store<Graph | null>(null);

/** The graph drawn: a palette, the canvas, and the values of what is selected. */
export function GraphWorkbench({
  history,
  onHistory,
  onChange,
  checked,
  running,
  onTextError,
}: {
  history: History<Graph>;
  onHistory: (history: History<Graph>) => void;
  onChange: (graph: Graph, topic?: string) => void;
  checked: Checked;
  /** A session that runs this very graph, and what its nodes give. */
  running: Running | null;
  /** Told when the JSON text can't be read, with null once it can be again. */
  onTextError: (error: string | null) => void;
}) {
  const graph = history.present;
  const [selected, setSelected] = useState<ReadonlySet<string>>(NOBODY);
  const [mode, setMode] = useState<"form" | "json">("form");
  const diagnostics = checked.result?.diagnostics ?? NONE;
  const { byNode, errors, warnings } = useMemo(() => locate(diagnostics), [diagnostics]);

  const add = (info: NodeTypeInfo) => {
    const drawn = placed(graph);
    // Beside what is selected, or below everything, where nothing lies yet.
    const last = drawn.nodes.find((node) => selected.has(node.id))?.position;
    const lowest = Math.max(0, ...drawn.nodes.map((node) => (node.position?.y ?? 0) + STEP * 2));
    const at = last ? { x: last.x + 230, y: last.y + STEP } : { x: 0, y: lowest };
    const added = addNode(drawn, info, at);
    onChange(added.graph);
    setSelected(new Set([added.id]));
  };
  const put = (part: Graph | null) => {
    if (!part || part.nodes.length === 0) return;
    const pasted = paste(placed(graph), part);
    onChange(pasted.graph);
    setSelected(new Set(pasted.ids));
    clipboard.set(pick(pasted.graph, new Set(pasted.ids)));
  };
  const copy = () => {
    if (selected.size > 0) clipboard.set(pick(placed(graph), selected));
  };
  const remove = () => {
    if (selected.size === 0) return;
    onChange(removeItems(graph, selected, NOBODY));
    setSelected(NOBODY);
  };
  const keys: Record<string, () => void> = {
    c: copy,
    x: () => {
      copy();
      remove();
    },
    v: () => put(clipboard.get()),
    d: () => put(pick(placed(graph), selected)),
    a: () => setSelected(new Set(graph.nodes.map((node) => node.id))),
    z: () => onHistory(undo(history)),
    y: () => onHistory(redo(history)),
    Z: () => onHistory(redo(history)),
  };
  const onKey = (event: KeyboardEvent): boolean => {
    const act = event.ctrlKey || event.metaKey ? keys[event.key] : undefined;
    act?.();
    return act !== undefined;
  };
  const tool = (name: IconName, label: string, act: () => void, enabled: boolean) => (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={label}
      disabled={!enabled}
      onClick={act}
    >
      <Icon name={name} size={16} />
    </button>
  );
  const pickPlace = (item: Diagnostic) => {
    if (item.node) setSelected(new Set([item.node]));
  };

  return (
    <div className="editor-grid">
      <Panel title="Nodes" className="palette-panel" flush>
        <Palette onAdd={add} />
      </Panel>
      <Panel
        title={<Verdict checked={checked} current={graph} errors={errors} warnings={warnings} />}
        flush
        aside={
          <div className="tools" role="toolbar" aria-label="Edit the graph">
            {tool("undo", "Undo (Ctrl+Z)", () => keys.z?.(), history.past.length > 0)}
            {tool("redo", "Redo (Ctrl+Y)", () => keys.y?.(), history.future.length > 0)}
            {tool("copy", "Duplicate (Ctrl+D)", () => keys.d?.(), selected.size > 0)}
            {tool("trash", "Remove (Delete)", remove, selected.size > 0)}
            {tool("arrange", "Arrange", () => onChange(arranged(graph)), graph.nodes.length > 0)}
          </div>
        }
      >
        <div className="graph-frame">
          <Suspense fallback={<div className="chart-note">Loading the graph…</div>}>
            <GraphCanvas
              graph={graph}
              diagnostics={diagnostics}
              values={running?.values ?? null}
              selected={selected}
              onSelect={setSelected}
              onChange={onChange}
              onKey={onKey}
            />
          </Suspense>
        </div>
        {running && (
          <p className="running-values">
            On the edges: values of the last evaluation in{" "}
            <Link href={`/sessions/${running.session.id}`}>
              {running.session.name ?? "a session"}
            </Link>
            , which runs this version.
          </p>
        )}
        <Diagnostics items={diagnostics} onPick={pickPlace} />
      </Panel>
      <Panel
        title="Values"
        className="values-panel"
        aside={
          <Segments
            label="Edit as"
            value={mode}
            onChange={(next) => {
              onTextError(null);
              setMode(next);
            }}
            options={[
              ["form", "Form"],
              ["json", "JSON"],
            ]}
          />
        }
      >
        {mode === "form" ? (
          <Inspector
            graph={graph}
            selected={selected}
            byNode={byNode}
            onSelect={setSelected}
            onChange={(node, key, value) =>
              onChange(setNodeData(graph, node, key, value), `${node}.${key}`)
            }
          />
        ) : (
          <JsonText
            graph={graph}
            onChange={(next) => onChange(next, "json")}
            onError={onTextError}
          />
        )}
      </Panel>
    </div>
  );
}

function JsonText({
  graph,
  onChange,
  onError,
}: {
  graph: Graph;
  onChange: (graph: Graph) => void;
  onError: (error: string | null) => void;
}) {
  const [text, setText] = useState(() => graphText(graph));
  const [error, setError] = useState<string | null>(null);
  const change = (next: string) => {
    setText(next);
    const parsed = parseGraph(next);
    setError(parsed.error);
    onError(parsed.error);
    if (parsed.graph) onChange(parsed.graph);
  };
  return (
    <Field label="Graph as JSON" error={error ?? undefined}>
      {(control) => (
        <textarea
          {...control}
          className="mono code"
          rows={24}
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => change(event.target.value)}
        />
      )}
    </Field>
  );
}
