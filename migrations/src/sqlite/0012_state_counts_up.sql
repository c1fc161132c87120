-- How many rows of a table are in each state. Kept by triggers: nobody can forget it.
CREATE TABLE state_counts (
    counted TEXT NOT NULL,
    state   TEXT NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (counted, state)
) WITHOUT ROWID;

CREATE TRIGGER owners_count_inserted AFTER INSERT ON owners BEGIN
    INSERT INTO state_counts (counted, state, number) VALUES ('owners', NEW.state, 1)
    ON CONFLICT (counted, state) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER owners_count_updated AFTER UPDATE OF state ON owners WHEN OLD.state <> NEW.state BEGIN
    UPDATE state_counts SET number = number - 1 WHERE counted = 'owners' AND state = OLD.state;
    INSERT INTO state_counts (counted, state, number) VALUES ('owners', NEW.state, 1)
    ON CONFLICT (counted, state) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER owners_count_deleted AFTER DELETE ON owners BEGIN
    UPDATE state_counts SET number = number - 1 WHERE counted = 'owners' AND state = OLD.state;
END;

CREATE TRIGGER sub_owners_count_inserted AFTER INSERT ON sub_owners BEGIN
    INSERT INTO state_counts (counted, state, number) VALUES ('sub_owners', NEW.state, 1)
    ON CONFLICT (counted, state) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER sub_owners_count_updated AFTER UPDATE OF state ON sub_owners WHEN OLD.state <> NEW.state BEGIN
    UPDATE state_counts SET number = number - 1 WHERE counted = 'sub_owners' AND state = OLD.state;
    INSERT INTO state_counts (counted, state, number) VALUES ('sub_owners', NEW.state, 1)
    ON CONFLICT (counted, state) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER sub_owners_count_deleted AFTER DELETE ON sub_owners BEGIN
    UPDATE state_counts SET number = number - 1 WHERE counted = 'sub_owners' AND state = OLD.state;
END;

INSERT INTO state_counts (counted, state, number)
SELECT 'owners', state, count(*) FROM owners GROUP BY state
UNION ALL SELECT 'sub_owners', state, count(*) FROM sub_owners GROUP BY state;
