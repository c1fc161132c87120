DROP TRIGGER owners_count_inserted;
DROP TRIGGER owners_count_updated;
DROP TRIGGER owners_count_deleted;
DROP TRIGGER sub_owners_count_inserted;
DROP TRIGGER sub_owners_count_updated;
DROP TRIGGER sub_owners_count_deleted;
DROP TABLE state_counts;
