-- Events are numbered by the record that they change, not only by their contract: an asset's transfers by its epoch, a
-- maker's fills and cancellations by the maker. `stream` names the record within the contract; empty is the contract itself.
ALTER TABLE chain.logs ADD COLUMN stream bytea NOT NULL DEFAULT '';
DROP INDEX chain.logs_seq;
CREATE INDEX logs_seq ON chain.logs (chain_id, address, stream, seq DESC) WHERE seq IS NOT NULL;

-- A bid for any one of several assets; `asset_id` of its fill says which it got.
ALTER TABLE chain.fills DROP CONSTRAINT fills_side_check;
ALTER TABLE chain.fills ADD CONSTRAINT fills_side_check CHECK (side IN ('SELL', 'BID', 'CRITERIA_BID'));

-- What the account may withdraw after the event: a missing event shows as a sum that is off.
ALTER TABLE chain.credits ADD COLUMN credit chain.amount NOT NULL DEFAULT 0;
CREATE INDEX credits_order ON chain.credits (chain_id, account, currency, block_number DESC, log_index DESC);

-- A token that failed when a root was activated: what the root declared of it stays with the pot.
CREATE TABLE chain.totals_passed_over (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    token  chain.address NOT NULL,
    amount chain.amount NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);

-- Disputes stop sales of an asset up to and including a time.
CREATE TABLE chain.freezes (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id     bigint NOT NULL,
    frozen_until timestamptz NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX freezes_asset ON chain.freezes (chain_id, asset_id, block_number DESC, log_index DESC);
CREATE VIEW chain.frozen AS
    SELECT DISTINCT ON (chain_id, asset_id) chain_id, asset_id, frozen_until
    FROM chain.freezes ORDER BY chain_id, asset_id, block_number DESC, log_index DESC;

-- Running totals leave no room for a missing event: of a claim, `cumulative` less `amount` is the account's claim before;
-- of a credit, `credit` less `change` is its credit before. Says the first row from a block on that does not fit.
CREATE FUNCTION chain.first_gap(chain bigint, from_block bigint) RETURNS text LANGUAGE sql STABLE AS $$
    (SELECT format('the claim of %s before log %s of block %s', encode(c.account, 'hex'), c.log_index, c.block_number)
     FROM chain.claims c
     WHERE c.chain_id = chain AND c.block_number >= from_block
       AND c.cumulative - c.amount <> coalesce((
           SELECT p.cumulative FROM chain.claims p
           WHERE p.chain_id = chain AND p.account = c.account AND p.token = c.token AND p.cumulative < c.cumulative
           ORDER BY p.cumulative DESC LIMIT 1), 0)
     ORDER BY c.block_number, c.log_index LIMIT 1)
    UNION ALL
    (SELECT format('the credit of %s before log %s of block %s', encode(c.account, 'hex'), c.log_index, c.block_number)
     FROM chain.credits c
     WHERE c.chain_id = chain AND c.block_number >= from_block
       AND c.credit - c.change <> coalesce((
           SELECT p.credit FROM chain.credits p
           WHERE p.chain_id = chain AND p.account = c.account AND p.currency = c.currency
             AND (p.block_number, p.log_index) < (c.block_number, c.log_index)
           ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1), 0)
     ORDER BY c.block_number, c.log_index LIMIT 1)
    LIMIT 1
$$;
