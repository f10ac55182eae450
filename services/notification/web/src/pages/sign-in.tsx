import { useState, type FormEvent } from "react";
import { explain } from "../lib/api";
import { signIn, signInWithToken, type Auth } from "../lib/auth";
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
        {who.state === "needs-token" && <TokenForm reason={who.detail} />}
      </div>
    </main>
  );
}

function TokenForm({ reason }: { reason: string | null }) {
  const [value, setValue] = useState("");
  const [error, setError] = useState<string | null>(reason);
  const [busy, setBusy] = useState(false);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!value.trim()) {
      setError("Paste a token first.");
      return;
    }
    setBusy(true);
    signInWithToken(value)
      .catch((failure: unknown) => setError(explain(failure)))
      .finally(() => setBusy(false));
  };

  return (
    <form onSubmit={submit} noValidate>
      <h1>Sign in with a token</h1>
      <p className="muted">
        Guests are switched off here. Whoever runs this AlgoTrade issues tokens with{" "}
        <code>algotrade token</code>; yours is kept until you close this tab.
      </p>
      <Field label="Token" error={error ?? undefined}>
        {(control) => (
          <textarea
            {...control}
            rows={4}
            className="mono"
            autoComplete="off"
            spellCheck={false}
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        )}
      </Field>
      <div className="form-actions">
        <button type="submit" className="button primary" disabled={busy}>
          {busy ? "Checking…" : "Sign in"}
        </button>
        <button type="button" className="button ghost" onClick={() => void signIn()}>
          Try as a guest again
        </button>
      </div>
    </form>
  );
}
