import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import {
  apiTokensQuery,
  makeApiToken,
  revokeApiToken,
  type ApiToken,
  type Scope,
} from "../../lib/account";
import { Problem } from "../../lib/api";
import { dayAndTime } from "../../lib/format";
import { Failure, Field, Panel, Segments, Skeleton } from "../parts";
import { AccountTable, type Column } from "./table";

const SCOPES: [Scope, string][] = [
  ["read", "Look only"],
  ["trade", "Everything"],
];

const COLUMNS: Column<ApiToken>[] = [
  { head: "Name", cell: ({ name }) => name },
  { head: "May", cell: ({ scope }) => (scope === "read" ? "look only" : "everything") },
  {
    head: "Last used",
    look: "num",
    cell: ({ used_at }) => (used_at ? dayAndTime(used_at) : "never"),
  },
  { head: "Ends", look: "num", cell: ({ expires_at }) => dayAndTime(expires_at) },
];

export function ApiTokens() {
  const tokens = useQuery(apiTokensQuery);
  const client = useQueryClient();
  const renew = () => client.invalidateQueries(apiTokensQuery);
  const revoke = useMutation({ mutationFn: revokeApiToken, onSuccess: renew });
  return (
    <Panel title="API tokens">
      <p className="muted">
        For programs. <code>POST /v1/auth/token</code> gives a token of 15 minutes for one, to send
        as <code>Authorization: Bearer</code>.
      </p>
      <NewToken onMade={() => void renew()} />
      {tokens.isPending && <Skeleton rows={2} height={40} />}
      {tokens.isError && <Failure error={tokens.error} retry={() => void tokens.refetch()} />}
      {revoke.isError && <Failure error={revoke.error} />}
      {tokens.data && tokens.data.length > 0 && (
        <AccountTable
          rows={tokens.data}
          rowKey={(token) => token.id}
          columns={COLUMNS}
          actions={(token) => (
            <button
              type="button"
              className="button small ghost"
              disabled={revoke.isPending}
              onClick={() => revoke.mutate(token.id)}
            >
              Revoke
            </button>
          )}
        />
      )}
    </Panel>
  );
}

function NewToken({ onMade }: { onMade: () => void }) {
  const [name, setName] = useState("");
  const [days, setDays] = useState("90");
  const [scope, setScope] = useState<Scope>("read");
  const make = useMutation({
    mutationFn: () => makeApiToken(name, scope, Number(days)),
    onSuccess: () => {
      setName("");
      onMade();
    },
  });
  const errors = make.error instanceof Problem ? make.error.byField : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form className="account-form" onSubmit={submit} noValidate>
      <Field label="Name" error={errors.name}>
        {(control) => (
          <input {...control} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Field label="Good for" suffix="days" error={errors.days}>
        {(control) => (
          <input
            {...control}
            inputMode="numeric"
            className="num"
            value={days}
            onChange={(event) => setDays(event.target.value.replace(/\D/g, ""))}
          />
        )}
      </Field>
      <Segments label="What it may do" value={scope} onChange={setScope} options={SCOPES} />
      <button type="submit" className="button" disabled={make.isPending || !name.trim() || !days}>
        Make a token
      </button>
      {make.isError && !errors.name && !errors.days && <Failure error={make.error} />}
      {make.data && (
        <p className="secret" role="status">
          Copy it now, it is not shown again: <code>{make.data.api_token}</code>
        </p>
      )}
    </form>
  );
}
