-- How many rows of a table are in each state: the sum over the rows here. Every statement that changes
-- states adds rows of what it changed and touches none, so that writers never wait for each other;
-- whoever reads many rows puts their sum in their place. Kept by triggers: nobody can forget it.
CREATE TABLE state_counts (
    ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    counted text   NOT NULL,
    state   text   NOT NULL,
    number  bigint NOT NULL
);

CREATE FUNCTION count_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO state_counts (counted, state, number)
        SELECT TG_TABLE_NAME, state, count(*) FROM rows_after GROUP BY state;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO state_counts (counted, state, number)
        SELECT TG_TABLE_NAME, state, -count(*) FROM rows_before GROUP BY state;
    ELSE
        INSERT INTO state_counts (counted, state, number)
        SELECT TG_TABLE_NAME, state, sum(number)
        FROM (SELECT state, 1 AS number FROM rows_after
              UNION ALL SELECT state, -1 FROM rows_before) AS changed
        GROUP BY state HAVING sum(number) <> 0;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER count_inserted AFTER INSERT ON owners
    REFERENCING NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION count_states();
CREATE TRIGGER count_updated AFTER UPDATE ON owners
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION count_states();
CREATE TRIGGER count_deleted AFTER DELETE ON owners
    REFERENCING OLD TABLE AS rows_before
    FOR EACH STATEMENT EXECUTE FUNCTION count_states();

CREATE TRIGGER count_inserted AFTER INSERT ON sub_owners
    REFERENCING NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION count_states();
CREATE TRIGGER count_updated AFTER UPDATE ON sub_owners
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION count_states();
CREATE TRIGGER count_deleted AFTER DELETE ON sub_owners
    REFERENCING OLD TABLE AS rows_before
    FOR EACH STATEMENT EXECUTE FUNCTION count_states();

-- The triggers hold back writers by now, so that nobody is counted twice or not at all.
INSERT INTO state_counts (counted, state, number)
SELECT 'owners', state, count(*) FROM owners GROUP BY state
UNION ALL SELECT 'sub_owners', state, count(*) FROM sub_owners GROUP BY state;
