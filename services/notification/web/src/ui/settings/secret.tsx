import { useState } from "react";

/** A webhook's secret, which the server tells once. */
export function SecretOnce({
  name,
  secret,
  onDone,
}: {
  name: string;
  secret: string;
  onDone: () => void;
}) {
  const [copied, setCopied] = useState<boolean | null>(null);
  const copy = () => {
    // Without TLS a browser has no clipboard to offer.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (!clipboard) {
      setCopied(false);
      return;
    }
    clipboard.writeText(secret).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <section className="secret-once" aria-label={`The secret of ${name}`}>
      <p>
        <strong>The secret of “{name}”.</strong> It is shown this once. Give it to the receiver,
        which checks with it that calls come from here.
      </p>
      <code className="mono" data-testid="secret">
        {secret}
      </code>
      <div className="form-actions">
        <button type="button" className="button small" onClick={copy}>
          {copied ? "Copied" : "Copy"}
        </button>
        <button type="button" className="button small ghost" onClick={onDone}>
          Done
        </button>
        {copied === false && <span className="muted">Select it and copy it by hand.</span>}
      </div>
    </section>
  );
}
