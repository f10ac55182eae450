-- A strategy may be drawn in one version and written in the next.
ALTER TABLE strategy.versions ADD COLUMN kind TEXT NOT NULL DEFAULT 'graph';
ALTER TABLE strategy.versions ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE strategy.deployments ADD COLUMN kind TEXT NOT NULL DEFAULT 'graph';
ALTER TABLE strategy.deployments ALTER COLUMN kind DROP DEFAULT;
