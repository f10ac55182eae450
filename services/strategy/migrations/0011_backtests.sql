-- Backtests over HTTP: the queue, and what came of them. Any replica may run one; one that is lost
-- with its replica is taken by another when its lease is over.
CREATE TABLE strategy.backtests (
    id UUID PRIMARY KEY,
    user_id TEXT NOT NULL,
    -- QUEUED, RUNNING, DONE, FAILED or CANCELLED
    status TEXT NOT NULL DEFAULT 'QUEUED',
    -- the strategy's source included: what it was when it was asked for
    job JSON NOT NULL,
    progress JSON,
    result JSON,
    -- why it failed, as a problem document
    problem JSON,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at TIMESTAMPTZ
);
CREATE INDEX backtests_by_user ON strategy.backtests (user_id, created_at, id);
CREATE INDEX backtests_open ON strategy.backtests (created_at)
    WHERE status IN ('QUEUED', 'RUNNING');
