-- Without it a search for what few owners have reads all of them. The extension comes with
-- PostgreSQL, and whoever may create in a database may create it; where the server refuses it
-- nevertheless (Azure wants it on `azure.extensions`), searches are slower and nothing else is: the
-- two statements can be made up for by hand at any time. A newcomer costs 7 to 10 microseconds of the
-- server more with it, the less the more of them are sorted into it at a time; searches read those
-- that are not yet as well.
DO $$
BEGIN
    -- Each service has a code of its own for a refusal.
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'owners are searched without an index of trigrams: %', SQLERRM;
        RETURN;
    END;
    CREATE INDEX owners_by_search ON owners USING gin (search gin_trgm_ops)
        WITH (gin_pending_list_limit = 16384);
EXCEPTION WHEN undefined_object THEN
    -- Somebody has it in a schema that is not on the search path.
    RAISE WARNING 'owners are searched without an index of trigrams: %', SQLERRM;
END
$$;
