import { useState, type FormEvent } from "react";
import { explain } from "../lib/api";
import { signIn, signInWithPassword, signInWithToken, type Auth } from "../lib/auth";
import { Logo } from "../ui/icons";
import { Field, Skeleton } from "../ui/parts";

export function SignInPage({ who }: { who: Exclude<Auth, { state: "signed-in" }> }) {
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <div className="brand">
          <Logo />
          <span>AlgoTrade</span>
        </div>
        {who.state === "signing-in" && <Skeleton rows={2} />}
        {who.state === "unreachable" && (
          <div role="status">
            <h1>Can't reach AlgoTrade</h1>
            <p className="muted">{who.detail}</p>
          </div>
        )}
        {who.state === "needs-sign-in" && (
          <>
            <h1>Sign in</h1>
            <PasswordForm reason={who.detail} />
            <details className="other-ways">
              <summary>Other ways</summary>
              <TokenForm />
              <button type="button" className="button ghost" onClick={() => void signIn()}>
                Try as a guest
              </button>
            </details>
          </>
        )}
      </div>
    </main>
  );
}

/** Signs in with a name and a password. */
export function PasswordForm({
  reason = null,
  onDone,
}: {
  reason?: string | null;
  onDone?: () => void;
}) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string | null>(reason);
  const [busy, setBusy] = useState(false);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim() || !password) {
      setError("Both the name and the password are needed.");
      return;
    }
    setBusy(true);
    signInWithPassword(name.trim(), password)
      .then(() => onDone?.())
      .catch((failure: unknown) => {
        setError(explain(failure));
        setBusy(false);
      });
  };

  return (
    <form className="form" onSubmit={submit} noValidate>
      <Field label="Name">
        {(control) => (
          <input
            {...control}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password" error={error ?? undefined}>
        {(control) => (
          <input
            {...control}
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <div className="form-actions">
        <button type="submit" className="button primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </div>
    </form>
  );
}

/** Signs in with a token that an operator has issued. */
export function TokenForm({ onDone }: { onDone?: () => void }) {
  const [value, setValue] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!value.trim()) {
      setError("Paste a token first.");
      return;
    }
    setBusy(true);
    signInWithToken(value)
      .then(() => onDone?.())
      .catch((failure: unknown) => {
        setError(explain(failure));
        setBusy(false);
      });
  };

  return (
    <form className="form" onSubmit={submit} noValidate>
      <Field
        label="Token"
        error={error ?? undefined}
        help="Issued with `algotrade token`; kept until this tab is closed."
      >
        {(control) => (
          <textarea
            {...control}
            rows={3}
            className="mono"
            autoComplete="off"
            spellCheck={false}
            value={value}
            onChange={(event) => {
              setValue(event.target.value);
              setError(null);
            }}
          />
        )}
      </Field>
      <div className="form-actions">
        <button type="submit" className="button" disabled={busy}>
          {busy ? "Checking…" : "Use this token"}
        </button>
      </div>
    </form>
  );
}
