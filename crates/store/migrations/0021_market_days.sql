-- What happened in the market day by day (UTC), once for every settled day: no block of it can change any more.

CREATE TABLE market_days (
    chain_id      bigint NOT NULL,
    day           date NOT NULL,
    -- Sales at a price in the chain's own coin, what they brought together, and who bought and sold. Amounts are its base units.
    sales         bigint NOT NULL CHECK (sales >= 0),
    volume        chain.amount NOT NULL,
    buyers        bigint NOT NULL,
    sellers       bigint NOT NULL,
    -- Prices that were paid: the median of the day, and those below which a tenth and nine tenths of its prices lay.
    median        chain.amount,
    low           chain.amount,
    high          chain.amount,
    -- The price below which a tenth of the prices of the seven days up to this one lay.
    floor         chain.amount,
    -- Works that anyone could buy when the day ended.
    listed        bigint NOT NULL,
    registrations bigint NOT NULL,
    -- What the market agent said when the day was over: rising, falling or none; {"sentiment", "volume", "demand"}; and what was out
    -- of the ordinary on this day, [{"of": "price" or "sales", "z": robust standard deviations}].
    direction     text NOT NULL CHECK (direction IN ('rising', 'falling', 'none')),
    mood          jsonb NOT NULL,
    anomalies     jsonb NOT NULL,
    PRIMARY KEY (chain_id, day),
    CHECK ((sales > 0) = (median IS NOT NULL) AND num_nulls(median, low, high) IN (0, 3))
);
