-- What a read of an account's earnings needs, so that it costs the same however much there is: the tree of every payout root, and
-- what each account was paid out in all.

-- The tree of a root: of each level all hashes, 32 bytes each, from the leaves (level 0) up to the root. A proof takes one hash from
-- each level, at the place that follows from the place of the entry's leaf. Uncompressed, so that PostgreSQL reads of a long value
-- only the part that is asked for; hashes do not compress anyway.
CREATE TABLE payout_root_levels (
    root_id bigint NOT NULL REFERENCES payout_roots,
    level   smallint NOT NULL,
    hashes  bytea NOT NULL CHECK (length(hashes) > 0 AND length(hashes) % 32 = 0),
    PRIMARY KEY (root_id, level)
);
ALTER TABLE payout_root_levels ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The place of an entry's leaf, from 0. PostgreSQL cannot compute Keccak-256: the roots of earlier versions have no place and no
-- levels until the job that publishes roots adds them, to the active and the newest root. Meanwhile their proofs are made as before.
ALTER TABLE payout_root_entries ADD COLUMN place integer;

-- What each account was paid out so far. A trigger adds every payout, whichever version of the program writes it.
CREATE TABLE payout_totals (
    chain_id bigint NOT NULL,
    account  chain.address NOT NULL,
    token    chain.address NOT NULL,
    amount   chain.amount NOT NULL,
    PRIMARY KEY (chain_id, account, token)
);
CREATE FUNCTION payout_totals_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payout_totals AS t (chain_id, account, token, amount)
    SELECT chain_id, account, token, sum(amount) FROM added GROUP BY chain_id, account, token ORDER BY chain_id, account, token
    ON CONFLICT (chain_id, account, token) DO UPDATE SET amount = t.amount + excluded.amount;
    RETURN NULL;
END $$;
-- From here on nobody else writes payouts before this migration ends, so that the sum below misses nothing.
CREATE TRIGGER payout_totals_add AFTER INSERT ON payouts REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION payout_totals_add();
INSERT INTO payout_totals (chain_id, account, token, amount)
SELECT chain_id, account, token, sum(amount) FROM payouts GROUP BY chain_id, account, token;
