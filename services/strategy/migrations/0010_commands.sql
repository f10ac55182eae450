-- The terms of a session beyond balance and fee, as its start record carries them.
ALTER TABLE strategy.deployments ADD COLUMN terms JSON;

-- What users ask of running sessions: it enters the log at a position, as starts and stops do.
CREATE TABLE strategy.commands (
    id UUID PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES strategy.deployments (session_id) ON DELETE CASCADE,
    -- partition of market-data-updates that holds the session's symbol
    unit INTEGER NOT NULL,
    -- header record-kind of its record
    kind TEXT NOT NULL,
    -- order, order type and what is asked for, as in the record
    body JSON NOT NULL,
    -- offset before which it takes effect; written before it does
    position BIGINT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX commands_by_position ON strategy.commands (unit, position);
