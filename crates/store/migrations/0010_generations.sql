-- Every chain has its own partition of the raw log and of each projection.
--
-- The projections of a chain lie in a schema of their own, `chain_<id>_<generation>`, and are attached to the tables of schema
-- `chain`, which is what everybody reads. A rebuild fills the next generation from the raw log and takes the place of the present one
-- in one transaction. Secondary indexes belong to the partitions, not to the tables above them.
--
-- A backfill fills tables without any index, primary keys included, that are not yet attached: its raw log too lies in the generation's
-- schema, partitioned as it will be. At its end keys and indexes are built and everything is attached.

-- The projections, in the order in which they may be emptied. Those aside are large and no part of what `assets` is computed from:
-- the end of a backfill indexes them beside the others.
CREATE TABLE chain.projections (name text PRIMARY KEY, aside boolean NOT NULL DEFAULT false);
INSERT INTO chain.projections (name) VALUES
    ('registrations'), ('transfers'), ('cid_updates'), ('royalty_changes'), ('fills'), ('cancelled_nonces'), ('maker_epochs'),
    ('credits'), ('fee_changes'), ('incomes'), ('root_proposals'), ('root_decisions'), ('claims'), ('payout_addresses'),
    ('inboxes'), ('totals_passed_over'), ('freezes'), ('module_events'), ('quarantine'), ('assets'), ('asset_parents');
UPDATE chain.projections SET aside = true WHERE name IN ('fills', 'incomes', 'module_events');

CREATE TABLE chain.secondary_indexes (
    name       text PRIMARY KEY,
    projection text NOT NULL,
    is_unique  boolean NOT NULL DEFAULT false,
    -- What follows `ON table`.
    definition text NOT NULL
);
INSERT INTO chain.secondary_indexes (name, projection, is_unique, definition) VALUES
    ('registrations_asset', 'registrations', true, '(asset_id)'),
    ('transfers_asset', 'transfers', false, '(asset_id, epoch DESC)'),
    ('cid_updates_asset', 'cid_updates', false, '(asset_id, block_number DESC, log_index DESC)'),
    ('royalty_changes_asset', 'royalty_changes', false, '(asset_id, block_number DESC, log_index DESC)'),
    ('fills_order', 'fills', false, '(order_hash)'),
    ('fills_nonce', 'fills', false, '(maker, nonce)'),
    ('fills_asset', 'fills', false, '(asset_id, block_number DESC)'),
    ('cancelled_nonces_maker', 'cancelled_nonces', false, '(maker, nonce)'),
    ('maker_epochs_maker', 'maker_epochs', false, '(maker, epoch DESC)'),
    ('credits_order', 'credits', false, '(account, currency, block_number DESC, log_index DESC)'),
    ('incomes_asset', 'incomes', false, '(asset_id, token)'),
    ('root_proposals_number', 'root_proposals', true, '(number)'),
    ('root_decisions_number', 'root_decisions', true, '(number)'),
    ('claims_account', 'claims', false, '(account, token, cumulative DESC)'),
    ('freezes_asset', 'freezes', false, '(asset_id, block_number DESC, log_index DESC)'),
    ('module_events_kind', 'module_events', false, '(contract, event, block_number, log_index)'),
    ('module_events_asset', 'module_events', false, '(asset_id, block_number DESC, log_index DESC)'),
    ('module_events_addresses', 'module_events', false, 'USING gin (addresses)'),
    ('module_events_licence', 'module_events', false, '((details ->> ''licenceId'')) WHERE contract = ''Licences'''),
    ('module_events_dispute', 'module_events', false, '((details ->> ''disputeId'')) WHERE contract = ''Disputes'''),
    ('assets_content', 'assets', true, '(content_hash)'),
    ('assets_owner', 'assets', false, '(owner)'),
    ('assets_kind', 'assets', false, '(kind, asset_id DESC)'),
    ('asset_parents_parent', 'asset_parents', false, '(parent_id)');

ALTER TABLE chain.cursors
    -- Which generation of the projections is attached, and by which version of the decoder it was made.
    ADD COLUMN generation bigint NOT NULL DEFAULT 1,
    ADD COLUMN projection_version integer NOT NULL DEFAULT 1,
    -- A backfill is under way: secondary indexes and `assets` come at its end.
    ADD COLUMN in_bulk boolean NOT NULL DEFAULT false;

-- Who leads the mirror of each chain. The epoch that fences lies in `chain.cursors`; this row tells standbys and operators.
CREATE TABLE chain.leaders (
    chain_id    bigint PRIMARY KEY,
    epoch       bigint NOT NULL,
    name        text NOT NULL,
    -- The server process of the session that holds the lock and commits.
    backend_pid integer NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    beat_at     timestamptz NOT NULL DEFAULT now(),
    -- What only the process knows: speed, stage times, endpoints.
    status      jsonb NOT NULL DEFAULT '{}'
);

-- Creates the tables of a generation, not yet attached; without keys where many rows will come before they are read.
CREATE FUNCTION chain.create_generation(chain bigint, generation bigint, keyed boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    home CONSTANT text := format('chain_%s_%s', chain, generation);
    projection text;
BEGIN
    EXECUTE format('CREATE SCHEMA %I', home);
    FOR projection IN SELECT p.name FROM chain.projections p LOOP
        EXECUTE format('CREATE TABLE %I.%I (LIKE chain.%I INCLUDING ALL %s)', home, projection, projection,
                       CASE WHEN keyed THEN '' ELSE 'EXCLUDING INDEXES' END);
        -- With this, attaching needs no look at the rows.
        EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT of_chain CHECK (chain_id = %s)', home, projection, chain);
    END LOOP;
END $$;

CREATE FUNCTION chain.attach_generation(chain bigint, generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    home CONSTANT text := format('chain_%s_%s', chain, generation);
    projection text;
BEGIN
    FOR projection IN SELECT p.name FROM chain.projections p LOOP
        EXECUTE format('ALTER TABLE chain.%I ATTACH PARTITION %I.%I FOR VALUES IN (%s)', projection, home, projection, chain);
    END LOOP;
END $$;

CREATE FUNCTION chain.detach_generation(chain bigint, generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    home CONSTANT text := format('chain_%s_%s', chain, generation);
    projection text;
BEGIN
    FOR projection IN SELECT p.name FROM chain.projections p LOOP
        EXECUTE format('ALTER TABLE chain.%I DETACH PARTITION %I.%I', projection, home, projection);
    END LOOP;
END $$;

-- Gives a table the primary key of another, unless it has one.
CREATE FUNCTION chain.add_key(keyless regclass, model regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = keyless AND contype = 'p') THEN
        EXECUTE format('ALTER TABLE %s ADD %s', keyless,
                       (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = model AND contype = 'p'));
    END IF;
END $$;

-- Builds what keys and secondary indexes a generation lacks: of all projections, or of those aside, or of the others.
CREATE FUNCTION chain.index_generation(chain bigint, generation bigint, which boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    home CONSTANT text := format('chain_%s_%s', chain, generation);
    projection text;
    i record;
BEGIN
    FOR projection IN SELECT p.name FROM chain.projections p WHERE which IS NULL OR p.aside = which LOOP
        PERFORM chain.add_key(format('%I.%I', home, projection)::regclass, format('chain.%I', projection)::regclass);
    END LOOP;
    FOR i IN SELECT x.* FROM chain.secondary_indexes x JOIN chain.projections p ON p.name = x.projection
             WHERE which IS NULL OR p.aside = which LOOP
        EXECUTE format('CREATE %s INDEX IF NOT EXISTS %I ON %I.%I %s', CASE WHEN i.is_unique THEN 'UNIQUE' ELSE '' END,
                       i.name, home, i.projection, i.definition);
    END LOOP;
END $$;

-- Lets the planner know a generation that was filled in bulk, by a small sample: autovacuum looks closer when more has come.
CREATE FUNCTION chain.analyze_generation(chain bigint, generation bigint, which boolean) RETURNS void LANGUAGE plpgsql
SET default_statistics_target = 25 AS $$
DECLARE
    projection text;
BEGIN
    FOR projection IN SELECT p.name FROM chain.projections p WHERE which IS NULL OR p.aside = which LOOP
        EXECUTE format('ANALYZE %I.%I', format('chain_%s_%s', chain, generation), projection);
    END LOOP;
END $$;

-- The rows of the old tables move into partitions.
CREATE SCHEMA chain_before;
DROP VIEW chain.licences, chain.stakes, chain.anchors, chain.frozen, payout_root_states, order_states, asset_works;
DO $$
DECLARE
    relation text;
    key text;
BEGIN
    FOR relation IN SELECT name FROM chain.projections UNION ALL SELECT 'logs' LOOP
        EXECUTE format('ALTER TABLE chain.%I SET SCHEMA chain_before', relation);
        SELECT pg_get_constraintdef(oid) INTO key FROM pg_constraint
        WHERE conrelid = format('chain_before.%I', relation)::regclass AND contype = 'p';
        EXECUTE format('CREATE TABLE chain.%I (LIKE chain_before.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY LIST (chain_id)',
                       relation, relation);
        EXECUTE format('ALTER TABLE chain.%I ADD %s', relation, key);
    END LOOP;
END $$;
DROP FUNCTION chain.ensure_partition(bigint);
-- Arrays of domains cannot be copied in binary form: their type has another number in every database.
ALTER TABLE chain.module_events ALTER COLUMN addresses TYPE bytea[];

-- Begins the raw log of a chain: partitioned again by block range.
CREATE FUNCTION chain.create_log(chain bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS chain.logs_%s PARTITION OF chain.logs FOR VALUES IN (%s) PARTITION BY RANGE (block_number)',
                   chain, chain);
END $$;

-- Begins the raw log of a backfill, in the schema of its generation.
CREATE FUNCTION chain.create_bulk_log(chain bigint, generation bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE chain_%s_%s.logs (LIKE chain.logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (block_number)',
                   chain, generation);
END $$;

-- Makes the partition that a batch needs, of the raw log or of a backfill's.
CREATE FUNCTION chain.ensure_partition(chain bigint, block bigint, bulk_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    width CONSTANT bigint := 1000000;
    low   CONSTANT bigint := block / width * width;
    name  CONSTANT text := format('logs_%s_%s', chain, low / width);
    whole CONSTANT text := CASE WHEN bulk_generation IS NULL THEN format('chain.logs_%s', chain)
                               ELSE format('chain_%s_%s.logs', chain, bulk_generation) END;
BEGIN
    IF to_regclass('chain.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE chain.%I PARTITION OF %s FOR VALUES FROM (%s) TO (%s)', name, whole, low, low + width);
        IF bulk_generation IS NULL THEN
            PERFORM chain.index_log('chain.' || name);
        ELSE
            EXECUTE format('ALTER TABLE chain.%I ADD CONSTRAINT of_chain CHECK (chain_id = %s)', name, chain);
        END IF;
    END IF;
END $$;

-- Gives a partition of the raw log its key, the index by which gaps are found, and the planner its statistics.
CREATE FUNCTION chain.index_log(leaf regclass) RETURNS void LANGUAGE plpgsql SET default_statistics_target = 25 AS $$
BEGIN
    PERFORM chain.add_key(leaf, 'chain.logs');
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %s (stream, address, seq DESC) WHERE seq IS NOT NULL',
                   (SELECT relname FROM pg_class WHERE oid = leaf) || '_seq', leaf);
    EXECUTE format('ANALYZE %s', leaf);
END $$;

-- The same for all partitions of a backfill's raw log.
CREATE FUNCTION chain.index_bulk_log(chain bigint, generation bigint) RETURNS void LANGUAGE sql AS $$
    SELECT chain.index_log(inhrelid::regclass) FROM pg_inherits
    WHERE inhparent = format('chain_%s_%s.logs', chain, generation)::regclass;
$$;

-- Attaches a backfill's raw log.
CREATE FUNCTION chain.attach_bulk_log(chain bigint, generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    bulk CONSTANT regclass := format('chain_%s_%s.logs', chain, generation);
    leaf record;
BEGIN
    PERFORM chain.create_log(chain);
    FOR leaf IN SELECT c.oid::regclass AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
                FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = bulk LOOP
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', bulk, leaf.name);
        EXECUTE format('ALTER TABLE chain.logs_%s ATTACH PARTITION %s %s', chain, leaf.name, leaf.bounds);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT of_chain', leaf.name);
    END LOOP;
    EXECUTE format('DROP TABLE %s', bulk);
END $$;

DO $$
DECLARE
    relation text;
    mirrored bigint;
BEGIN
    FOR mirrored IN SELECT chain_id FROM chain.cursors LOOP
        PERFORM chain.create_generation(mirrored, 1, true);
        PERFORM chain.attach_generation(mirrored, 1);
        PERFORM chain.index_generation(mirrored, 1, NULL);
        PERFORM chain.create_log(mirrored);
        PERFORM chain.ensure_partition(mirrored, low, NULL)
        FROM (SELECT DISTINCT block_number / 1000000 * 1000000 AS low FROM chain_before.logs WHERE chain_id = mirrored) wide;
    END LOOP;
    FOR relation IN SELECT name FROM chain.projections UNION ALL SELECT 'logs' LOOP
        EXECUTE format('INSERT INTO chain.%I SELECT * FROM chain_before.%I', relation, relation);
    END LOOP;
END $$;
SET LOCAL client_min_messages = warning;
DROP SCHEMA chain_before CASCADE;
RESET client_min_messages;

-- The functions below name tables without a schema: they work on the generation that the caller's search path puts first.
SET LOCAL search_path = chain, public;
DROP FUNCTION chain.refresh_assets(bigint, bigint[]);
-- Recomputes the given assets; called for those that a batch or a reorganisation touched, and for all at the end of a backfill.
CREATE FUNCTION chain.refresh_assets(chain bigint, ids bigint[]) RETURNS void LANGUAGE sql AS $$
    -- All go before any comes: two works that change places would hold each other's content hash.
    DELETE FROM assets a WHERE a.chain_id = chain AND a.asset_id = ANY (ids);
    DELETE FROM asset_parents p WHERE p.chain_id = chain AND p.asset_id = ANY (ids);
    INSERT INTO asset_parents (chain_id, asset_id, parent_id)
    SELECT DISTINCT r.chain_id, r.asset_id, p FROM registrations r, unnest(r.parents) p
    WHERE r.chain_id = chain AND r.asset_id = ANY (ids);
    INSERT INTO assets
    SELECT r.chain_id, r.asset_id, r.kind, r.open, r.content_hash, coalesce(c.cid, r.cid),
           coalesce(y.royalty_bps, r.royalty_bps), r.registrant, r.first_owner, coalesce(t.recipient, r.first_owner),
           coalesce(t.epoch, 0), r.shares, r.parents, r.at, l.block_number, l.tx_hash, l.log_index
    FROM registrations r
    LEFT JOIN LATERAL (SELECT * FROM transfers x WHERE x.chain_id = chain AND x.asset_id = r.asset_id
                       ORDER BY x.epoch DESC LIMIT 1) t ON true
    LEFT JOIN LATERAL (SELECT * FROM cid_updates x WHERE x.chain_id = chain AND x.asset_id = r.asset_id
                       ORDER BY x.block_number DESC, x.log_index DESC LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT * FROM royalty_changes x WHERE x.chain_id = chain AND x.asset_id = r.asset_id
                       ORDER BY x.block_number DESC, x.log_index DESC LIMIT 1) y ON true
    CROSS JOIN LATERAL (SELECT v.block_number, v.tx_hash, v.log_index
                        FROM (VALUES (r.block_number, r.tx_hash, r.log_index), (t.block_number, t.tx_hash, t.log_index),
                                     (c.block_number, c.tx_hash, c.log_index), (y.block_number, y.tx_hash, y.log_index))
                             AS v (block_number, tx_hash, log_index)
                        WHERE v.block_number IS NOT NULL
                        ORDER BY v.block_number DESC, v.log_index DESC LIMIT 1) l
    WHERE r.chain_id = chain AND r.asset_id = ANY (ids);
$$;

DROP FUNCTION chain.first_gap(bigint, bigint);
-- Running totals leave no room for a missing event: of a claim, `cumulative` less `amount` is the account's claim before;
-- of a credit, `credit` less `change` is its credit before. Says the first row from a block on that does not fit.
CREATE FUNCTION chain.first_gap(chain bigint, from_block bigint) RETURNS text LANGUAGE sql STABLE AS $$
    (SELECT format('the claim of %s before log %s of block %s', encode(c.account, 'hex'), c.log_index, c.block_number)
     FROM claims c
     WHERE c.chain_id = chain AND c.block_number >= from_block
       AND c.cumulative - c.amount <> coalesce((
           SELECT p.cumulative FROM claims p
           WHERE p.chain_id = chain AND p.account = c.account AND p.token = c.token AND p.cumulative < c.cumulative
           ORDER BY p.cumulative DESC LIMIT 1), 0)
     ORDER BY c.block_number, c.log_index LIMIT 1)
    UNION ALL
    (SELECT format('the credit of %s before log %s of block %s', encode(c.account, 'hex'), c.log_index, c.block_number)
     FROM credits c
     WHERE c.chain_id = chain AND c.block_number >= from_block
       AND c.credit - c.change <> coalesce((
           SELECT p.credit FROM credits p
           WHERE p.chain_id = chain AND p.account = c.account AND p.currency = c.currency
             AND (p.block_number, p.log_index) < (c.block_number, c.log_index)
           ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1), 0)
     ORDER BY c.block_number, c.log_index LIMIT 1)
    LIMIT 1
$$;
RESET search_path;

-- The views over the new tables, unchanged.
CREATE VIEW asset_works AS
    SELECT DISTINCT ON (a.chain_id, a.asset_id) a.chain_id, a.asset_id, w.id AS work_id
    FROM chain.assets a
    JOIN work_versions v ON v.content_hash = a.content_hash
    JOIN works w ON w.id = v.work_id AND w.owner IN (a.registrant, a.first_owner)
    ORDER BY a.chain_id, a.asset_id, (w.owner = a.first_owner) DESC, w.id;

CREATE VIEW order_states AS
    SELECT o.*,
           CASE
               WHEN EXISTS (SELECT FROM chain.fills f WHERE f.chain_id = o.chain_id AND f.order_hash = o.hash) THEN 'filled'
               WHEN EXISTS (SELECT FROM chain.cancelled_nonces c
                            WHERE c.chain_id = o.chain_id AND c.maker = o.maker AND c.nonce = o.nonce)
                 OR EXISTS (SELECT FROM chain.fills f
                            WHERE f.chain_id = o.chain_id AND f.maker = o.maker AND f.nonce = o.nonce)
                 OR EXISTS (SELECT FROM chain.maker_epochs e
                            WHERE e.chain_id = o.chain_id AND e.maker = o.maker AND e.epoch > o.maker_epoch) THEN 'cancelled'
               WHEN a.asset_id IS NULL OR a.epoch <> o.asset_epoch OR (o.side = 'SELL' AND a.owner <> o.maker) THEN 'stale'
               WHEN o.end_time <= now() THEN 'expired'
               WHEN o.start_time > now() THEN 'scheduled'
               ELSE 'open'
           END AS state
    FROM orders o
    LEFT JOIN chain.assets a ON a.chain_id = o.chain_id AND a.asset_id = o.asset_id;

CREATE VIEW payout_root_states AS
    SELECT r.*, p.number, p.activatable_at, p.tx_hash,
           CASE WHEN p.number IS NULL THEN 'built' ELSE coalesce(d.decision, 'proposed') END AS state
    FROM payout_roots r
    LEFT JOIN LATERAL (SELECT * FROM chain.root_proposals p WHERE p.chain_id = r.chain_id AND p.root = r.root
                       ORDER BY p.number DESC LIMIT 1) p ON true
    LEFT JOIN chain.root_decisions d ON d.chain_id = r.chain_id AND d.number = p.number;

CREATE VIEW chain.frozen AS
    SELECT DISTINCT ON (chain_id, asset_id) chain_id, asset_id, frozen_until
    FROM chain.freezes ORDER BY chain_id, asset_id, block_number DESC, log_index DESC;

CREATE VIEW chain.licences AS
SELECT b.chain_id, (b.details ->> 'licenceId')::numeric AS licence_id, b.asset_id, b.details ->> 'termsId' AS terms_id,
       coalesce(moved.holder, b.details ->> 'to') AS holder, b.details ->> 'currency' AS currency,
       (b.details ->> 'price')::numeric AS price, (b.details ->> 'expiresAt')::numeric AS expires_at,
       coalesce(used.uses, 0) AS uses, b.block_number, b.log_index, b.tx_hash, b.at
FROM chain.module_events b
LEFT JOIN LATERAL (
    SELECT t.details ->> 'to' AS holder FROM chain.module_events t
    WHERE t.chain_id = b.chain_id AND t.contract = 'Licences' AND t.event = 'LicenceTransferred'
      AND t.details ->> 'licenceId' = b.details ->> 'licenceId'
    ORDER BY t.block_number DESC, t.log_index DESC LIMIT 1) moved ON true
LEFT JOIN LATERAL (
    SELECT max((u.details ->> 'uses')::bigint) AS uses FROM chain.module_events u
    WHERE u.chain_id = b.chain_id AND u.contract = 'Licences' AND u.event = 'LicenceUsed'
      AND u.details ->> 'licenceId' = b.details ->> 'licenceId') used ON true
WHERE b.contract = 'Licences' AND b.event = 'LicenceBought';

CREATE VIEW chain.stakes AS
SELECT chain_id, asset_id, details ->> 'account' AS account,
       sum((details ->> 'amount')::numeric * CASE event WHEN 'Staked' THEN 1 ELSE -1 END) AS amount
FROM chain.module_events WHERE contract = 'Staking' AND event IN ('Staked', 'Unstaked')
GROUP BY chain_id, asset_id, details ->> 'account';

CREATE VIEW chain.anchors AS
SELECT chain_id, row_number() OVER (PARTITION BY chain_id ORDER BY block_number, log_index) AS seq,
       details ->> 'root' AS root, (details ->> 'size')::numeric AS size, (details ->> 'time')::numeric AS time,
       details ->> 'head' AS head, block_number, log_index, tx_hash, at
FROM chain.module_events WHERE contract = 'Anchor' AND event = 'Anchored';
