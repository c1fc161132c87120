-- With the usual hundred samples a search that one owner in two hundred matches looks like one that
-- nobody does, and is answered by sorting all of its matches instead of reading owners in order until
-- the page is full. Costs an ANALYZE of a million owners a second instead of a third of it.
ALTER TABLE owners ALTER COLUMN search SET STATISTICS 500;

-- Not of a small roll: a table that is known to be small has plans made that read it as a whole, and a
-- session keeps them while a storm makes it large.
DO $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM owners LIMIT 10000) AS first) = 10000 THEN
        ANALYZE owners (search);
    END IF;
END
$$;
