import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { accountsQuery, changeAccount, makeAccount, type Account } from "../../lib/account";
import { Problem } from "../../lib/api";
import { dayAndTime } from "../../lib/format";
import type { Role } from "../../lib/types";
import { Failure, Field, Panel, Segments, Skeleton } from "../parts";

const ROLES: [Role, string][] = [
  ["user", "User"],
  ["operator", "Operator"],
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
        <div className="table-scroll">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Role</th>
                <th scope="col">Since</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {accounts.data.map((account) => (
                <tr key={account.user_id} className={account.disabled ? "rejected" : ""}>
                  <td className="mono">{account.user_id}</td>
                  <td>{account.disabled ? `${account.role}, disabled` : account.role}</td>
                  <td className="num">{dayAndTime(account.created_at)}</td>
                  <td>
                    <div className="row-actions">
                      {account.user_id !== self && (
                        <button
                          type="button"
                          className="button small ghost"
                          disabled={change.isPending}
                          onClick={() => change.mutate(account)}
                        >
                          {account.disabled ? "Enable" : "Disable"}
                        </button>
                      )}
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
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
