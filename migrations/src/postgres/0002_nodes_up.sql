-- Which node sends to a sink, and until when if it does not ask again.
CREATE TABLE outbox_relays (
    sink       text COLLATE "C" NOT NULL PRIMARY KEY,
    relay      text NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
