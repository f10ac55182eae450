import "@xyflow/react/dist/base.css";
import {
  applyNodeChanges,
  Background,
  Controls,
  MarkerType,
  MiniMap,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  type Connection,
  type Edge,
  type Node,
} from "@xyflow/react";
import {
  useCallback,
  useEffect,
  useMemo,
  useState,
  type DragEvent,
  type KeyboardEvent,
} from "react";
import { findHandle, infoOf, NODE_TYPES, typeName } from "../lib/catalogue";
import {
  addNode,
  canConnect,
  connect,
  edgeId,
  isPlaced,
  moveNodes,
  placed,
  removeItems,
} from "../lib/graph-edit";
import type { ValuesByOutput } from "../lib/node-values";
import { useStore } from "../lib/store";
import { painted } from "../lib/theme";
import type { Diagnostic, Graph } from "../lib/types";
import { FLOW_NODES, flowNodes, type NodeData } from "./flow-node";
import { VALUE_EDGES, withValues } from "./value-edge";

/** What a palette entry carries while it is dragged: its place in the catalogue. */
export const DRAG_TYPE = "application/x-algotrade-node";
const MINIMAP_FROM = 12;

interface CanvasProps {
  graph: Graph;
  diagnostics: readonly Diagnostic[];
  /** What the nodes give, while a session runs this very graph. */
  values: ValuesByOutput | null;
  selected: ReadonlySet<string>;
  onSelect: (ids: ReadonlySet<string>) => void;
  onChange: (graph: Graph) => void;
  /** Handled by the owner: copy, paste, undo and so on. True if it was one of these. */
  onKey: (event: KeyboardEvent) => boolean;
}

export default function GraphCanvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}

/** Edges by the handles' first names: saved graphs may use another one of them. */
function flowEdges(graph: Graph, selected: ReadonlySet<string>): Edge[] {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  return graph.edges.map((edge, index) => {
    const [from, to] = [byId.get(edge.source), byId.get(edge.target)];
    const out = findHandle((from && infoOf(from))?.outputs ?? [], edge.sourceHandle);
    const into = findHandle((to && infoOf(to))?.inputs ?? [], edge.targetHandle);
    const id = edgeId(edge, index);
    return {
      id,
      source: edge.source,
      target: edge.target,
      sourceHandle: out?.id ?? edge.sourceHandle ?? "default",
      targetHandle: into?.id ?? edge.targetHandle ?? "default",
      selected: selected.has(id),
      markerEnd: { type: MarkerType.ArrowClosed, color: "var(--faint)" },
      ariaLabel: `${edge.source} into ${edge.target}`,
    };
  });
}

function Canvas({ graph, diagnostics, values, selected, onSelect, onChange, onKey }: CanvasProps) {
  const mode = useStore(painted);
  const flow = useReactFlow();
  // Drawn once for a graph without positions; kept with the graph by the first change.
  const shown = useMemo(() => placed(graph), [graph]);
  const [nodes, setNodes] = useState<Node<NodeData>[]>(() =>
    flowNodes(shown, diagnostics, selected),
  );
  const [chosenEdges, setChosenEdges] = useState<ReadonlySet<string>>(new Set());
  const plain = useMemo(() => flowEdges(shown, chosenEdges), [shown, chosenEdges]);
  const edges = useMemo(
    () => (values ? withValues(plain, shown, values) : plain),
    [plain, shown, values],
  );

  const [seen, setSeen] = useState({ shown, diagnostics, selected });
  if (seen.shown !== shown || seen.diagnostics !== diagnostics || seen.selected !== selected) {
    setSeen({ shown, diagnostics, selected });
    // Sizes that were measured stay: a node without one is hidden until it is measured again.
    const known = new Map(nodes.map((node) => [node.id, node.measured]));
    setNodes(
      flowNodes(shown, diagnostics, selected).map((node) => {
        const measured = known.get(node.id);
        return measured ? { ...node, measured } : node;
      }),
    );
  }

  // What was just added or arranged must be in sight.
  const count = graph.nodes.length;
  const drawn = isPlaced(graph);
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      void flow.fitView({ padding: 0.15, maxZoom: 1.1, duration: 200 });
    });
    return () => cancelAnimationFrame(frame);
  }, [count, drawn, flow]);

  const link = useCallback(
    (connection: Connection) => {
      if (canConnect(shown, connection)) onChange(connect(shown, connection));
    },
    [shown, onChange],
  );

  const drop = (event: DragEvent) => {
    event.preventDefault();
    const info = NODE_TYPES[Number(event.dataTransfer.getData(DRAG_TYPE))];
    if (!info) return;
    const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    const added = addNode(shown, info, at);
    onChange(added.graph);
    onSelect(new Set([added.id]));
  };

  return (
    // Keys act on what is selected within; each node and edge can be focused by itself.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className="graph"
      role="group"
      aria-label="Strategy graph"
      onKeyDown={(event) => {
        if (onKey(event)) event.preventDefault();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
    >
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={FLOW_NODES}
        edgeTypes={VALUE_EDGES}
        colorMode={mode}
        fitView
        fitViewOptions={{ padding: 0.15, maxZoom: 1.1 }}
        minZoom={0.15}
        snapToGrid
        snapGrid={[10, 10]}
        deleteKeyCode={["Delete", "Backspace"]}
        multiSelectionKeyCode={["Shift", "Meta", "Control"]}
        onNodesChange={(changes) => {
          setNodes((current) => applyNodeChanges(changes, current));
          const picks = changes.filter((change) => change.type === "select");
          if (picks.length > 0) {
            const next = new Set(selected);
            for (const { id, selected: on } of picks) {
              if (on) next.add(id);
              else next.delete(id);
            }
            onSelect(next);
          }
          // Arrow keys move without a drag: each step is kept.
          const moved = changes.filter((change) => change.type === "position");
          const settled = moved.filter((change) => change.dragging !== true && change.position);
          if (settled.length > 0) {
            onChange(moveNodes(shown, new Map(settled.map((item) => [item.id, item.position ?? { x: 0, y: 0 }])))); // prettier-ignore
          }
        }}
        onEdgesChange={(changes) => {
          const picks = changes.filter((change) => change.type === "select");
          if (picks.length === 0) return;
          setChosenEdges((current) => {
            const next = new Set(current);
            for (const { id, selected: on } of picks) {
              if (on) next.add(id);
              else next.delete(id);
            }
            return next;
          });
        }}
        onDelete={({ nodes: gone, edges: cut }) =>
          onChange(
            removeItems(
              shown,
              new Set(gone.map((node) => node.id)),
              new Set(cut.map((edge) => edge.id)),
            ),
          )
        }
        onConnect={link}
        isValidConnection={(edge) =>
          canConnect(shown, {
            source: edge.source,
            target: edge.target,
            sourceHandle: edge.sourceHandle ?? null,
            targetHandle: edge.targetHandle ?? null,
          })
        }
        ariaLabelConfig={{
          "node.a11yDescription.default":
            "Press Enter to select the node, arrow keys to move it, Delete to remove it.",
        }}
      >
        <Background gap={20} />
        <Controls showInteractive={false} />
        {graph.nodes.length > MINIMAP_FROM && (
          <MiniMap
            pannable
            nodeColor="var(--border-strong)"
            maskColor="color-mix(in srgb, var(--sunken) 70%, transparent)"
            ariaLabel="Overview of the graph"
          />
        )}
      </ReactFlow>
      {graph.nodes.length === 0 && (
        <p className="chart-note">
          Drag a node here, or choose {typeName("priceNode")} in the palette to begin.
        </p>
      )}
    </div>
  );
}
