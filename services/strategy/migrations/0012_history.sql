-- The candles that a session on bars has seen before it begins. They are kept, so that the session
-- sees the same whenever its log is read again.
ALTER TABLE strategy.deployments ADD COLUMN history JSON;
