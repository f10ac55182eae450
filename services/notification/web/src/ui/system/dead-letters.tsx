import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { explain, Problem, request } from "../../lib/api";
import { useFeatures } from "../../lib/features";
import { count, dayAndTime } from "../../lib/format";
import { useOperator } from "../../lib/operator";
import type { Page } from "../../lib/types";
import { ConfirmButton, Failure, Panel } from "../parts";

interface DeadLetters {
  topic: string;
  source: string;
  group: string;
  class: string;
  letters: number;
  pending: number;
  oldest: string | null;
  newest: string | null;
}

interface Redriven {
  redriven: number;
  already: number;
  held_back: number;
  misplaced: number;
}

const PATH = "/v1/ops/dead-letters";

/** Null where they aren't this user's business. */
const deadLettersQuery = queryOptions({
  queryKey: ["ops", "dead-letters"],
  queryFn: async ({ signal }) => {
    try {
      return (await request<Page<DeadLetters>>(PATH, { signal })).items;
    } catch (error) {
      if (error instanceof Problem && (error.status === 403 || error.status === 404)) return null;
      throw error;
    }
  },
  // Topics are read through for it.
  refetchInterval: 60_000,
});

/** Records that a service gave up, and the way back for them. */
export function DeadLettersPanel() {
  const features = useFeatures();
  const operator = useOperator();
  const known = operator && (features?.has("GET", PATH) ?? false);
  const letters = useQuery({ ...deadLettersQuery, enabled: known });
  if (!known || letters.isPending || letters.data === null) return null;
  return (
    <Panel title="Dead letters" flush>
      {letters.isError && !letters.data && (
        <Failure error={letters.error} retry={() => void letters.refetch()} />
      )}
      {letters.data?.length === 0 && <p className="preview-text muted">There are none.</p>}
      {letters.data && letters.data.length > 0 && (
        <div className="table-scroll">
          <table className="table" data-testid="dead-letters">
            <thead>
              <tr>
                <th scope="col">Of</th>
                <th scope="col" className="wide">
                  Given up by
                </th>
                <th scope="col">Class</th>
                <th scope="col" className="right">
                  Waiting
                </th>
                <th scope="col" className="right wide">
                  In all
                </th>
                <th scope="col" className="right wide">
                  Newest
                </th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {letters.data.map((item) => (
                <Row key={`${item.topic}:${item.class}`} item={item} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function told({ redriven, held_back: held, misplaced }: Redriven): string {
  const parts = [`${count(redriven)} sent back`];
  if (held > 0) parts.push(`${count(held)} stay, they went back twice already`);
  if (misplaced > 0) parts.push(`${count(misplaced)} stay, they are of another topic`);
  return `${parts.join("; ")}.`;
}

function Row({ item }: { item: DeadLetters }) {
  const client = useQueryClient();
  const redrive = useMutation({
    mutationFn: () =>
      request<Redriven>(`${PATH}/${encodeURIComponent(item.topic)}/redrive`, {
        method: "POST",
        body: { class: item.class, execute: true },
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ["ops", "dead-letters"] }),
  });
  return (
    <tr>
      <th scope="row">
        {item.source}
        {redrive.data && <span className="delivery-reason">{told(redrive.data)}</span>}
        {redrive.isError && <span className="field-error">{explain(redrive.error)}</span>}
      </th>
      <td className="wide">{item.group}</td>
      <td>{item.class}</td>
      <td className={`right num ${item.pending > 0 ? "down" : ""}`}>{count(item.pending)}</td>
      <td className="right num wide">{count(item.letters)}</td>
      <td className="right num wide">{dayAndTime(item.newest)}</td>
      <td>
        {item.pending > 0 && (
          <ConfirmButton
            icon="undo"
            look="ghost"
            label="Send back"
            busyLabel="Sending…"
            busy={redrive.isPending}
            question="Every reader of the topic sees them again."
            confirm="Send them"
            keep="Leave them"
            onConfirm={() => redrive.mutate()}
          />
        )}
      </td>
    </tr>
  );
}
