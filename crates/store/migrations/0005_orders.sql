-- Signed orders. The backend stores only orders that could be filled when they came; what happens to them afterwards is
-- on chain, so their state is computed, never stored.

CREATE TABLE orders (
    -- The order in which they came, which is how lists go through them page by page.
    id          bigint GENERATED ALWAYS AS IDENTITY,
    chain_id    bigint NOT NULL,
    hash        chain.hash NOT NULL,
    maker       chain.address NOT NULL,
    side        text NOT NULL CHECK (side IN ('SELL', 'BID')),
    asset_id    bigint NOT NULL,
    asset_epoch bigint NOT NULL,
    currency    chain.address NOT NULL,
    start_price chain.amount NOT NULL,
    end_price   chain.amount NOT NULL,
    start_time  timestamptz NOT NULL,
    end_time    timestamptz NOT NULL,
    taker       chain.address NOT NULL,
    nonce       chain.amount NOT NULL,
    maker_epoch bigint NOT NULL,
    max_fee_bps integer NOT NULL,
    min_net     chain.amount NOT NULL,
    signature   bytea NOT NULL CHECK (octet_length(signature) <= 4096),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, hash)
);
CREATE UNIQUE INDEX orders_newest ON orders (chain_id, id DESC);
CREATE INDEX orders_asset ON orders (chain_id, asset_id, id DESC);
CREATE INDEX orders_maker ON orders (chain_id, maker, id DESC);

CREATE VIEW order_states AS
    SELECT o.*,
           CASE
               WHEN EXISTS (SELECT FROM chain.fills f WHERE f.chain_id = o.chain_id AND f.order_hash = o.hash) THEN 'filled'
               WHEN EXISTS (SELECT FROM chain.cancelled_nonces c
                            WHERE c.chain_id = o.chain_id AND c.maker = o.maker AND c.nonce = o.nonce)
                 OR EXISTS (SELECT FROM chain.fills f
                            WHERE f.chain_id = o.chain_id AND f.maker = o.maker AND f.nonce = o.nonce)
                 OR EXISTS (SELECT FROM chain.maker_epochs e
                            WHERE e.chain_id = o.chain_id AND e.maker = o.maker AND e.epoch > o.maker_epoch) THEN 'cancelled'
               WHEN a.asset_id IS NULL OR a.epoch <> o.asset_epoch OR (o.side = 'SELL' AND a.owner <> o.maker) THEN 'stale'
               WHEN o.end_time <= now() THEN 'expired'
               WHEN o.start_time > now() THEN 'scheduled'
               ELSE 'open'
           END AS state
    FROM orders o
    LEFT JOIN chain.assets a ON a.chain_id = o.chain_id AND a.asset_id = o.asset_id;

-- The price of an order at a time: on the line from start to end, in whole base units, rounded for the maker: up for a
-- sale, down for a bid. Multiplied out before it is divided, because a rounded quotient would be off by one for large
-- prices.
CREATE FUNCTION order_price(side text, start_price numeric, end_price numeric, start_time timestamptz,
                            end_time timestamptz, at timestamptz)
    RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN start_price = end_price OR elapsed <= 0 THEN start_price
        WHEN elapsed >= length THEN end_price
        ELSE div(start_price * (length - elapsed) + end_price * elapsed + CASE side WHEN 'SELL' THEN length - 1 ELSE 0 END,
                 length)
    END::numeric(78, 0)
    FROM (SELECT floor(extract(epoch FROM at) - extract(epoch FROM start_time)) AS elapsed,
                 extract(epoch FROM end_time) - extract(epoch FROM start_time) AS length) seconds;
$$;

CREATE FUNCTION hex_address(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '0x' || encode(bytes, 'hex');
$$;
