-- Licences, staking, disputes, arbiters and anchors: every event of theirs as its contract says it, and views that say
-- what it means. `details` has the event's fields but `seq`: numbers as decimal strings, bytes as 0x-hex.
CREATE TABLE chain.module_events (
    chain_id bigint NOT NULL, block_number bigint NOT NULL, log_index integer NOT NULL,
    tx_hash chain.hash NOT NULL, at timestamptz NOT NULL,
    contract  text NOT NULL,
    event     text NOT NULL,
    -- The asset it is about, and every account it names.
    asset_id  bigint,
    addresses chain.address[] NOT NULL,
    details   jsonb NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
);
CREATE INDEX module_events_kind ON chain.module_events (chain_id, contract, event, block_number, log_index);
CREATE INDEX module_events_asset ON chain.module_events (chain_id, asset_id, block_number DESC, log_index DESC);
CREATE INDEX module_events_addresses ON chain.module_events USING gin (addresses);
CREATE INDEX module_events_licence ON chain.module_events (chain_id, (details ->> 'licenceId')) WHERE contract = 'Licences';
CREATE INDEX module_events_dispute ON chain.module_events (chain_id, (details ->> 'disputeId')) WHERE contract = 'Disputes';

-- Every licence: on what terms, whose it is, until when, how often it was used.
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

-- What every account has staked on every asset, without what cools down.
CREATE VIEW chain.stakes AS
SELECT chain_id, asset_id, details ->> 'account' AS account,
       sum((details ->> 'amount')::numeric * CASE event WHEN 'Staked' THEN 1 ELSE -1 END) AS amount
FROM chain.module_events WHERE contract = 'Staking' AND event IN ('Staked', 'Unstaked')
GROUP BY chain_id, asset_id, details ->> 'account';

-- The ledger's anchors, oldest first.
CREATE VIEW chain.anchors AS
SELECT chain_id, row_number() OVER (PARTITION BY chain_id ORDER BY block_number, log_index) AS seq,
       details ->> 'root' AS root, (details ->> 'size')::numeric AS size, (details ->> 'time')::numeric AS time,
       details ->> 'head' AS head, block_number, log_index, tx_hash, at
FROM chain.module_events WHERE contract = 'Anchor' AND event = 'Anchored';
