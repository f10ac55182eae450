/** Strategies of the stand-in, and its idea of compiling them. */
const node = (id, type, x, y, data = {}) => ({ id, type, position: { x, y }, data });
const edge = (source, sourceHandle, target, targetHandle) => ({
  id: `${source}-${target}-${targetHandle}`,
  source,
  sourceHandle,
  target,
  targetHandle,
});

export const crossover = (fast, slow) => ({
  nodes: [
    node("price-1", "priceNode", 0, 140, { priceType: "close" }),
    node("sma-fast", "smaNode", 230, 40, { period: fast }),
    node("sma-slow", "smaNode", 230, 240, { period: slow }),
    node("cross-up", "crossoverNode", 470, 40, { crossType: "above" }),
    node("cross-down", "crossoverNode", 470, 240, { crossType: "below" }),
    node("buy-1", "buyNode", 710, 40, { quantity: 50, sizeType: "percent_of_cash" }),
    node("sell-1", "sellNode", 710, 240, { quantity: 100, sizeType: "percent_of_position" }),
  ],
  edges: [
    edge("price-1", "price-out", "sma-fast", "price-in"),
    edge("price-1", "price-out", "sma-slow", "price-in"),
    edge("sma-fast", "sma-out", "cross-up", "fast-in"),
    edge("sma-slow", "sma-out", "cross-up", "slow-in"),
    edge("sma-fast", "sma-out", "cross-down", "fast-in"),
    edge("sma-slow", "sma-out", "cross-down", "slow-in"),
    edge("cross-up", "cross-out", "buy-1", "trigger-in"),
    edge("cross-down", "cross-out", "sell-1", "trigger-in"),
  ],
});
const reversion = {
  nodes: [
    node("price-1", "priceNode", 0, 100),
    node("rsi-1", "rsiNode", 230, 100, { period: 14 }),
    node("zone-1", "thresholdNode", 470, 100, { upperThreshold: 70, lowerThreshold: 30 }),
    node("buy-1", "buyNode", 710, 30, { quantity: 40, sizeType: "percent_of_cash" }),
    node("sell-1", "sellNode", 710, 190, { quantity: 100, sizeType: "percent_of_position" }),
  ],
  edges: [
    edge("price-1", "price-out", "rsi-1", "price-in"),
    edge("rsi-1", "rsi-out", "zone-1", "value-in"),
    edge("zone-1", "oversold-out", "buy-1", "trigger-in"),
    edge("zone-1", "overbought-out", "sell-1", "trigger-in"),
  ],
};

function scriptOf(fast, slow) {
  return `strategy("SMA crossover", timeframe="1m")

fast = sma(close, ${fast})
slow = sma(close, ${slow})

if crosses_above(fast, slow):
    buy(size=percent_of_cash(50))
if crosses_below(fast, slow):
    sell()
`;
}

export const templates = [
  {
    key: "sma_crossover",
    name: "SMA crossover",
    description: "Buys when the fast average rises above the slow one, sells when it falls below.",
    kind: "graph",
    source: crossover(10, 30),
    script: scriptOf(10, 30),
  },
  {
    key: "rsi_reversion",
    name: "RSI mean reversion",
    description: "Buys when RSI says oversold and sells when it says overbought.",
    kind: "graph",
    source: reversion,
  },
];

function compileGraph(source) {
  const diagnostics = [];
  const add = (code, severity, id, field, message, hint) =>
    diagnostics.push({ code, severity, node: id, field, message, hint });
  for (const item of source?.nodes ?? []) {
    const { period } = item.data ?? {};
    if (period !== undefined && !(period >= 1 && Number.isInteger(period))) {
      const text = `A period must be a whole number of at least 1, not ${period}.`;
      add("bad_period", "error", item.id, "period", text, "Try 14.");
    }
    const wired = source.edges.some((line) => line.target === item.id || line.source === item.id);
    if (!wired) {
      add("node_unused", "warning", item.id, null, "The node leads to no order.", "Connect it.");
    }
    if (/buy|sell/.test(item.type) && !source.edges.some((line) => line.target === item.id)) {
      add("no_trigger", "error", item.id, null, "Nothing triggers this order.", "Connect a rule.");
    }
  }
  if (!source?.nodes?.some((item) => /buy|sell/.test(item.type))) {
    add("no_action", "error", null, null, "This graph never trades.", "Add a Buy or Sell node.");
  }
  const ok = !diagnostics.some((item) => item.severity === "error");
  const plan = ok ? { hash: "mock", nodes: source.nodes.length, warmup: 30 } : null;
  return { ok, diagnostics, plan };
}

/** As much of the script as the page needs: two averages, and what is outside the language. */
function compileScript(text) {
  const diagnostics = [];
  for (const [index, line] of text.split("\n").entries()) {
    const word = /\b(while|import|class)\b/.exec(line);
    if (!word) continue;
    diagnostics.push({
      code: "script_unsupported",
      severity: "error",
      node: null,
      field: null,
      message: `\`${word[1]}\` is not part of the language.`,
      hint: "Use `for` over constants, or an indicator.",
      line: index + 1,
      column: word.index + 1,
      end_line: index + 1,
      end_column: word.index + 1 + word[1].length,
    });
  }
  const periods = [...text.matchAll(/sma\(close, (\d+)\)/g)].map(([, period]) => Number(period));
  const graph = crossover(periods[0] ?? 10, periods[1] ?? 30);
  for (const item of graph.nodes) delete item.position;
  const checked = compileGraph(graph);
  const all = [...diagnostics, ...checked.diagnostics];
  const ok = !all.some((item) => item.severity === "error");
  return { ok, diagnostics: all, plan: ok ? checked.plan : null, graph };
}

export function compile({ kind, source }) {
  if (kind === "script") return compileScript(String(source));
  const [fast = 10, slow = 30] = (source?.nodes ?? [])
    .filter((item) => item.type === "smaNode")
    .map((item) => item.data?.period);
  return { ...compileGraph(source), script: scriptOf(fast, slow) };
}

/** What the nodes give at the moment: about the price, and conditions that change now and then. */
export function nodeValues(session, strategy, price) {
  const running = session.status === "RUNNING";
  const sources = new Map();
  for (const { source, sourceHandle } of strategy.source.edges ?? []) {
    sources.set(`${source} ${sourceHandle}`, { node: source, output: sourceHandle });
  }
  const valueOf = (output, index) => {
    if (!running) return null;
    if (/cross|oversold|overbought/.test(output)) return (Date.now() >> 12) % 3 === index % 3;
    return /rsi/.test(output) ? 54.31 : price * (1 - index / 10_000);
  };
  return {
    session_id: session.id,
    strategy_version: strategy.version,
    running,
    evaluations: running ? 1_200 : 0,
    outputs: [...sources.values()].map((item, index) => ({
      ...item,
      value: valueOf(item.output, index),
    })),
  };
}
