-- Text in the titles and descriptions of works is found by an index over its trigrams: every three letters that follow each other.

-- The extension comes with PostgreSQL (package postgresql-contrib elsewhere than on Debian), and whoever may create schemas in the
-- database may create it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE EXTENSION pg_trgm;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the user % may not create the extension pg_trgm, by which works are found by their text: as the owner of the database or a superuser, run CREATE EXTENSION pg_trgm in the database %, then run `tributary migrate` again',
            current_user, current_database() USING ERRCODE = 'insufficient_privilege';
    WHEN undefined_file OR feature_not_supported THEN
        RAISE EXCEPTION 'the database server lacks the extension pg_trgm, by which works are found by their text: install PostgreSQL''s contrib package on the server, then run `tributary migrate` again'
            USING ERRCODE = 'feature_not_supported';
END $$;

-- The extension may be in any schema. Without the list of pending entries a search need not read it; works are few writes.
DO $$
BEGIN
    EXECUTE format('CREATE INDEX works_text ON works USING gin (title %1$I.gin_trgm_ops, description %1$I.gin_trgm_ops) WITH (fastupdate = off)',
                   (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pg_trgm'));
END $$;

-- The assets of a chain whose content belongs to works that match a pattern, by the index: null when there are more than `most`, or
-- when the pattern has no three letters or digits in a row, for which the index is of no use.
--
-- The plan is always the same, whatever the statistics say: with a limit the planner may think it cheaper to read works until enough of
-- them match, and would read all of them where it is wrong.
CREATE FUNCTION assets_by_text(chain bigint, pattern text, most integer) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
    found bigint[];
    many bigint;
BEGIN
    IF pattern !~ '[[:alnum:]]{3}' THEN
        RETURN NULL;
    END IF;
    WITH matching AS MATERIALIZED (
        SELECT w.id FROM works w WHERE w.title ILIKE pattern OR w.description ILIKE pattern LIMIT most + 1),
    said AS MATERIALIZED (
        SELECT v.content_hash FROM matching m LEFT JOIN work_versions v ON v.work_id = m.id LIMIT most + 1)
    SELECT (SELECT count(*) FROM said),
           -- Looked up one by one: joined as a whole, all assets of the chain would be read.
           ARRAY(SELECT a.asset_id
                 FROM said s CROSS JOIN LATERAL (
                     SELECT x.asset_id FROM chain.assets x WHERE x.chain_id = chain AND x.content_hash = s.content_hash LIMIT 1) a
                 WHERE (SELECT count(*) FROM said) <= most)
    INTO many, found;
    RETURN CASE WHEN many <= most THEN found END;
END $$;
