DROP INDEX outbox_events_by_created;
DROP TABLE outbox_retention;
