ALTER TABLE nodes DROP COLUMN leases;
ALTER TABLE partitions
    DROP COLUMN losses,
    DROP COLUMN moves,
    DROP COLUMN last_node,
    DROP COLUMN observed_fault;
