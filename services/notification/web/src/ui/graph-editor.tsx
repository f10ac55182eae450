import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { explain, request } from "../lib/api";
import { nodeLook } from "../lib/catalogue";
import {
  fieldValue,
  graphText,
  locate,
  nodeFields,
  nodeTitle,
  parseGraph,
  setNodeData,
  type Field as NodeField,
} from "../lib/graph";
import { parseNumber } from "../lib/validate";
import type { Compilation, Diagnostic, Graph, GraphNode } from "../lib/types";
import { Icon } from "./icons";
import { Field, Panel, Segments } from "./parts";

const GraphView = lazy(() => import("../charts/graph-view"));

const COMPILE_DELAY_MS = 350;
const NONE: Diagnostic[] = [];

export interface Checked {
  graph: Graph;
  result: Compilation | null;
  failure: string | null;
}

/** Compiles on the server shortly after the last change; an older answer never replaces a newer. */
export function useCompilation(graph: Graph, kind: string): Checked {
  const [checked, setChecked] = useState<Checked>({ graph, result: null, failure: null });
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      request<Compilation>("/v1/strategies/compile", {
        method: "POST",
        body: { kind, source: graph },
        signal: controller.signal,
      }).then(
        (result) => setChecked({ graph, result, failure: null }),
        (error: unknown) => {
          if (!controller.signal.aborted) {
            setChecked({ graph, result: null, failure: explain(error) });
          }
        },
      );
    }, COMPILE_DELAY_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [graph, kind]);
  return checked;
}

/** A graph edited as a form of its nodes' values or as JSON, with the picture beside both. */
export function GraphEditor({
  graph,
  onChange,
  checked,
  onTextError,
}: {
  graph: Graph;
  onChange: (graph: Graph) => void;
  checked: Checked;
  /** Told when the JSON text can't be read, with null once it can be again. */
  onTextError: (error: string | null) => void;
}) {
  const [mode, setMode] = useState<"form" | "json">("form");
  const [text, setText] = useState("");
  const [textError, setTextError] = useState<string | null>(null);
  const [selected, setSelected] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const diagnostics = checked.result?.diagnostics ?? NONE;
  const { byNode, errors, warnings } = useMemo(() => locate(diagnostics), [diagnostics]);

  const reportText = (error: string | null) => {
    setTextError(error);
    onTextError(error);
  };
  const changeMode = (next: "form" | "json") => {
    if (next === "json") setText(graphText(graph));
    reportText(null);
    setMode(next);
  };
  const changeText = (next: string) => {
    setText(next);
    const parsed = parseGraph(next);
    reportText(parsed.error);
    if (parsed.graph) onChange(parsed.graph);
  };
  const select = (nodeId: string) => {
    setSelected(nodeId);
    const cards = list.current?.querySelectorAll<HTMLElement>("[data-node]") ?? [];
    const card = [...cards].find((item) => item.dataset.node === nodeId);
    card?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    card?.querySelector<HTMLElement>("input,select")?.focus({ preventScroll: true });
  };

  return (
    <div className="editor-grid">
      <Panel
        title="Graph"
        flush
        aside={<Verdict checked={checked} current={graph} errors={errors} warnings={warnings} />}
      >
        <div className="graph-frame">
          <Suspense fallback={<div className="chart-note">Loading the graph…</div>}>
            <GraphView
              graph={graph}
              diagnostics={diagnostics}
              selected={selected}
              onSelect={select}
            />
          </Suspense>
        </div>
        <Diagnostics items={byNode.get("") ?? NONE} />
      </Panel>
      <Panel
        title="Values"
        className="values-panel"
        aside={
          <Segments
            label="Edit as"
            value={mode}
            onChange={changeMode}
            options={[
              ["form", "Form"],
              ["json", "JSON"],
            ]}
          />
        }
      >
        {mode === "form" ? (
          <div className="node-list" ref={list}>
            {graph.nodes.map((node) => (
              <NodeCard
                key={node.id}
                node={node}
                selected={node.id === selected}
                diagnostics={byNode.get(node.id) ?? NONE}
                onSelect={() => setSelected(node.id)}
                onChange={(key, value) => onChange(setNodeData(graph, node.id, key, value))}
              />
            ))}
          </div>
        ) : (
          <>
            <Field label="Graph as JSON" error={textError ?? undefined}>
              {(control) => (
                <textarea
                  {...control}
                  className="mono code"
                  rows={24}
                  spellCheck={false}
                  autoComplete="off"
                  value={text}
                  onChange={(event) => changeText(event.target.value)}
                />
              )}
            </Field>
            <Diagnostics items={diagnostics} named />
          </>
        )}
      </Panel>
    </div>
  );
}

function Verdict({
  checked,
  current,
  errors,
  warnings,
}: {
  checked: Checked;
  current: Graph;
  errors: number;
  warnings: number;
}) {
  let look = "wait";
  let text = "Checking…";
  if (checked.graph === current && checked.failure) text = checked.failure;
  else if (checked.graph === current && checked.result) {
    look = errors > 0 ? "bad" : warnings > 0 ? "wait" : "good";
    text = "Ready to trade";
    if (errors > 0) text = errors === 1 ? "1 error" : `${errors} errors`;
    else if (warnings > 0) text = warnings === 1 ? "1 warning" : `${warnings} warnings`;
  }
  return (
    <span className={`badge ${look}`} role="status" data-testid="verdict">
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function Diagnostics({ items, named = false }: { items: readonly Diagnostic[]; named?: boolean }) {
  if (items.length === 0) return null;
  return (
    <ul className="diagnostics">
      {items.map((item, index) => (
        <li key={`${item.code}-${index}`} className={item.severity}>
          <Icon name="alert" size={14} />
          <span>
            {named && item.node && (
              <code>
                {item.node}
                {item.field ? `.${item.field}` : ""}
              </code>
            )}{" "}
            {item.message} {item.hint && <span className="muted">{item.hint}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

function NodeCard({
  node,
  selected,
  diagnostics,
  onSelect,
  onChange,
}: {
  node: GraphNode;
  selected: boolean;
  diagnostics: readonly Diagnostic[];
  onSelect: () => void;
  onChange: (key: string, value: unknown) => void;
}) {
  const fields = nodeFields(node);
  const known = new Set(fields.map((field) => field.key));
  const rest = diagnostics.filter((item) => !item.field || !known.has(item.field));
  if (fields.length === 0 && diagnostics.length === 0 && !selected) return null;
  return (
    <fieldset
      className={`node-card ${nodeLook(node.type)} ${selected ? "selected" : ""}`}
      data-node={node.id}
    >
      <legend>
        {nodeTitle(node)} <span className="faint mono">{node.id}</span>
      </legend>
      <div className="node-fields">
        {fields.map((field) => (
          <NodeInput
            key={field.key}
            node={node}
            field={field}
            problem={diagnostics.find((item) => item.field === field.key)}
            onFocus={onSelect}
            onChange={(value) => onChange(field.key, value)}
          />
        ))}
      </div>
      <Diagnostics items={rest} />
    </fieldset>
  );
}

function NodeInput({
  node,
  field,
  problem,
  onFocus,
  onChange,
}: {
  node: GraphNode;
  field: NodeField;
  problem: Diagnostic | undefined;
  onFocus: () => void;
  onChange: (value: unknown) => void;
}) {
  const value = fieldValue(node, field);
  const [text, setText] = useState<string | null>(null);
  const invalid = text !== null && parseNumber(text) === null;
  const note = problem && `${problem.message} ${problem.hint ?? ""}`.trim();
  const isError = problem?.severity === "error";
  const error = invalid ? "Enter a number." : isError ? note : undefined;

  const changeNumber = (next: string) => {
    setText(next);
    const parsed = parseNumber(next);
    if (parsed !== null) onChange(parsed);
  };

  return (
    <Field label={field.label} error={error} help={isError ? undefined : note}>
      {(control) => {
        if (field.kind === "boolean") {
          return (
            <input
              {...control}
              onFocus={onFocus}
              type="checkbox"
              checked={value === true}
              onChange={(event) => onChange(event.target.checked)}
            />
          );
        }
        if (field.kind === "choice") {
          const choices = field.choices ?? [];
          const current = String(value);
          return (
            <select
              {...control}
              onFocus={onFocus}
              value={current}
              onChange={(event) => onChange(event.target.value)}
            >
              {!choices.includes(current) && <option value={current}>{current}</option>}
              {choices.map((item) => (
                <option key={item} value={item}>
                  {item.replace(/_/g, " ")}
                </option>
              ))}
            </select>
          );
        }
        if (field.kind === "number") {
          return (
            <input
              {...control}
              onFocus={onFocus}
              inputMode="decimal"
              autoComplete="off"
              className="num"
              // What is being typed stays as typed; anything else shows the graph's value.
              value={text ?? String(value)}
              onChange={(event) => changeNumber(event.target.value)}
              onBlur={() => invalid || setText(null)}
            />
          );
        }
        return (
          <input
            {...control}
            onFocus={onFocus}
            autoComplete="off"
            value={String(value)}
            onChange={(event) => onChange(event.target.value)}
          />
        );
      }}
    </Field>
  );
}
