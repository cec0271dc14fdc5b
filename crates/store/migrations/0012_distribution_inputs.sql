-- What decided each distribution, and what came of it, so that anyone can divide again and compare; and what was below the least payout.

ALTER TABLE distributions
    -- What earlier distributions carried and this one brought along, and what this one carries on.
    ADD COLUMN brought chain.amount NOT NULL DEFAULT 0,
    ADD COLUMN carried chain.amount NOT NULL DEFAULT 0,
    -- The version of the rules, the canonical input and the SHA-256 of it and of the canonical result; null for those that were made
    -- before inputs were kept.
    ADD COLUMN rules integer,
    ADD COLUMN input bytea,
    ADD COLUMN input_hash chain.hash,
    ADD COLUMN result_hash chain.hash,
    ADD CHECK (num_nulls(rules, input, input_hash, result_hash) IN (0, 4)),
    DROP CONSTRAINT distributions_check,
    ADD CONSTRAINT distributions_conserve CHECK (amount + brought = distributed + reserved + carried);

-- What waits for an account in a currency is the sum of `carried` less the sum of `brought`, which is never negative.
CREATE TABLE distribution_carries (
    distribution_id bigint NOT NULL REFERENCES distributions,
    chain_id        bigint NOT NULL,
    token           chain.address NOT NULL,
    account         chain.address NOT NULL,
    brought         chain.amount NOT NULL,
    carried         chain.amount NOT NULL,
    PRIMARY KEY (distribution_id, account),
    CHECK (brought > 0 OR carried > 0)
);
CREATE INDEX distribution_carries_account ON distribution_carries (chain_id, token, account);
