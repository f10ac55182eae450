-- A session may begin in the past: at the first trade of this event time or later.
ALTER TABLE strategy.deployments
    ADD COLUMN starts_at TIMESTAMPTZ,
    -- the offset from which such a trade is looked for; written with start_offset
    ADD COLUMN past_offset BIGINT;
