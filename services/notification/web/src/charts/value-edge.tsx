import {
  BaseEdge,
  EdgeLabelRenderer,
  getBezierPath,
  type Edge,
  type EdgeProps,
} from "@xyflow/react";
import { nodeTitle } from "../lib/graph";
import {
  outputKey,
  valueKind,
  valueText,
  type NodeValue,
  type ValuesByOutput,
} from "../lib/node-values";
import type { Graph } from "../lib/types";

/** What leaves by the edge; `from` names it. Null where another edge of the output says it. */
interface EdgeValue extends Record<string, unknown> {
  shown: { from: string; value: NodeValue | undefined } | null;
}

/** From the handle to the label. */
const GAP = 9;

/** An edge with what leaves by it beside the node that it leaves: there no two of them cross. */
function ValueEdge(props: EdgeProps<Edge<EdgeValue>>) {
  const { id, sourceX, sourceY, markerEnd, data } = props;
  const [path] = getBezierPath(props);
  const shown = data?.shown;
  return (
    <>
      <BaseEdge id={id} path={path} {...(markerEnd && { markerEnd })} />
      {shown && (
        <EdgeLabelRenderer>
          <div
            className={`edge-value ${valueKind(shown.value)}`}
            style={{
              transform: `translate(${sourceX + GAP}px, ${sourceY}px) translateY(-50%)`,
            }}
          >
            <span className="hidden">{shown.from}: </span>
            {valueText(shown.value)}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

export const VALUE_EDGES = { value: ValueEdge };

/** Each output's value once, on the first of its edges: all of them carry the same. */
export function withValues(edges: Edge[], graph: Graph, values: ValuesByOutput): Edge<EdgeValue>[] {
  const titles = new Map(graph.nodes.map((node) => [node.id, nodeTitle(node)]));
  const told = new Set<string>();
  return edges.map((edge) => {
    const key = outputKey(edge.source, edge.sourceHandle ?? "");
    const from = `${titles.get(edge.source) ?? ""} ${edge.source}`;
    const shown = told.has(key) ? null : { from, value: values.get(key) };
    told.add(key);
    return { ...edge, type: "value", data: { shown } };
  });
}
