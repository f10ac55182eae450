-- The latest notifications of each user, as the topic carried them.
CREATE TABLE notification.notifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    title text NOT NULL,
    message text NOT NULL,
    severity text NOT NULL,
    at timestamptz NOT NULL,
    record_partition integer NOT NULL,
    record_offset bigint NOT NULL,
    -- A record that is delivered again is the same row. The time tells records apart whose topic
    -- was deleted and made anew, so that its offsets began again.
    UNIQUE (record_partition, record_offset, at)
);

CREATE INDEX notifications_of_user ON notification.notifications (user_id, id DESC);
