-- Mailboxes are targets, too. To the version before, one is a webhook that can't be called: its `form`
-- stays what that version can read.
ALTER TABLE notification.targets
    ADD COLUMN kind text GENERATED ALWAYS AS
        (CASE WHEN url LIKE 'mailto:%' THEN 'email' ELSE form END) STORED,
    -- Whoever reads the mailbox entered the code then.
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN code text,
    ADD COLUMN code_until timestamptz,
    -- Wrong ones that were entered for it.
    ADD COLUMN code_failures integer NOT NULL DEFAULT 0;

-- Which codes went where lately: nobody can have mails sent to strangers at will. A target that is
-- deleted doesn't take them with it.
CREATE TABLE notification.codes_sent (
    user_id text NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX codes_sent_of_user ON notification.codes_sent (user_id, at);
CREATE INDEX codes_sent_to_address ON notification.codes_sent (address, at);
