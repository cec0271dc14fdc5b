-- Facts with an envelope. `topic` is the kind of fact and `key` what it is about (`asset:31337:7`); rows of version 0 have the older
-- forms of both, which `facts::version` reads.
ALTER TABLE outbox
    ADD COLUMN version      smallint NOT NULL DEFAULT 0,
    -- The chain it belongs to, and where that chain says so.
    ADD COLUMN chain_id     bigint,
    ADD COLUMN block_number bigint,
    ADD COLUMN log_index    integer,
    ADD COLUMN streams      text[] NOT NULL DEFAULT '{}',
    -- The fact that this one takes back, because its block left the chain.
    ADD COLUMN retracts     bigint,
    -- W3C Trace Context of what caused it.
    ADD COLUMN trace        text;

-- What a reorganisation takes back: the facts above a block that were not taken back before.
CREATE INDEX outbox_places ON outbox (chain_id, block_number) WHERE block_number IS NOT NULL AND retracts IS NULL;
CREATE INDEX outbox_retractions ON outbox (retracts) WHERE retracts IS NOT NULL;
