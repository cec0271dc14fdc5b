-- The books cost what changed. Whatever was counted and found to hold is kept as running totals, up to a position; a check reads
-- the totals and the rows after the position, and its record moves both on in one transaction. The views of migration 0016 stay:
-- they count everything from the beginning, and the totals are compared with them once a day and by `tributary books recount`.
--
-- A row that was counted never changes: what is final on the chain stays, and a division's rows are only added, in the order of
-- their numbers, because one transaction at a time divides the pots of a chain. Where that does not hold, the position goes, and
-- the next check counts from the beginning:
--
--   the mirror was rewound or rebuilt      the position names another rewind or generation than the cursor
--   somebody changed rows by hand          triggers delete the position
--
-- Totals are sums of amounts and may have more digits than one amount.

-- How often an operator took blocks back that were final.
ALTER TABLE chain.cursors ADD COLUMN rewinds bigint NOT NULL DEFAULT 0;

-- Whether the check counted everything from the beginning and compared that with the running totals.
ALTER TABLE book_checks ADD COLUMN whole boolean NOT NULL DEFAULT false;
CREATE INDEX book_checks_whole ON book_checks (chain_id, id DESC) WHERE whole;
CREATE INDEX book_checks_old ON book_checks (chain_id, created_at) WHERE faults = '[]';

-- How far the rows are counted.
CREATE TABLE book_positions (
    chain_id        bigint PRIMARY KEY,
    -- The check that moved the totals on last. It names this state: whoever moves them on says which one they began from.
    check_id        bigint NOT NULL,
    -- Of which mirror the blocks are.
    generation      bigint NOT NULL,
    rewinds         bigint NOT NULL,
    -- The newest final block, division, payout of a reserve, and root whose entries were compared.
    block_number    bigint NOT NULL,
    distribution_id bigint NOT NULL,
    release_id      bigint NOT NULL,
    root_id         bigint NOT NULL
);

-- By currency, the debits and credits of each account of the books. Totals do not outlive their position.
CREATE TABLE book_totals (
    chain_id bigint NOT NULL REFERENCES book_positions ON DELETE CASCADE,
    token    chain.address NOT NULL,
    account  text NOT NULL,
    debits   numeric NOT NULL,
    credits  numeric NOT NULL,
    PRIMARY KEY (chain_id, token, account)
);

-- By currency, what each person was paid out, has claimed, and was carried and brought along.
CREATE TABLE book_people (
    chain_id bigint NOT NULL REFERENCES book_positions ON DELETE CASCADE,
    token    chain.address NOT NULL,
    account  chain.address NOT NULL,
    paid     numeric NOT NULL,
    claimed  numeric NOT NULL,
    carried  numeric NOT NULL,
    brought  numeric NOT NULL,
    PRIMARY KEY (chain_id, token, account)
);

-- The first nonce of each of our senders whose gas is not counted. Receipts come in any order, and a nonce below this has its last.
CREATE TABLE book_senders (
    chain_id   bigint NOT NULL REFERENCES book_positions ON DELETE CASCADE,
    account    chain.address NOT NULL,
    next_nonce bigint NOT NULL,
    PRIMARY KEY (chain_id, account)
);

-- The positions that count: those of the mirror as it is now.
CREATE VIEW books_counted AS
    SELECT p.* FROM book_positions p JOIN chain.cursors c USING (chain_id)
    WHERE p.generation = c.generation AND p.rewinds = c.rewinds AND p.block_number <= c.finalized_number;

CREATE INDEX distributions_chain ON distributions (chain_id, id);
CREATE INDEX payouts_released ON payouts (chain_id, id) WHERE reserve_id IS NOT NULL;
-- The newest root and its state are found without a look at all earlier ones.
CREATE INDEX payout_roots_chain ON payout_roots (chain_id, id DESC);
INSERT INTO chain.secondary_indexes (name, projection, is_unique, definition) VALUES ('root_proposals_root', 'root_proposals', false, '(root)');
SELECT chain.index_generation(chain_id, generation, NULL) FROM chain.cursors WHERE NOT in_bulk;

-- Of each of our senders, the first nonce that is not counted, and the first one that may still change.
CREATE FUNCTION book_gas(chain bigint) RETURNS TABLE (account bytea, first bigint, unsettled bigint) LANGUAGE sql STABLE AS $$
    SELECT a.account::bytea, coalesce(b.next_nonce, 0),
           coalesce((SELECT min(t.nonce) FROM sender_transactions t
                     WHERE t.chain_id = a.chain_id AND t.account = a.account AND t.state IN ('queued', 'sent', 'mined')), a.next_nonce)
    FROM sender_accounts a
    LEFT JOIN (SELECT s.* FROM book_senders s JOIN books_counted p USING (chain_id)) b
        ON b.chain_id = a.chain_id AND b.account = a.account
    WHERE a.chain_id = chain
$$;

-- The lines of the books, as the view `book_lines` defines them, of what lies between two positions. Gas is what the position has
-- not counted; `settled` leaves out what may still change.
CREATE FUNCTION book_lines_between(
    chain bigint, blocks_after bigint, blocks_through bigint, distributions_after bigint, distributions_through bigint,
    releases_after bigint, releases_through bigint, settled boolean
) RETURNS TABLE (token bytea, entry text, account text, amount numeric) LANGUAGE sql STABLE AS $$
    SELECT i.token::bytea, format('income:%s:%s', i.block_number, i.log_index), s.account, (s.sign * i.amount)::numeric
    FROM chain.incomes i CROSS JOIN (VALUES ('pot', 1), ('undistributed', -1)) s (account, sign)
    WHERE i.chain_id = chain AND i.block_number > blocks_after AND i.block_number <= blocks_through
    UNION ALL
    SELECT i.token::bytea, format('distribution:%s', x.distribution_id), 'undistributed', i.amount::numeric
    FROM distributed_incomes x
    JOIN chain.incomes i ON i.chain_id = x.chain_id AND i.block_number = x.block_number AND i.log_index = x.log_index
    WHERE i.chain_id = chain AND x.distribution_id > distributions_after AND x.distribution_id <= distributions_through
    UNION ALL
    SELECT p.token::bytea, format('distribution:%s', p.distribution_id), 'payable', (-p.amount)::numeric
    FROM payouts p
    WHERE p.chain_id = chain AND p.reserve_id IS NULL
      AND p.distribution_id > distributions_after AND p.distribution_id <= distributions_through
    UNION ALL
    SELECT r.token::bytea, format('distribution:%s', r.distribution_id), 'reserved', (-r.amount)::numeric
    FROM reserves r
    WHERE r.chain_id = chain AND r.distribution_id > distributions_after AND r.distribution_id <= distributions_through
    UNION ALL
    SELECT c.token::bytea, format('distribution:%s', c.distribution_id), 'carried', (c.brought - c.carried)::numeric
    FROM distribution_carries c
    WHERE c.chain_id = chain AND c.distribution_id > distributions_after AND c.distribution_id <= distributions_through
    UNION ALL
    SELECT r.token::bytea, format('release:%s', r.id), 'reserved', r.amount::numeric
    FROM payouts p JOIN reserves r ON r.id = p.reserve_id
    WHERE p.chain_id = chain AND p.reserve_id IS NOT NULL AND p.id > releases_after AND p.id <= releases_through
    UNION ALL
    SELECT p.token::bytea, format('release:%s', p.reserve_id), 'payable', (-p.amount)::numeric
    FROM payouts p
    WHERE p.chain_id = chain AND p.reserve_id IS NOT NULL AND p.id > releases_after AND p.id <= releases_through
    UNION ALL
    SELECT c.token::bytea, format('claim:%s:%s', c.block_number, c.log_index), s.account, (s.sign * c.amount)::numeric
    FROM chain.claims c CROSS JOIN (VALUES ('payable', 1), ('pot', -1)) s (account, sign)
    WHERE c.chain_id = chain AND c.block_number > blocks_after AND c.block_number <= blocks_through
    UNION ALL
    SELECT f.currency::bytea, format('fee:%s:%s', f.block_number, f.log_index), s.account, (s.sign * f.fee)::numeric
    FROM chain.fills f CROSS JOIN (VALUES ('treasury', 1), ('fees', -1)) s (account, sign)
    WHERE f.chain_id = chain AND f.block_number > blocks_after AND f.block_number <= blocks_through AND f.fee > 0
    UNION ALL
    SELECT decode(repeat('00', 20), 'hex'), format('transaction:%s', t.id), s.account, (s.sign * t.gas_used * t.gas_price)::numeric
    FROM book_gas(chain) g
    -- In the order of an index, so that only what is asked for is read.
    CROSS JOIN LATERAL (
        SELECT t.id, t.gas_used, t.gas_price FROM sender_transactions t
        WHERE t.chain_id = chain AND t.account = g.account AND t.nonce >= g.first AND (NOT settled OR t.nonce < g.unsettled)
          AND t.state IN ('mined', 'final', 'reverted') AND t.gas_price IS NOT NULL
        ORDER BY t.nonce) t
    CROSS JOIN (VALUES ('gas', 1), ('engine', -1)) s (account, sign)
$$;

-- By currency and person, what lies between two positions.
CREATE FUNCTION book_people_between(
    chain bigint, blocks_after bigint, blocks_through bigint, distributions_after bigint, distributions_through bigint,
    releases_after bigint, releases_through bigint
) RETURNS TABLE (token bytea, account bytea, paid numeric, claimed numeric, carried numeric, brought numeric) LANGUAGE sql STABLE AS $$
    SELECT l.token, l.account, sum(l.paid), sum(l.claimed), sum(l.carried), sum(l.brought)
    FROM (SELECT p.token::bytea, p.account::bytea, p.amount::numeric AS paid, 0::numeric AS claimed, 0::numeric AS carried, 0::numeric AS brought
          FROM payouts p
          WHERE p.chain_id = chain AND p.reserve_id IS NULL
            AND p.distribution_id > distributions_after AND p.distribution_id <= distributions_through
          UNION ALL
          SELECT p.token, p.account, p.amount, 0, 0, 0 FROM payouts p
          WHERE p.chain_id = chain AND p.reserve_id IS NOT NULL AND p.id > releases_after AND p.id <= releases_through
          UNION ALL
          SELECT c.token, c.account, 0, c.amount, 0, 0 FROM chain.claims c
          WHERE c.chain_id = chain AND c.block_number > blocks_after AND c.block_number <= blocks_through
          UNION ALL
          SELECT c.token, c.account, 0, 0, c.carried, c.brought FROM distribution_carries c
          WHERE c.chain_id = chain AND c.distribution_id > distributions_after AND c.distribution_id <= distributions_through) l
    GROUP BY l.token, l.account
$$;

-- By currency and account of the books, the running totals with what came after their position.
CREATE FUNCTION book_balances_between(
    chain bigint, blocks_after bigint, blocks_through bigint, distributions_after bigint, distributions_through bigint,
    releases_after bigint, releases_through bigint
) RETURNS TABLE (token bytea, account text, debits numeric, credits numeric) LANGUAGE sql STABLE AS $$
    SELECT b.token, b.account, sum(b.debits), sum(b.credits)
    FROM (SELECT t.token::bytea, t.account, t.debits, t.credits FROM book_totals t JOIN books_counted p USING (chain_id) WHERE t.chain_id = chain
          UNION ALL
          SELECT l.token, l.account, greatest(l.amount, 0), greatest(-l.amount, 0)
          FROM book_lines_between(chain, blocks_after, blocks_through, distributions_after, distributions_through,
                                  releases_after, releases_through, false) l) b
    GROUP BY b.token, b.account
$$;

-- Where the books do not hold, by the rules of `book_faults`, for what lies between two positions. Each rule looks at what changed: an
-- entry, a division or a person that nothing was added to held before, and holds still. Each look at a person's totals is a
-- subquery with a limit, so that it is a look into an index, however many people there are.
CREATE FUNCTION book_faults_between(
    chain bigint, blocks_after bigint, blocks_through bigint, distributions_after bigint, distributions_through bigint,
    releases_after bigint, releases_through bigint, root_after bigint
) RETURNS TABLE (token bytea, rule text, detail text) LANGUAGE sql STABLE AS $$
    WITH known AS (SELECT EXISTS (SELECT FROM books_counted p WHERE p.chain_id = chain) AS here),
    people AS MATERIALIZED (
        SELECT * FROM book_people_between(chain, blocks_after, blocks_through, distributions_after, distributions_through,
                                          releases_after, releases_through)),
    changed AS MATERIALIZED (
        SELECT n.token, n.account, coalesce(k.paid, 0) + n.paid AS paid, coalesce(k.claimed, 0) + n.claimed AS claimed,
               coalesce(k.carried, 0) + n.carried AS carried, coalesce(k.brought, 0) + n.brought AS brought
        FROM people n
        LEFT JOIN LATERAL (SELECT * FROM book_people k WHERE k.chain_id = chain AND k.token = n.token AND k.account = n.account
                           AND (SELECT here FROM known) LIMIT 1) k ON true),
    root AS (SELECT s.id FROM payout_root_states s WHERE s.chain_id = chain AND s.state <> 'vetoed' ORDER BY s.id DESC LIMIT 1)
    (SELECT l.token, 'an entry sums to zero', format('%s is off by %s', l.entry, sum(l.amount))
     FROM book_lines_between(chain, blocks_after, blocks_through, distributions_after, distributions_through,
                             releases_after, releases_through, false) l
     GROUP BY l.token, l.entry HAVING sum(l.amount) <> 0 ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT b.token, 'no account is overdrawn', format('%s holds %s', b.account, b.debits - b.credits)
     FROM book_balances_between(chain, blocks_after, blocks_through, distributions_after, distributions_through,
                                releases_after, releases_through) b
     WHERE CASE WHEN b.account = 'pot' THEN b.debits < b.credits
                ELSE b.account IN ('undistributed', 'payable', 'reserved', 'carried') AND b.debits > b.credits END
     ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT d.token::bytea, 'a distribution is what it made', format('distribution:%s', d.id)
     FROM distributions d
     LEFT JOIN (SELECT distribution_id AS id, sum(amount) AS amount FROM payouts
                WHERE reserve_id IS NULL AND distribution_id > distributions_after AND distribution_id <= distributions_through
                GROUP BY 1) p USING (id)
     LEFT JOIN (SELECT distribution_id AS id, sum(amount) AS amount FROM reserves
                WHERE distribution_id > distributions_after AND distribution_id <= distributions_through GROUP BY 1) r USING (id)
     LEFT JOIN (SELECT distribution_id AS id, sum(brought) AS brought, sum(carried) AS carried FROM distribution_carries
                WHERE distribution_id > distributions_after AND distribution_id <= distributions_through GROUP BY 1) c USING (id)
     LEFT JOIN (SELECT x.distribution_id AS id, sum(i.amount) AS amount, count(*) FILTER (WHERE i.token <> o.token) AS others
                FROM distributed_incomes x JOIN chain.incomes i USING (chain_id, block_number, log_index)
                JOIN distributions o ON o.id = x.distribution_id
                WHERE x.distribution_id > distributions_after AND x.distribution_id <= distributions_through GROUP BY 1) i USING (id)
     WHERE d.chain_id = chain AND d.id > distributions_after AND d.id <= distributions_through
       AND (d.amount, d.distributed, d.reserved, d.brought, d.carried, 0)
           IS DISTINCT FROM (coalesce(i.amount, 0), coalesce(p.amount, 0), coalesce(r.amount, 0), coalesce(c.brought, 0),
                             coalesce(c.carried, 0), coalesce(i.others, 0))
     ORDER BY d.id LIMIT 20)
    UNION ALL
    (SELECT n.token, 'nobody brings more than was carried', format('0x%s', encode(n.account, 'hex'))
     FROM changed n WHERE n.brought > n.carried ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT n.token, 'nobody claims more than was paid out',
            format('0x%s claimed %s of %s', encode(n.account, 'hex'), n.claimed, n.paid)
     FROM changed n WHERE n.claimed > n.paid ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT e.token::bytea, 'the root promises what was paid out',
            format('root %s promises 0x%s %s of %s', e.root_id, encode(e.account, 'hex'), e.cumulative, coalesce(k.paid, 0) + coalesce(n.paid, 0))
     FROM root
     JOIN payout_root_entries e ON e.root_id = root.id
     LEFT JOIN people n ON n.token = e.token AND n.account = e.account
     LEFT JOIN LATERAL (SELECT * FROM book_people k WHERE k.chain_id = chain AND k.token = e.token AND k.account = e.account
                        AND (SELECT here FROM known) LIMIT 1) k ON true
     WHERE root.id <> root_after AND e.cumulative > coalesce(k.paid, 0) + coalesce(n.paid, 0)
     ORDER BY 1, 3 LIMIT 20)
$$;

-- Rows of the books are only added. Whoever changes one by hand makes the next check count from the beginning. (The indexer writes
-- the partitions by their own names, so taking back what was not final changes nothing here; a rewind is counted by the cursor.)
CREATE FUNCTION book_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM book_positions;
    RETURN NULL;
END $$;
-- The same for rows that are added to a division that was counted. A reserve is released at any time, and counted by itself.
CREATE FUNCTION book_forget_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'payouts' THEN
        DELETE FROM book_positions p WHERE EXISTS (
            SELECT FROM added a WHERE a.chain_id = p.chain_id AND a.distribution_id <= p.distribution_id AND a.reserve_id IS NULL);
    ELSE
        DELETE FROM book_positions p WHERE EXISTS (
            SELECT FROM added a WHERE a.chain_id = p.chain_id AND a.distribution_id <= p.distribution_id);
    END IF;
    RETURN NULL;
END $$;
DO $$
DECLARE
    counted text;
BEGIN
    FOREACH counted IN ARRAY ARRAY['distributions', 'distributed_incomes', 'payouts', 'reserves', 'distribution_carries',
                                   'payout_root_entries', 'chain.incomes', 'chain.claims', 'chain.fills'] LOOP
        EXECUTE format('CREATE TRIGGER book_forget AFTER UPDATE OR DELETE OR TRUNCATE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION book_forget()', counted);
    END LOOP;
    FOREACH counted IN ARRAY ARRAY['distributed_incomes', 'payouts', 'reserves', 'distribution_carries'] LOOP
        EXECUTE format('CREATE TRIGGER book_forget_late AFTER INSERT ON %s REFERENCING NEW TABLE AS added
                        FOR EACH STATEMENT EXECUTE FUNCTION book_forget_late()', counted);
    END LOOP;
END $$;
