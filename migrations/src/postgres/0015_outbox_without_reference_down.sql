-- A node of the schema before left its own removals to the key: where one went on beside a newer one,
-- deliveries of events that are gone may be left.
DELETE FROM outbox_deliveries AS d
WHERE NOT EXISTS (SELECT FROM outbox_events AS e WHERE e.event_id = d.event_id);

ALTER TABLE outbox_deliveries ADD CONSTRAINT outbox_deliveries_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES outbox_events (event_id) ON DELETE CASCADE;
