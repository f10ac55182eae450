import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { explain } from "../../lib/api";
import { count, dayAndTime, span } from "../../lib/format";
import {
  changeTarget,
  deleteTarget,
  exchangeSecret,
  FORMS,
  healthLabel,
  targetsQuery,
  testTarget,
  type Target,
} from "../../lib/targets";
import { ConfirmButton, Empty, Failure, Panel, Skeleton } from "../parts";
import { Confirmation } from "./confirmation";
import { NewTargetForm } from "./target-form";
import { SecretOnce } from "./secret";

/** Where the user is told, how each does, and what can be done with it. */
export function Targets() {
  const targets = useQuery(targetsQuery);
  const [secret, setSecret] = useState<{ name: string; secret: string } | null>(null);
  return (
    <Panel title="Where you are told" className="narrow-panel">
      {targets.isPending && <Skeleton rows={2} height={44} />}
      {targets.isError && !targets.data && (
        <Failure error={targets.error} retry={() => void targets.refetch()} />
      )}
      {targets.data?.length === 0 && (
        <Empty icon="bell" title="Nowhere yet">
          Add a webhook, a channel of Slack, Discord or Telegram, or a mailbox.
        </Empty>
      )}
      {targets.data && targets.data.length > 0 && (
        <ul className="targets" data-testid="targets">
          {targets.data.map((target) => (
            <TargetItem
              key={target.id}
              target={target}
              onSecret={(text) => setSecret({ name: target.name, secret: text })}
            />
          ))}
        </ul>
      )}
      {secret && <SecretOnce {...secret} onDone={() => setSecret(null)} />}
      <NewTargetForm
        onMade={({ name, secret: text }) => setSecret(text ? { name, secret: text } : null)}
      />
    </Panel>
  );
}

function TargetItem({ target, onSecret }: { target: Target; onSecret: (secret: string) => void }) {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["targets"] });
  const test = useMutation({ mutationFn: () => testTarget(target.id), onSettled: refresh });
  const change = useMutation({
    mutationFn: (enabled: boolean) => changeTarget(target.id, { enabled }),
    onSuccess: refresh,
  });
  const remove = useMutation({ mutationFn: () => deleteTarget(target.id), onSuccess: refresh });
  const exchange = useMutation({
    mutationFn: () => exchangeSecret(target.id),
    onSuccess: ({ secret }) => onSecret(secret),
  });
  const failed = [test, change, remove, exchange].find((one) => one.isError);
  const [label, look] = healthLabel(target.health);
  const form = FORMS.find(([key]) => key === target.form)?.[1] ?? target.form;
  return (
    <li className="target" data-testid="target">
      <div className="target-head">
        <strong>{target.name}</strong>
        <span className={`badge ${look}`}>
          <span className="dot" aria-hidden="true" />
          {label}
        </span>
        <span className="muted">
          {form} · <span className="mono">{target.address}</span>
          {target.chat_id && <> · {target.chat_id}</>}
        </span>
      </div>
      {target.confirmed ? <TargetNote target={target} /> : <Confirmation target={target} />}
      {test.data && (
        <p role="status" className={test.data.delivered ? "up" : "field-error"}>
          {test.data.delivered
            ? `It arrived, within ${span(test.data.took_ms)}.`
            : `It didn't arrive: ${test.data.reason ?? "no reason was given"}.`}
        </p>
      )}
      {failed && (
        <p role="alert" className="field-error">
          {explain(failed.error)}
        </p>
      )}
      <div className="form-actions">
        {target.confirmed && (
          <>
            <button
              type="button"
              className="button small"
              disabled={test.isPending}
              onClick={() => test.mutate()}
            >
              {test.isPending ? "Sending…" : "Send a test"}
            </button>
            <button
              type="button"
              className="button small"
              disabled={change.isPending}
              onClick={() => change.mutate(!target.enabled)}
            >
              {target.enabled ? "Switch off" : "Switch on"}
            </button>
          </>
        )}
        {target.form === "webhook" && (
          <ConfirmButton
            icon="redo"
            look="ghost"
            label="New secret"
            busyLabel="Making one…"
            busy={exchange.isPending}
            question="The old one is good for another day."
            confirm="Make it"
            keep="Keep the old one"
            onConfirm={() => exchange.mutate()}
          />
        )}
        <ConfirmButton
          icon="trash"
          look="ghost"
          label="Delete"
          busyLabel="Deleting…"
          busy={remove.isPending}
          question="What waits for it is deleted, too."
          confirm="Delete it"
          keep="Keep it"
          onConfirm={() => remove.mutate()}
        />
      </div>
    </li>
  );
}

/** What went wrong last, and what comes of it. */
function TargetNote({ target }: { target: Target }) {
  if (target.health === "working") {
    return target.last_success_at ? (
      <p className="faint">Last reached {dayAndTime(target.last_success_at)}.</p>
    ) : null;
  }
  if (target.health === "off") {
    return <p className="muted">{target.off_reason ?? "Switched off: nothing goes out to it."}</p>;
  }
  return (
    <p className="muted">
      {count(target.failures)} {target.failures === 1 ? "call" : "calls"} failed in a row:{" "}
      {target.last_failure}.
      {target.not_before && <> The next one is at {dayAndTime(target.not_before)}.</>}
    </p>
  );
}
