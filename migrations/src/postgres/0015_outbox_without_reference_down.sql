ALTER TABLE outbox_deliveries ADD CONSTRAINT outbox_deliveries_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES outbox_events (event_id) ON DELETE CASCADE;
