import { queryOptions, useQuery } from "@tanstack/react-query";
import { Problem, request } from "../lib/api";
import { count, pair, span } from "../lib/format";
import { toNumber } from "../lib/number";
import { statusQuery, subscriptionsQuery } from "../lib/queries";
import { Failure, Metric, Page, Panel, Skeleton, Time } from "../ui/parts";
import { DeadLettersPanel } from "../ui/system/dead-letters";
import { Services } from "../ui/system/services";

interface Health {
  status?: string;
  problems?: Record<string, unknown>;
  details?: { products?: Record<string, Record<string, unknown>> };
}

const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: async ({ signal }): Promise<Health> => {
    try {
      return await request<Health>("/healthz/ready", { signal });
    } catch (error) {
      // A service that isn't ready says so with 503 and tells why.
      if (error instanceof Problem && error.status === 503) return error.body as Health;
      throw error;
    }
  },
  refetchInterval: 5_000,
});

export default function SystemPage() {
  const health = useQuery(healthQuery);
  const status = useQuery(statusQuery);
  const problems = Object.entries(health.data?.problems ?? {});
  const ready = health.data?.status === "ready" && problems.length === 0;
  return (
    <Page title="System" lead="Health of the services and of the market's feed.">
      <dl className="metrics">
        <Metric
          label="Services"
          value={health.data ? (ready ? "Ready" : "Not ready") : health.isError ? "Unknown" : "–"}
          valueTone={health.data ? (ready ? "up" : "down") : "flat"}
          detail={
            status.data?.mode === "embedded" ? "one process, embedded broker" : "separate processes"
          }
        />
        <Metric
          label="Market"
          value={status.data?.feed === "simulator" ? "Simulated" : (status.data?.feed ?? "–")}
          detail="source of prices"
        />
        <Metric label="Version" value={status.data?.version ?? "–"} detail="AlgoTrade" />
      </dl>
      {problems.length > 0 && (
        <Panel title="Problems">
          <ul className="diagnostics">
            {problems.map(([name, problem]) => (
              <li key={name} className="error">
                <strong>{name}</strong>
                <span>{typeof problem === "string" ? problem : JSON.stringify(problem)}</span>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {health.isError && !health.data && (
        <Failure error={health.error} retry={() => void health.refetch()} />
      )}
      <Services />
      <DeadLettersPanel />
      <Feed products={health.data?.details?.products ?? {}} />
    </Page>
  );
}

/** A gap is what could not be filled; a market that was silent for long may be cut off. */
function Feed({ products }: { products: Record<string, Record<string, unknown>> }) {
  const subscriptions = useQuery(subscriptionsQuery);
  return (
    <Panel title="Feed" flush>
      {subscriptions.isPending && <Skeleton rows={3} />}
      {subscriptions.data && (
        <div className="table-scroll">
          <table className="table" data-testid="feed">
            <thead>
              <tr>
                <th scope="col">Market</th>
                <th scope="col" className="right">
                  Last trade
                </th>
                <th scope="col" className="right wide">
                  Heard
                </th>
                <th scope="col" className="right">
                  Trades
                </th>
                <th scope="col" className="right">
                  Gaps
                </th>
                <th scope="col" className="wide">
                  Asked for by
                </th>
              </tr>
            </thead>
            <tbody>
              {subscriptions.data.map((item) => {
                const heard = toNumber(products[item.symbol]?.heard_seconds_ago);
                return (
                  <tr key={item.symbol}>
                    <th scope="row">{pair(item.symbol, item.product_id)}</th>
                    <td className="right">
                      <Time at={item.last_trade_at} />
                    </td>
                    <td className="right num wide">
                      {heard === null ? "–" : `${span(heard * 1000)} ago`}
                    </td>
                    <td className="right num">{count(item.trades)}</td>
                    <td className={`right num ${item.gaps > 0 ? "down" : ""}`}>
                      {count(item.gaps)}
                    </td>
                    <td className="wide muted">{item.requested_by.join(", ")}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
