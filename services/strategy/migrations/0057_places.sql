-- Commands at one position take effect in the order in which they were given it. The clock that
-- created_at is of may be set back, so it can't tell.
ALTER TABLE strategy.commands ADD COLUMN place BIGINT;
CREATE SEQUENCE strategy.command_places OWNED BY strategy.commands.place;
