ALTER TABLE forward_test.sessions
    -- how the market answers, and limits; null where orders fill whole at the next trade
    ADD COLUMN terms JSON,
    -- the session in figures, as text: every digit as it was
    ADD COLUMN metrics JSON,
    -- it stops by itself once its position is sold, and is then to be withdrawn from the strategy
    ADD COLUMN closing BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN withdrawn BOOLEAN NOT NULL DEFAULT FALSE;
DROP INDEX forward_test.sessions_active;
CREATE INDEX sessions_active ON forward_test.sessions (status)
    WHERE status IN ('PENDING', 'RUNNING', 'PAUSED', 'CLOSING', 'STOPPING');

-- Projected from the log.
CREATE TABLE forward_test.orders (
    session_id UUID NOT NULL,
    order_id UUID NOT NULL,
    signal_id UUID NOT NULL,
    -- of its first and its latest output
    first_sequence BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    status TEXT NOT NULL,
    action TEXT NOT NULL,
    order_type TEXT NOT NULL,
    leg TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    quantity NUMERIC,
    filled NUMERIC NOT NULL,
    limit_price NUMERIC,
    stop_price NUMERIC,
    reason TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (session_id, order_id)
);
CREATE INDEX orders_newest ON forward_test.orders (session_id, first_sequence DESC);

-- What users asked of running sessions, until the strategy service has it.
CREATE TABLE forward_test.commands (
    id UUID PRIMARY KEY,
    session_id UUID NOT NULL,
    body JSON NOT NULL,
    sent BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX commands_unsent ON forward_test.commands (created_at) WHERE NOT sent;
