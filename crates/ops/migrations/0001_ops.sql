-- Each session's portfolio, folded from its executions.
CREATE TABLE ops.portfolios (
    session_id UUID PRIMARY KEY,
    user_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    -- of the last execution that is in it
    sequence BIGINT NOT NULL,
    cash NUMERIC NOT NULL,
    position NUMERIC NOT NULL,
    average_price NUMERIC NOT NULL,
    realized_pnl NUMERIC NOT NULL,
    fees NUMERIC NOT NULL,
    trades BIGINT NOT NULL,
    -- when its owner was last told of a rejected order
    rejection_told_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL
);

-- What a user's sessions did on a day (UTC, by event time).
CREATE TABLE ops.days (
    user_id TEXT NOT NULL,
    day DATE NOT NULL,
    filled BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    realized_pnl NUMERIC NOT NULL DEFAULT 0,
    fees NUMERIC NOT NULL DEFAULT 0,
    told BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (user_id, day)
);
CREATE INDEX days_untold ON ops.days (day) WHERE NOT told;
