-- Transactions we send. An intent is stored in the transaction that makes it necessary, its signed bytes before they are
-- sent; a crash at any point neither loses nor repeats one.

CREATE TABLE sender_accounts (
    chain_id   bigint NOT NULL,
    account    chain.address NOT NULL,
    next_nonce bigint NOT NULL,
    PRIMARY KEY (chain_id, account)
);

CREATE TABLE sender_transactions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id     bigint NOT NULL,
    account      chain.address NOT NULL,
    -- What this transaction is, once for ever: 'propose:<root>', 'deploy:Market'.
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    recipient    chain.address,
    value        chain.amount NOT NULL DEFAULT 0,
    data         bytea NOT NULL,
    nonce        bigint,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'mined', 'final', 'reverted', 'refused')),
    error        text,
    tx_hash      chain.hash,
    block_number bigint,
    block_hash   chain.hash,
    gas_used     bigint,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (chain_id, key),
    UNIQUE (chain_id, account, nonce)
);
CREATE INDEX sender_transactions_unsettled ON sender_transactions (chain_id, account, id)
    WHERE state IN ('queued', 'sent', 'mined');

-- Every signed form of a transaction, the fee rising from one to the next.
CREATE TABLE sender_attempts (
    transaction_id  bigint NOT NULL REFERENCES sender_transactions,
    attempt         integer NOT NULL,
    raw             bytea NOT NULL,
    tx_hash         chain.hash NOT NULL,
    max_fee         chain.amount NOT NULL,
    priority_fee    chain.amount NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transaction_id, attempt)
);
