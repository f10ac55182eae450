import { queryOptions, useQuery } from "@tanstack/react-query";
import { Problem, request } from "../../lib/api";
import { useFeatures } from "../../lib/features";
import { count, span } from "../../lib/format";
import { useOperator } from "../../lib/operator";
import type { Page } from "../../lib/types";
import { Failure, Panel, Skeleton, Time } from "../parts";

interface ServiceHealth {
  service: string;
  /** `ready`, or what it lacks. */
  status: string;
  timestamp: string;
  latency_ms: number | null;
  /** Records that its consumer group is behind. */
  lag: number | null;
  waiting_ms: number | null;
}

const PATH = "/v1/ops/health";

/** Null where it isn't for this user: each service by itself is the operators' business. */
const servicesQuery = queryOptions({
  queryKey: ["ops", "health"],
  queryFn: async ({ signal }) => {
    try {
      return (await request<Page<ServiceHealth>>(PATH, { signal })).items;
    } catch (error) {
      if (error instanceof Problem && (error.status === 403 || error.status === 404)) return null;
      throw error;
    }
  },
  refetchInterval: 10_000,
});

/** Each service's health and how far it is behind, as the operator's part of the platform sees it. */
export function Services() {
  const features = useFeatures();
  const operator = useOperator();
  const known = operator && (features?.has("GET", PATH) ?? false);
  const services = useQuery({ ...servicesQuery, enabled: known });
  if (!known || services.data === null || services.data?.length === 0) return null;
  return (
    <Panel title="Services" flush>
      {services.isPending && <Skeleton rows={4} />}
      {services.isError && !services.data && (
        <Failure error={services.error} retry={() => void services.refetch()} />
      )}
      {services.data && (
        <div className="table-scroll">
          <table className="table" data-testid="services">
            <thead>
              <tr>
                <th scope="col">Service</th>
                <th scope="col">State</th>
                <th scope="col" className="right">
                  Records behind
                </th>
                <th scope="col" className="right wide">
                  Waiting for
                </th>
                <th scope="col" className="right wide">
                  Answered in
                </th>
                <th scope="col" className="right wide">
                  Asked
                </th>
              </tr>
            </thead>
            <tbody>
              {services.data.map((item) => (
                <Row key={item.service} item={item} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Row({ item }: { item: ServiceHealth }) {
  const ready = item.status === "ready";
  return (
    <tr>
      <th scope="row">{item.service}</th>
      <td>
        <span className={`badge ${ready ? "good" : "bad"}`}>
          <span className="dot" aria-hidden="true" />
          {ready ? "Ready" : item.status}
        </span>
      </td>
      <td className="right num">{item.lag === null ? "–" : count(item.lag)}</td>
      <td className="right num wide">{item.waiting_ms ? span(item.waiting_ms) : "–"}</td>
      <td className="right num wide">
        {item.latency_ms === null ? "–" : `${count(item.latency_ms)} ms`}
      </td>
      <td className="right wide">
        <Time at={item.timestamp} />
      </td>
    </tr>
  );
}
