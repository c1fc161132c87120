DROP TRIGGER count_inserted ON owners;
DROP TRIGGER count_updated ON owners;
DROP TRIGGER count_deleted ON owners;
DROP TRIGGER count_inserted ON sub_owners;
DROP TRIGGER count_updated ON sub_owners;
DROP TRIGGER count_deleted ON sub_owners;
DROP FUNCTION count_states;
DROP TABLE state_counts;
