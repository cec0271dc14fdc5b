-- The division of the pot. A distribution covers finalized income of one asset in one currency, each income once.

CREATE TABLE distributions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id      bigint NOT NULL,
    asset_id      bigint NOT NULL,
    token         chain.address NOT NULL,
    amount        chain.amount NOT NULL,
    distributed   chain.amount NOT NULL,
    reserved      chain.amount NOT NULL,
    policy        text NOT NULL,
    through_block bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (amount = distributed + reserved)
);
CREATE INDEX distributions_asset ON distributions (chain_id, asset_id, id DESC);

-- The primary key is what makes it once: an income belongs to one distribution.
CREATE TABLE distributed_incomes (
    chain_id        bigint NOT NULL,
    block_number    bigint NOT NULL,
    log_index       integer NOT NULL,
    distribution_id bigint NOT NULL REFERENCES distributions,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX distributed_incomes_distribution ON distributed_incomes (distribution_id);

-- Every step of the division: an amount passed from a work to a work, an account or a reserve, and why.
CREATE TABLE distribution_flows (
    distribution_id bigint NOT NULL REFERENCES distributions,
    step            integer NOT NULL,
    source          text NOT NULL,
    target          text NOT NULL,
    rule            text NOT NULL,
    contribution_id bigint,
    weight          numeric NOT NULL,
    of_weight       numeric NOT NULL,
    amount          chain.amount NOT NULL,
    PRIMARY KEY (distribution_id, step)
);
CREATE INDEX distribution_flows_target ON distribution_flows (distribution_id, target);

-- What is owed to someone without an address yet: kept in the pot, listed, never in a root.
CREATE TABLE reserves (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    distribution_id bigint NOT NULL REFERENCES distributions,
    chain_id        bigint NOT NULL,
    token           chain.address NOT NULL,
    -- A contributor's key or a package URL, as the records of `work_id` name it: no other work's records can claim it.
    beneficiary     text NOT NULL,
    work_id         bigint NOT NULL REFERENCES works,
    amount          chain.amount NOT NULL CHECK (amount > 0),
    UNIQUE (distribution_id, work_id, beneficiary)
);
CREATE INDEX reserves_beneficiary ON reserves (beneficiary);

-- What an account gets: from a distribution, or from a reserve released to it.
CREATE TABLE payouts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id        bigint NOT NULL,
    account         chain.address NOT NULL,
    token           chain.address NOT NULL,
    amount          chain.amount NOT NULL CHECK (amount > 0),
    distribution_id bigint NOT NULL REFERENCES distributions,
    reserve_id      bigint UNIQUE REFERENCES reserves,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX payouts_once ON payouts (distribution_id, account) WHERE reserve_id IS NULL;
CREATE INDEX payouts_account ON payouts (chain_id, account, id DESC);

-- Roots we built: cumulative totals of every account through one payout.
CREATE TABLE payout_roots (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id       bigint NOT NULL,
    root           chain.hash NOT NULL,
    data_cid       text NOT NULL,
    totals         jsonb NOT NULL,
    through_payout bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (chain_id, root)
);
CREATE TABLE payout_root_entries (
    root_id    bigint NOT NULL REFERENCES payout_roots,
    account    chain.address NOT NULL,
    token      chain.address NOT NULL,
    cumulative chain.amount NOT NULL,
    PRIMARY KEY (root_id, account, token)
);
CREATE INDEX payout_root_entries_account ON payout_root_entries (account, root_id DESC);

CREATE VIEW payout_root_states AS
    SELECT r.*, p.number, p.activatable_at, p.tx_hash,
           CASE WHEN p.number IS NULL THEN 'built' ELSE coalesce(d.decision, 'proposed') END AS state
    FROM payout_roots r
    LEFT JOIN LATERAL (SELECT * FROM chain.root_proposals p WHERE p.chain_id = r.chain_id AND p.root = r.root
                       ORDER BY p.number DESC LIMIT 1) p ON true
    LEFT JOIN chain.root_decisions d ON d.chain_id = r.chain_id AND d.number = p.number;
