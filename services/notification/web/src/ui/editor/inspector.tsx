import { useState } from "react";
import { infoOf, nodeLook } from "../../lib/catalogue";
import { fieldValue, nodeFields, nodeTitle, type Field as NodeField } from "../../lib/graph";
import type { Diagnostic, Graph, GraphNode } from "../../lib/types";
import { parseNumber } from "../../lib/validate";
import { Field } from "../parts";
import { Diagnostics } from "./diagnostics";

const NONE: Diagnostic[] = [];
/** The catalogue quotes names as its document does. */
const plain = (text: string) => text.replace(/`/g, "");

/** The values of what is selected, or of everything when nothing is. */
export function Inspector({
  graph,
  selected,
  byNode,
  onSelect,
  onChange,
}: {
  graph: Graph;
  selected: ReadonlySet<string>;
  byNode: ReadonlyMap<string, Diagnostic[]>;
  onSelect: (ids: ReadonlySet<string>) => void;
  onChange: (node: string, key: string, value: unknown) => void;
}) {
  const chosen = graph.nodes.filter((node) => selected.has(node.id));
  const shown = chosen.length > 0 ? chosen : graph.nodes;
  return (
    <div className="node-list">
      {chosen.length > 0 && (
        <button
          type="button"
          className="button ghost small"
          onClick={() => onSelect(new Set<string>())}
        >
          Show all nodes
        </button>
      )}
      {shown.map((node) => (
        <NodeCard
          key={node.id}
          node={node}
          alone={chosen.length === 1}
          diagnostics={byNode.get(node.id) ?? NONE}
          onSelect={() => onSelect(new Set([node.id]))}
          onChange={(key, value) => onChange(node.id, key, value)}
        />
      ))}
    </div>
  );
}

function NodeCard({
  node,
  alone,
  diagnostics,
  onSelect,
  onChange,
}: {
  node: GraphNode;
  /** It is what is selected: shown with all there is to say of it. */
  alone: boolean;
  diagnostics: readonly Diagnostic[];
  onSelect: () => void;
  onChange: (key: string, value: unknown) => void;
}) {
  const info = infoOf(node);
  const fields = nodeFields(node);
  const known = new Set(fields.map((field) => field.key));
  const rest = diagnostics.filter((item) => !item.field || !known.has(item.field));
  if (fields.length === 0 && diagnostics.length === 0 && !alone) return null;
  return (
    <fieldset className={`node-card ${nodeLook(node.type)}`} data-node={node.id}>
      <legend>
        {alone ? (
          nodeTitle(node)
        ) : (
          <button type="button" className="node-name" onClick={onSelect}>
            {nodeTitle(node)}
          </button>
        )}{" "}
        <span className="faint mono">{node.id}</span>
      </legend>
      {alone && info && <p className="node-about">{plain(info.about)}</p>}
      <div className="node-fields">
        {fields.map((field) => (
          <NodeInput
            key={field.key}
            node={node}
            field={field}
            problem={diagnostics.find((item) => item.field === field.key)}
            help={alone}
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
  help,
  onChange,
}: {
  node: GraphNode;
  field: NodeField;
  problem: Diagnostic | undefined;
  /** Says what the engine accepts. */
  help: boolean;
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
    <Field
      label={field.label}
      error={error}
      help={isError ? undefined : (note ?? (help && field.rule ? plain(field.rule) : undefined))}
    >
      {(control) => {
        if (field.kind === "boolean") {
          return (
            <input
              {...control}
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
            <select {...control} value={current} onChange={(event) => onChange(event.target.value)}>
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
            autoComplete="off"
            value={String(value)}
            onChange={(event) => onChange(event.target.value)}
          />
        );
      }}
    </Field>
  );
}
