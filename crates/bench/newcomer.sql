-- What a newcomer with one sub-owner costs PostgreSQL, with and without each index. On an empty database
-- that `rollcall migrate up` has made, which is of no use afterwards:
--     psql postgres://… -q -f crates/bench/newcomer.sql
-- It makes the inserts of `store/src/postgres/{provision,outbox}.rs`, 220 newcomers to a transaction.

INSERT INTO event_sinks (name, types) VALUES ('log', '[]');

CREATE PROCEDURE enter(what text, times int, newcomers int DEFAULT 220) LANGUAGE plpgsql AS $$
DECLARE
    ids text[];
    event_ids text[];
    began timestamptz;
    owners float8 := 0;
    sub_owners float8 := 0;
    events float8 := 0;
BEGIN
    FOR turn IN 1..times LOOP
        -- As many events: those of the sub-owners would cost the same.
        SELECT array_agg(id ORDER BY id), array_agg(gen_random_uuid()::text) INTO ids, event_ids
        FROM (SELECT 'site-' || gen_random_uuid() AS id FROM generate_series(1, newcomers)) AS made;
        began := clock_timestamp();
        INSERT INTO owners
            (owner_id, state, display_name, settings, version, created_at, created_by, search)
        SELECT id, 'active', NULL, '{}', 1, now(), 'stream', id FROM unnest(ids) AS id
        ON CONFLICT DO NOTHING;
        owners := owners + extract(epoch FROM clock_timestamp() - began);
        began := clock_timestamp();
        INSERT INTO sub_owners
            (owner_id, sub_owner_id, state, display_name, settings, version, created_at, created_by)
        SELECT id, '1', 'active', NULL, '{}', 1, now(), 'stream' FROM unnest(ids) AS id
        ON CONFLICT DO NOTHING;
        sub_owners := sub_owners + extract(epoch FROM clock_timestamp() - began);
        began := clock_timestamp();
        WITH sinks AS MATERIALIZED (
                 SELECT name, types = '[]' AS takes_all, types::jsonb AS types FROM event_sinks),
             events AS (
                 INSERT INTO outbox_events
                     (event_id, type, subject, owner_id, sub_owner_id, payload, created_at)
                 SELECT event_id, 'rollcall.owner.created', id, id, NULL, repeat('payload ', 40), now()
                 FROM unnest(event_ids, ids) AS made (event_id, id)
                 RETURNING event_id, type, subject, ordinal)
        INSERT INTO outbox_deliveries (event_id, sink, subject, ordinal, state)
        SELECT e.event_id, s.name, e.subject, e.ordinal, 'pending'
        FROM events AS e JOIN sinks AS s ON s.takes_all OR s.types ? e.type;
        events := events + extract(epoch FROM clock_timestamp() - began);
        COMMIT;
    END LOOP;
    RAISE NOTICE '%: owner % us, sub-owner % us, one announcement % us', what,
        round((owners * 1e6 / (times * newcomers))::numeric, 1),
        round((sub_owners * 1e6 / (times * newcomers))::numeric, 1),
        round((events * 1e6 / (times * newcomers))::numeric, 1);
END
$$;

CALL enter('the first ones', 300);
CALL enter('as it is', 300);
CALL enter('50 to a transaction', 1300, 50);
CALL enter('2,000 to a transaction', 33, 2000);
CALL enter('as it is', 300);
ALTER TABLE outbox_deliveries ADD FOREIGN KEY (event_id) REFERENCES outbox_events (event_id);
CALL enter('with a foreign key of deliveries', 300);
ALTER TABLE outbox_deliveries DROP CONSTRAINT outbox_deliveries_event_id_fkey;
DROP INDEX owners_by_search;
CALL enter('without trigrams', 300);
DROP INDEX owners_by_creation;
CALL enter('nor the order of creation', 300);
DROP INDEX owners_by_state;
CALL enter('nor the state', 300);
ALTER TABLE sub_owners DROP CONSTRAINT sub_owners_owner_id_fkey;
CALL enter('nor the foreign key of sub-owners', 300);
DROP INDEX outbox_deliveries_due, outbox_deliveries_by_subject;
CALL enter('nor the two indexes of what is due', 300);
ALTER TABLE outbox_deliveries DROP CONSTRAINT outbox_deliveries_pkey;
CALL enter('nor the key of deliveries', 300);
