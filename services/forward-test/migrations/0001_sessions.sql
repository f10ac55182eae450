CREATE TABLE forward_test.sessions (
    id UUID PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    strategy_id UUID NOT NULL,
    strategy_name TEXT NOT NULL DEFAULT '',
    strategy_version INTEGER NOT NULL DEFAULT 0,
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    initial_balance NUMERIC NOT NULL,
    fee_rate NUMERIC NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT,
    -- whether the strategy service has taken the session
    deployed BOOLEAN NOT NULL DEFAULT FALSE,
    -- below: projected from the log
    cash NUMERIC NOT NULL,
    position NUMERIC NOT NULL DEFAULT 0,
    equity NUMERIC NOT NULL,
    last_price NUMERIC,
    realized_pnl NUMERIC NOT NULL DEFAULT 0,
    fees NUMERIC NOT NULL DEFAULT 0,
    trades BIGINT NOT NULL DEFAULT 0,
    return_pct NUMERIC NOT NULL DEFAULT 0,
    sequence BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at TIMESTAMPTZ,
    stopped_at TIMESTAMPTZ
);
CREATE INDEX sessions_by_user ON forward_test.sessions (user_id, created_at DESC, id DESC);
CREATE INDEX sessions_active ON forward_test.sessions (status)
    WHERE status IN ('PENDING', 'RUNNING', 'STOPPING');

CREATE TABLE forward_test.executions (
    session_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    -- `data` of the record, as text: every digit as it was
    data JSON NOT NULL,
    PRIMARY KEY (session_id, sequence)
);

CREATE TABLE forward_test.equity (
    session_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    time TIMESTAMPTZ NOT NULL,
    price NUMERIC NOT NULL,
    cash NUMERIC NOT NULL,
    position NUMERIC NOT NULL,
    equity NUMERIC NOT NULL,
    PRIMARY KEY (session_id, sequence)
);

CREATE TABLE forward_test.snapshots (
    unit INTEGER PRIMARY KEY,
    positions BIGINT[] NOT NULL,
    state BYTEA NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
