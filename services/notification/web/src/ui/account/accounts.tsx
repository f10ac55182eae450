import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { accountsQuery, changeAccount, makeAccount, type Account } from "../../lib/account";
import { Problem } from "../../lib/api";
import { dayAndTime } from "../../lib/format";
import type { Role } from "../../lib/types";
import { Failure, Field, Panel, Segments, Skeleton } from "../parts";
import { AccountTable, type Column } from "./table";

const ROLES: [Role, string][] = [
  ["user", "User"],
  ["operator", "Operator"],
];

const COLUMNS: Column<Account>[] = [
  { head: "Name", look: "mono", cell: ({ user_id }) => user_id },
  { head: "Role", cell: ({ role, disabled }) => (disabled ? `${role}, disabled` : role) },
  { head: "Since", look: "num", cell: ({ created_at }) => dayAndTime(created_at) },
];

/** For operators: who may sign in. */
export function Accounts({ self }: { self: string }) {
  const accounts = useQuery(accountsQuery);
  const client = useQueryClient();
  const renew = () => client.invalidateQueries(accountsQuery);
  const change = useMutation({
    mutationFn: ({ user_id, disabled }: Account) => changeAccount(user_id, { disabled: !disabled }),
    onSuccess: renew,
  });
  return (
    <Panel title="Accounts">
      <NewAccount onMade={() => void renew()} />
      {accounts.isPending && <Skeleton rows={2} height={40} />}
      {accounts.isError && <Failure error={accounts.error} retry={() => void accounts.refetch()} />}
      {change.isError && <Failure error={change.error} />}
      {accounts.data && (
        <AccountTable
          rows={accounts.data}
          rowKey={(account) => account.user_id}
          rowClass={(account) => (account.disabled ? "rejected" : "")}
          columns={COLUMNS}
          actions={(account) =>
            account.user_id !== self && (
              <button
                type="button"
                className="button small ghost"
                disabled={change.isPending}
                onClick={() => change.mutate(account)}
              >
                {account.disabled ? "Enable" : "Disable"}
              </button>
            )
          }
        />
      )}
    </Panel>
  );
}

function NewAccount({ onMade }: { onMade: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("user");
  const make = useMutation({
    mutationFn: () => makeAccount(name, password, role),
    onSuccess: () => {
      setName("");
      setPassword("");
      onMade();
    },
  });
  const errors = make.error instanceof Problem ? make.error.byField : {};
  const placed = errors.user_id !== undefined || errors.password !== undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form className="account-form" onSubmit={submit} noValidate>
      <Field label="Name" error={errors.user_id}>
        {(control) => (
          <input
            {...control}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Field label="First password" error={errors.password}>
        {(control) => (
          <input
            {...control}
            type="password"
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <Segments label="Role" value={role} onChange={setRole} options={ROLES} />
      <button type="submit" className="button" disabled={make.isPending || !name || !password}>
        Make an account
      </button>
      {make.isError && !placed && <Failure error={make.error} />}
    </form>
  );
}
