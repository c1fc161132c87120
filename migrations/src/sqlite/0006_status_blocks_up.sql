-- Which rows of `statuses` have which times: a row for each few thousand of them, which a commit
-- extends or adds. Rows are only ever appended, so that those of a time are found by few ranges of
-- rowids; an index on the time itself would cost every row what this costs every commit.
CREATE TABLE status_blocks (
    first_rowid   INTEGER PRIMARY KEY,
    last_rowid    INTEGER NOT NULL,
    enqueued_from TEXT NOT NULL,
    enqueued_to   TEXT NOT NULL
);

INSERT INTO status_blocks
SELECT min(rowid), max(rowid), min(enqueued_at), max(enqueued_at)
FROM statuses GROUP BY rowid / 10000;

DROP INDEX statuses_by_enqueued;
