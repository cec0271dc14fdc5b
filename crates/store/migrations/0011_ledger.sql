-- The ledger: everything that happened, hash-chained, for ever. crates/domain/src/ledger says what is hashed.
--
-- Two stages. Whoever changes state puts an event into `pending` in the same transaction: neither waits for anyone. One
-- sealer after the other moves what was committed into `events`, numbers it without gaps and hashes it, many at a time.
-- Numbering in the writers' transactions instead would let only one of them run at a time, until it is on disk.
--
-- Order. `place` is drawn when a transaction commits (by a deferred trigger), not when it writes. A transaction that saw
-- what another did began to commit after that one was through, so its place is higher; and no snapshot shows it without
-- the other. Sealing what a snapshot shows by place therefore puts every cause before its effect, and a transaction that
-- takes long holds nobody up.
--
-- Privileges. Nothing here is granted to PUBLIC. Let the tables belong to the role that migrates, and the programs log in
-- as others:
--
--   GRANT USAGE ON SCHEMA ledger TO app;
--   GRANT INSERT ON ledger.pending TO app;
--   GRANT SELECT ON ledger.events, ledger.streams, ledger.nodes, ledger.head TO app;
--
-- so that the application can add events and read them, and nothing else. The worker that seals needs on top of that
--
--   GRANT SELECT, DELETE ON ledger.pending TO sealer;
--   GRANT INSERT ON ledger.events, ledger.streams, ledger.nodes TO sealer;
--   GRANT UPDATE ON ledger.head TO sealer;
--
-- The triggers refuse changes to everybody, the owner too. Who can drop triggers can still change rows, and is found out
-- by `tributary verify` and by everyone who holds a receipt.

CREATE SCHEMA ledger;

-- A row holds up to 256 events of one transaction: a JSON array of {"kind","subject","streams","body"}.
CREATE TABLE ledger.pending (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place  bigint,
    at     timestamptz NOT NULL DEFAULT now(),
    events text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);

CREATE SEQUENCE ledger.places;
CREATE FUNCTION ledger.draw_place() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE ledger.pending SET place = nextval('ledger.places') WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER draw_place AFTER INSERT ON ledger.pending DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.draw_place();

CREATE TABLE ledger.events (
    seq      bigint PRIMARY KEY CHECK (seq > 0),
    -- When it was stored, as the database's clock had it when its transaction began.
    at       timestamptz NOT NULL,
    kind     text NOT NULL,
    subject  text NOT NULL,
    streams  text[] NOT NULL,
    -- Canonical JSON. Not jsonb, which would write it in another way.
    body     text NOT NULL,
    previous chain.hash NOT NULL,
    hash     chain.hash NOT NULL
);
-- `streams` of every event, to be read by stream. The second index is for verification, and nearly free: rows are appended
-- in the order of their numbers.
CREATE TABLE ledger.streams (
    stream text NOT NULL,
    seq    bigint NOT NULL,
    PRIMARY KEY (stream, seq)
);
CREATE INDEX streams_seq ON ledger.streams USING brin (seq) WITH (pages_per_range = 16, autosummarize = on);

-- The tree's full nodes from level 6 up, each over 2^level events of which `last` is the last. What lies below is hashed
-- anew from at most 64 events. So there is one row for 32 events, and a proof reads a few dozen rows from any ledger.
CREATE TABLE ledger.nodes (
    last  bigint NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 6 AND 48),
    hash  chain.hash NOT NULL,
    PRIMARY KEY (last, level)
);

-- Where the chain ends; sealing locks it and moves it by compare-and-swap.
CREATE TABLE ledger.head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    size   bigint NOT NULL,
    hash   chain.hash NOT NULL
);
INSERT INTO ledger.head (size, hash) VALUES (0, sha256('tributary ledger, version 1: genesis'));

CREATE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger only grows: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Correct an event by appending another.';
END $$;
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.streams
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.nodes
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON ledger.head
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
-- Also where triggers of ordinary kind are off (session_replication_role = replica).
ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE ledger.streams ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE ledger.nodes ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE ledger.head ENABLE ALWAYS TRIGGER only_grows;

REVOKE ALL ON SCHEMA ledger FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA ledger FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
