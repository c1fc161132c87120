CREATE INDEX statuses_by_enqueued ON statuses (enqueued_at);
DROP TABLE status_blocks;
