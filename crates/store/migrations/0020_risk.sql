-- What the risk agent looks at twice, and what it decided about orders.

-- Who is watched, how bad they are held to be, and why. Never changed: the newest entry of a watcher about a subject counts, and a
-- score of 0 ends it.
CREATE TABLE watch_entries (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id   bigint NOT NULL,
    -- account:0x.. with its checksum, or asset:7
    subject    text NOT NULL CHECK (subject ~ '^(account:0x[0-9a-fA-F]{40}|asset:[1-9][0-9]{0,18})$'),
    -- From 0, nothing, to 1, certain.
    score      double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    why        text NOT NULL CHECK (length(why) BETWEEN 1 AND 500),
    -- Whose entry it is: `operator` or `risk agent`.
    watcher    text NOT NULL CHECK (length(watcher) BETWEEN 1 AND 60),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX watch_entries_newest ON watch_entries (chain_id, subject, watcher, id DESC);
CREATE INDEX watch_entries_last ON watch_entries (chain_id, watcher, id DESC);
CREATE TRIGGER facts BEFORE UPDATE OR DELETE OR TRUNCATE ON watch_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Everything that is watched, by whom, since when.
CREATE VIEW watch_list AS
    SELECT * FROM (
        SELECT DISTINCT ON (chain_id, subject, watcher) * FROM watch_entries
        ORDER BY chain_id, subject, watcher, id DESC) newest
    WHERE score > 0;

-- What was decided about an order, in words that lists can ask for: the rest of it is the advice of that number.
CREATE TABLE order_screenings (
    advice_id  bigint PRIMARY KEY REFERENCES advice,
    chain_id   bigint NOT NULL,
    order_hash chain.hash NOT NULL,
    decision   text NOT NULL CHECK (decision IN ('allow', 'warn', 'block'))
);
CREATE INDEX order_screenings_newest ON order_screenings (chain_id, order_hash, advice_id DESC);

-- Whether the newest screening of an order blocks it. One that was not screened yet is shown.
CREATE FUNCTION order_is_blocked(chain bigint, hash bytea) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT s.decision = 'block' FROM order_screenings s
                     WHERE s.chain_id = chain AND s.order_hash = hash ORDER BY s.advice_id DESC LIMIT 1), false);
$$;
