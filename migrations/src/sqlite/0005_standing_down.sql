ALTER TABLE nodes DROP COLUMN leases;
ALTER TABLE partitions DROP COLUMN losses;
ALTER TABLE partitions DROP COLUMN moves;
ALTER TABLE partitions DROP COLUMN last_node;
ALTER TABLE partitions DROP COLUMN observed_fault;
