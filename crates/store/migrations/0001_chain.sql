-- What the chain said. Only the indexer writes to schema `chain`; everybody else reads.
--
-- The raw log is the truth: every other table of this schema can be computed from `logs`. Event tables hold one row per
-- decoded event and are never updated, so a reorganisation deletes the rows above the fork and inserts the replacement;
-- `assets` is state computed from them, by the same function forwards and backwards.

CREATE SCHEMA chain;

-- Addresses are 20 bytes, hashes 32; amounts are whole numbers of base units below 2^256.
CREATE DOMAIN chain.address AS bytea CHECK (octet_length(VALUE) = 20);
CREATE DOMAIN chain.hash AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN chain.amount AS numeric(78, 0) CHECK (VALUE >= 0);

-- The contracts of this market on each chain, recorded by `tributary deploy`.
CREATE TABLE chain.deployments (
    chain_id     bigint NOT NULL,
    contract     text NOT NULL,
    address      chain.address NOT NULL,
    block_number bigint NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, contract)
);

-- How far the mirror is. A commit moves the cursor by compare-and-swap on (block_number, block_hash, epoch).
CREATE TABLE chain.cursors (
    chain_id         bigint PRIMARY KEY,
    block_number     bigint NOT NULL,
    block_hash       chain.hash NOT NULL,
    finalized_number bigint NOT NULL,
    safe_number      bigint NOT NULL,
    head_number      bigint NOT NULL,
    epoch            bigint NOT NULL DEFAULT 0,
    halted           text,
    reorganisations  bigint NOT NULL DEFAULT 0,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (finalized_number <= safe_number),
    CHECK (finalized_number <= block_number)
);

-- Every unfinalized block, and every block with a log of ours.
CREATE TABLE chain.blocks (
    chain_id    bigint NOT NULL,
    number      bigint NOT NULL,
    hash        chain.hash NOT NULL,
    parent_hash chain.hash NOT NULL,
    timestamp   timestamptz NOT NULL,
    PRIMARY KEY (chain_id, number)
);

-- Partitioned by block range from the first day; `chain.ensure_partition` makes the partition a batch needs.
CREATE TABLE chain.logs (
    chain_id     bigint NOT NULL,
    block_number bigint NOT NULL,
    log_index    integer NOT NULL,
    block_hash   chain.hash NOT NULL,
    tx_hash      chain.hash NOT NULL,
    tx_index     integer NOT NULL,
    address      chain.address NOT NULL,
    topics       bytea[] NOT NULL,
    data         bytea NOT NULL,
    -- The emitting contract's own event number, where the event carries one: a gap is a missing log.
    seq          bigint,
    PRIMARY KEY (chain_id, block_number, log_index)
) PARTITION BY RANGE (block_number);
CREATE INDEX logs_seq ON chain.logs (chain_id, address, seq DESC) WHERE seq IS NOT NULL;

CREATE FUNCTION chain.ensure_partition(block bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    width CONSTANT bigint := 1000000;
    low   CONSTANT bigint := block / width * width;
    name  CONSTANT text := format('logs_%s', low / width);
BEGIN
    IF to_regclass('chain.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE IF NOT EXISTS chain.%I PARTITION OF chain.logs FOR VALUES FROM (%s) TO (%s)',
                       name, low, low + width);
    END IF;
END $$;

-- Facts for everything that follows: live updates, jobs, webhooks. `txid` orders rows by transaction, so that a reader
-- that stays below the oldest running transaction misses nothing.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    topic      text NOT NULL,
    key        text NOT NULL,
    payload    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_order ON outbox (txid, id);
CREATE TABLE outbox_readers (
    reader text PRIMARY KEY,
    txid   xid8 NOT NULL DEFAULT '0',
    id     bigint NOT NULL DEFAULT 0
);
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();
