-- `observed_fault` is why its reader says that the partition stands still. `last_node` is whose
-- claim was the last one, also after its release; `moves` counts the claims by another node than
-- that, and `losses` the claims of a lease that had run out under its reader.
ALTER TABLE partitions
    ADD COLUMN observed_fault text,
    ADD COLUMN last_node text,
    ADD COLUMN moves bigint NOT NULL DEFAULT 0,
    ADD COLUMN losses bigint NOT NULL DEFAULT 0;

-- How the node stands with its leases, as JSON; null before it told.
ALTER TABLE nodes ADD COLUMN leases text NOT NULL DEFAULT 'null';
