import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { explain } from "../../lib/api";
import { count, dayAndTime } from "../../lib/format";
import {
  deliveriesQuery,
  deliveryState,
  retryDelivery,
  type Delivery,
  type DeliveryState,
} from "../../lib/targets";
import { Empty, Failure, Panel, Segments, Skeleton } from "../parts";

const SHOWN: readonly (readonly [DeliveryState | "all", string])[] = [
  ["all", "All"],
  ["pending", "Waiting"],
  ["given_up", "Given up"],
  ["suppressed", "Held back"],
];

/** What went out in the last days, what waits, and what was given up. */
export function Deliveries() {
  const [shown, setShown] = useState<DeliveryState | "all">("all");
  const deliveries = useQuery(deliveriesQuery(shown));
  return (
    <Panel
      title="What went out"
      aside={<Segments label="Show" value={shown} onChange={setShown} options={SHOWN} />}
      flush
    >
      {deliveries.isPending && <Skeleton rows={3} height={36} />}
      {deliveries.isError && !deliveries.data && (
        <Failure error={deliveries.error} retry={() => void deliveries.refetch()} />
      )}
      {deliveries.data?.length === 0 && (
        <Empty icon="bell" title="Nothing here">
          What goes out is kept for 7 days.
        </Empty>
      )}
      {deliveries.data && deliveries.data.length > 0 && (
        <div className="table-scroll">
          <table className="table" data-testid="deliveries">
            <thead>
              <tr>
                <th scope="col">Notification</th>
                <th scope="col" className="wide">
                  To
                </th>
                <th scope="col">State</th>
                <th scope="col" className="right wide">
                  Calls
                </th>
                <th scope="col" className="right wide">
                  Of
                </th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {deliveries.data.map((item) => (
                <Row key={item.id} item={item} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Row({ item }: { item: Delivery }) {
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: () => retryDelivery(item.id),
    onSettled: () => client.invalidateQueries({ queryKey: ["deliveries"] }),
  });
  const [label, look] = deliveryState(item.state);
  return (
    <tr>
      <th scope="row" title={item.message}>
        {item.title}
      </th>
      <td className="wide">{item.target}</td>
      <td>
        <span className={`badge ${look}`}>
          <span className="dot" aria-hidden="true" />
          {label}
        </span>
        {item.reason && <span className="delivery-reason">{item.reason}</span>}
        {retry.isError && <span className="field-error">{explain(retry.error)}</span>}
      </td>
      <td className="right num wide">{count(item.attempts)}</td>
      <td className="right wide">
        <time className="num" dateTime={item.timestamp}>
          {dayAndTime(item.timestamp)}
        </time>
      </td>
      <td>
        {(item.state === "given_up" || item.state === "suppressed") && (
          <button
            type="button"
            className="button small"
            disabled={retry.isPending}
            onClick={() => retry.mutate()}
          >
            Send it now
          </button>
        )}
      </td>
    </tr>
  );
}
