CREATE TABLE strategy.strategies (
    id UUID PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX strategies_by_user ON strategy.strategies (user_id, created_at, id);

-- A version never changes: a session is pinned to one.
CREATE TABLE strategy.versions (
    strategy_id UUID NOT NULL REFERENCES strategy.strategies (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    source JSON NOT NULL,
    diagnostics JSON NOT NULL,
    plan_hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (strategy_id, version)
);

-- What runs. The source is copied: a strategy may be deleted when nothing runs it any more.
CREATE TABLE strategy.deployments (
    session_id UUID PRIMARY KEY,
    user_id TEXT NOT NULL,
    strategy_id UUID NOT NULL,
    strategy_name TEXT NOT NULL,
    version INTEGER NOT NULL,
    source JSON NOT NULL,
    symbol TEXT NOT NULL,
    -- partition of market-data-updates that holds the symbol
    unit INTEGER NOT NULL,
    timeframe TEXT NOT NULL,
    initial_balance NUMERIC NOT NULL,
    fee_rate NUMERIC NOT NULL,
    -- first offset that is evaluated; written before it takes effect
    start_offset BIGINT,
    stop_requested BOOLEAN NOT NULL DEFAULT FALSE,
    -- first offset that is not evaluated any more; written before it takes effect
    stop_offset BIGINT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX deployments_pending ON strategy.deployments (unit)
    WHERE start_offset IS NULL OR (stop_requested AND stop_offset IS NULL);

CREATE TABLE strategy.snapshots (
    unit INTEGER PRIMARY KEY,
    positions BIGINT[] NOT NULL,
    state BYTEA NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
