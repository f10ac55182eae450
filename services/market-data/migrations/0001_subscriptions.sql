-- What users and sessions asked for, so that it is carried again after a restart. Products of the
-- configuration aren't here: they come from the configuration.
CREATE TABLE market_data.subscriptions (
    product_id TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, requested_by)
);
