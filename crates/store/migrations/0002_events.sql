-- One table per kind of event. Each row names its place in the chain; (chain_id, block_number, log_index) is its key.

CREATE TABLE chain.registrations (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id     bigint NOT NULL,
    registrant   chain.address NOT NULL,
    first_owner  chain.address NOT NULL,
    kind         text NOT NULL,
    open         boolean NOT NULL,
    content_hash chain.hash NOT NULL,
    royalty_bps  integer NOT NULL,
    cid          text NOT NULL,
    -- Owners at registration: [{"account": "0x..", "bps": n}], parents: [id, ..], as in the event.
    shares       jsonb NOT NULL,
    parents      bigint[] NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE UNIQUE INDEX registrations_asset ON chain.registrations (chain_id, asset_id);

CREATE TABLE chain.transfers (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id  bigint NOT NULL,
    sender    chain.address NOT NULL,
    recipient chain.address NOT NULL,
    epoch     bigint NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX transfers_asset ON chain.transfers (chain_id, asset_id, epoch DESC);

CREATE TABLE chain.cid_updates (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id bigint NOT NULL,
    cid      text NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX cid_updates_asset ON chain.cid_updates (chain_id, asset_id, block_number DESC, log_index DESC);

CREATE TABLE chain.royalty_changes (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id    bigint NOT NULL,
    royalty_bps integer NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX royalty_changes_asset ON chain.royalty_changes (chain_id, asset_id, block_number DESC, log_index DESC);

CREATE TABLE chain.fills (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    order_hash chain.hash NOT NULL,
    asset_id   bigint NOT NULL,
    maker      chain.address NOT NULL,
    taker      chain.address NOT NULL,
    side       text NOT NULL CHECK (side IN ('SELL', 'BID')),
    currency   chain.address NOT NULL,
    price      chain.amount NOT NULL,
    fee        chain.amount NOT NULL,
    royalty    chain.amount NOT NULL,
    net        chain.amount NOT NULL,
    nonce      chain.amount NOT NULL,
    CHECK (price = fee + royalty + net),
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX fills_order ON chain.fills (chain_id, order_hash);
CREATE INDEX fills_nonce ON chain.fills (chain_id, maker, nonce);
CREATE INDEX fills_asset ON chain.fills (chain_id, asset_id, block_number DESC);

CREATE TABLE chain.cancelled_nonces (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    maker chain.address NOT NULL,
    nonce chain.amount NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index, nonce)
);
CREATE INDEX cancelled_nonces_maker ON chain.cancelled_nonces (chain_id, maker, nonce);

CREATE TABLE chain.maker_epochs (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    maker chain.address NOT NULL,
    epoch bigint NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX maker_epochs_maker ON chain.maker_epochs (chain_id, maker, epoch DESC);

-- Pushes that failed at a sale and wait for the payee: positive when added, negative when withdrawn.
CREATE TABLE chain.credits (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    account  chain.address NOT NULL,
    currency chain.address NOT NULL,
    change   numeric(78, 0) NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX credits_account ON chain.credits (chain_id, account, currency);

CREATE TABLE chain.fee_changes (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    fee_bps   integer NOT NULL,
    recipient chain.address NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);

-- Money that entered the pot for an asset.
CREATE TABLE chain.incomes (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id bigint NOT NULL,
    token    chain.address NOT NULL,
    payer    chain.address NOT NULL,
    amount   chain.amount NOT NULL,
    reason   text NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX incomes_asset ON chain.incomes (chain_id, asset_id, token);

-- Payout roots on chain: proposed once, then activated or vetoed once.
CREATE TABLE chain.root_proposals (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    number         bigint NOT NULL,
    root           chain.hash NOT NULL,
    data_cid       text NOT NULL,
    anchor_seq     bigint NOT NULL,
    totals         jsonb NOT NULL,
    activatable_at timestamptz NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE UNIQUE INDEX root_proposals_number ON chain.root_proposals (chain_id, number);
CREATE TABLE chain.root_decisions (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    number   bigint NOT NULL,
    root     chain.hash NOT NULL,
    decision text NOT NULL CHECK (decision IN ('activated', 'vetoed')),
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE UNIQUE INDEX root_decisions_number ON chain.root_decisions (chain_id, number);

CREATE TABLE chain.claims (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    account    chain.address NOT NULL,
    token      chain.address NOT NULL,
    recipient  chain.address NOT NULL,
    amount     chain.amount NOT NULL,
    cumulative chain.amount NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX claims_account ON chain.claims (chain_id, account, token, cumulative DESC);

CREATE TABLE chain.payout_addresses (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    account   chain.address NOT NULL,
    recipient chain.address NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);

CREATE TABLE chain.inboxes (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    asset_id bigint NOT NULL,
    inbox    chain.address NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);

-- An event we watch but could not decode is kept in sight, never skipped.
CREATE TABLE chain.quarantine (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);

-- The current state of every asset, computed from the event tables above and from nothing else.
CREATE TABLE chain.assets (
    chain_id      bigint NOT NULL,
    asset_id      bigint NOT NULL,
    kind          text NOT NULL,
    open          boolean NOT NULL,
    content_hash  chain.hash NOT NULL,
    cid           text NOT NULL,
    royalty_bps   integer NOT NULL,
    registrant    chain.address NOT NULL,
    first_owner   chain.address NOT NULL,
    owner         chain.address NOT NULL,
    epoch         bigint NOT NULL,
    shares        jsonb NOT NULL,
    parents       bigint[] NOT NULL,
    registered_at timestamptz NOT NULL,
    -- Where the row last changed: its place in the chain tells its finality and its version.
    block_number  bigint NOT NULL,
    tx_hash       chain.hash NOT NULL,
    log_index     integer NOT NULL,
    PRIMARY KEY (chain_id, asset_id)
);
CREATE UNIQUE INDEX assets_content ON chain.assets (chain_id, content_hash);
CREATE INDEX assets_owner ON chain.assets (chain_id, owner);
CREATE INDEX assets_kind ON chain.assets (chain_id, kind, asset_id DESC);

CREATE TABLE chain.asset_parents (
    chain_id  bigint NOT NULL,
    asset_id  bigint NOT NULL,
    parent_id bigint NOT NULL,
    PRIMARY KEY (chain_id, asset_id, parent_id)
);
CREATE INDEX asset_parents_parent ON chain.asset_parents (chain_id, parent_id);

-- Recomputes the given assets; called for the assets a batch or a reorganisation touched.
CREATE FUNCTION chain.refresh_assets(chain bigint, ids bigint[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM chain.assets a
    WHERE a.chain_id = chain AND a.asset_id = ANY (ids)
      AND NOT EXISTS (SELECT FROM chain.registrations r WHERE r.chain_id = chain AND r.asset_id = a.asset_id);
    DELETE FROM chain.asset_parents p
    WHERE p.chain_id = chain AND p.asset_id = ANY (ids)
      AND NOT EXISTS (SELECT FROM chain.registrations r WHERE r.chain_id = chain AND r.asset_id = p.asset_id
                                                          AND p.parent_id = ANY (r.parents));
    INSERT INTO chain.asset_parents (chain_id, asset_id, parent_id)
    SELECT r.chain_id, r.asset_id, p FROM chain.registrations r, unnest(r.parents) p
    WHERE r.chain_id = chain AND r.asset_id = ANY (ids)
    ON CONFLICT DO NOTHING;
    INSERT INTO chain.assets AS a
    SELECT r.chain_id, r.asset_id, r.kind, r.open, r.content_hash, coalesce(c.cid, r.cid),
           coalesce(y.royalty_bps, r.royalty_bps), r.registrant, r.first_owner, coalesce(t.recipient, r.first_owner),
           coalesce(t.epoch, 0), r.shares, r.parents, r.at, l.block_number, l.tx_hash, l.log_index
    FROM chain.registrations r
    LEFT JOIN LATERAL (SELECT * FROM chain.transfers x WHERE x.chain_id = chain AND x.asset_id = r.asset_id
                       ORDER BY x.epoch DESC LIMIT 1) t ON true
    LEFT JOIN LATERAL (SELECT * FROM chain.cid_updates x WHERE x.chain_id = chain AND x.asset_id = r.asset_id
                       ORDER BY x.block_number DESC, x.log_index DESC LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT * FROM chain.royalty_changes x WHERE x.chain_id = chain AND x.asset_id = r.asset_id
                       ORDER BY x.block_number DESC, x.log_index DESC LIMIT 1) y ON true
    CROSS JOIN LATERAL (SELECT v.block_number, v.tx_hash, v.log_index
                        FROM (VALUES (r.block_number, r.tx_hash, r.log_index), (t.block_number, t.tx_hash, t.log_index),
                                     (c.block_number, c.tx_hash, c.log_index), (y.block_number, y.tx_hash, y.log_index))
                             AS v (block_number, tx_hash, log_index)
                        WHERE v.block_number IS NOT NULL
                        ORDER BY v.block_number DESC, v.log_index DESC LIMIT 1) l
    WHERE r.chain_id = chain AND r.asset_id = ANY (ids)
    ON CONFLICT (chain_id, asset_id) DO UPDATE SET
        kind = excluded.kind, open = excluded.open, content_hash = excluded.content_hash, cid = excluded.cid,
        royalty_bps = excluded.royalty_bps, registrant = excluded.registrant, first_owner = excluded.first_owner,
        owner = excluded.owner, epoch = excluded.epoch, shares = excluded.shares, parents = excluded.parents,
        registered_at = excluded.registered_at, block_number = excluded.block_number, tx_hash = excluded.tx_hash,
        log_index = excluded.log_index;
$$;

-- How settled a block is: 'latest', 'safe' or 'finalized'.
CREATE FUNCTION chain.finality(chain bigint, block bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN block <= finalized_number THEN 'finalized' WHEN block <= safe_number THEN 'safe' ELSE 'latest' END
    FROM chain.cursors WHERE chain_id = chain;
$$;
