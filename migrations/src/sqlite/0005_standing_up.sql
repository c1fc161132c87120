-- `observed_fault` is why its reader says that the partition stands still. `last_node` is whose
-- claim was the last one, also after its release; `moves` counts the claims by another node than
-- that, and `losses` the claims of a lease that had run out under its reader.
ALTER TABLE partitions ADD COLUMN observed_fault TEXT;
ALTER TABLE partitions ADD COLUMN last_node TEXT;
ALTER TABLE partitions ADD COLUMN moves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE partitions ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;

-- How the node stands with its leases, as JSON; null before it told.
ALTER TABLE nodes ADD COLUMN leases TEXT NOT NULL DEFAULT 'null';
