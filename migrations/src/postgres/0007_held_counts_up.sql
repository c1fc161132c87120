-- How many statuses are held of each owner; no row is none. Whoever changes the number locks the row,
-- so that the limit holds exactly.
CREATE TABLE held_counts (
    owner_id text COLLATE "C" NOT NULL,
    held     bigint NOT NULL,
    PRIMARY KEY (owner_id)
) WITH (fillfactor = 50);

INSERT INTO held_counts (owner_id, held)
SELECT owner_id, count(*) FROM held_statuses GROUP BY owner_id;
