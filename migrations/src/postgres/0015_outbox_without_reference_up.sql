-- A delivery is inserted by the statement that inserts its event, or under a lock of it, and deleted in
-- the transaction that deletes it. To look the event up once more cost about ten microseconds
-- for each.
ALTER TABLE outbox_deliveries DROP CONSTRAINT outbox_deliveries_event_id_fkey;
