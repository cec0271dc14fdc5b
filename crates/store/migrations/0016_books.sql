-- The books: double entry over everything recorded, by currency.
--
-- Every fact posts lines to accounts, debits positive and credits negative, each line from the table that holds it: a
-- division's income from the incomes it covers, what it owes from the payouts, reserves and carries it made. The lines of
-- an entry sum to zero; where they do not, a row was lost, made or changed.
--
--   pot            (asset)     what the contracts Pot and Payouts must hold
--   undistributed  (liability) income that no distribution covers yet
--   payable        (liability) payouts that were not claimed
--   reserved       (liability) kept for people and works without an address
--   carried        (liability) below the least payout
--   treasury       (asset)     protocol fees received
--   fees           (income)    protocol fees earned
--   gas            (expense)   what the engine's transactions cost, in native coin
--   engine         (asset)     what the engine's account paid for them

ALTER TABLE sender_transactions ADD COLUMN gas_price chain.amount;

CREATE VIEW book_lines (chain_id, token, entry, account, amount) AS
    SELECT i.chain_id, i.token, format('income:%s:%s', i.block_number, i.log_index), s.account, s.sign * i.amount
    FROM chain.incomes i CROSS JOIN (VALUES ('pot', 1), ('undistributed', -1)) s (account, sign)
    UNION ALL
    SELECT i.chain_id, i.token, format('distribution:%s', x.distribution_id), 'undistributed', i.amount
    FROM distributed_incomes x JOIN chain.incomes i USING (chain_id, block_number, log_index)
    UNION ALL
    SELECT p.chain_id, p.token, format('distribution:%s', p.distribution_id), 'payable', -p.amount
    FROM payouts p WHERE p.reserve_id IS NULL
    UNION ALL
    SELECT r.chain_id, r.token, format('distribution:%s', r.distribution_id), 'reserved', -r.amount FROM reserves r
    UNION ALL
    SELECT c.chain_id, c.token, format('distribution:%s', c.distribution_id), 'carried', c.brought - c.carried
    FROM distribution_carries c
    UNION ALL
    SELECT r.chain_id, r.token, format('release:%s', r.id), 'reserved', r.amount
    FROM reserves r WHERE EXISTS (SELECT FROM payouts p WHERE p.reserve_id = r.id)
    UNION ALL
    SELECT p.chain_id, p.token, format('release:%s', p.reserve_id), 'payable', -p.amount
    FROM payouts p WHERE p.reserve_id IS NOT NULL
    UNION ALL
    SELECT c.chain_id, c.token, format('claim:%s:%s', c.block_number, c.log_index), s.account, s.sign * c.amount
    FROM chain.claims c CROSS JOIN (VALUES ('payable', 1), ('pot', -1)) s (account, sign)
    UNION ALL
    SELECT f.chain_id, f.currency, format('fee:%s:%s', f.block_number, f.log_index), s.account, s.sign * f.fee
    FROM chain.fills f CROSS JOIN (VALUES ('treasury', 1), ('fees', -1)) s (account, sign)
    WHERE f.fee > 0
    UNION ALL
    SELECT t.chain_id, decode(repeat('00', 20), 'hex'), format('transaction:%s', t.id), s.account, s.sign * t.gas_used * t.gas_price
    FROM sender_transactions t CROSS JOIN (VALUES ('gas', 1), ('engine', -1)) s (account, sign)
    WHERE t.state IN ('mined', 'final', 'reverted') AND t.gas_price IS NOT NULL;

-- By currency, what each account holds, debits less credits.
CREATE VIEW book_balances AS
    SELECT chain_id, token, account, sum(amount) AS balance,
           sum(amount) FILTER (WHERE amount > 0) AS debits, sum(amount) FILTER (WHERE amount < 0) AS credits
    FROM book_lines GROUP BY chain_id, token, account;

-- Where the books do not hold, by rule, the first twenty of each.
CREATE FUNCTION book_faults(chain bigint) RETURNS TABLE (token bytea, rule text, detail text) LANGUAGE sql STABLE AS $$
    (SELECT l.token::bytea, 'an entry sums to zero', format('%s is off by %s', l.entry, sum(l.amount))
     FROM book_lines l WHERE l.chain_id = chain GROUP BY l.token, l.entry HAVING sum(l.amount) <> 0 ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT b.token::bytea, 'no account is overdrawn', format('%s holds %s', b.account, b.balance)
     FROM book_balances b WHERE b.chain_id = chain
       AND CASE WHEN b.account = 'pot' THEN b.balance < 0
                ELSE b.account IN ('undistributed', 'payable', 'reserved', 'carried') AND b.balance > 0 END
     ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT d.token::bytea, 'a distribution is what it made', format('distribution:%s', d.id)
     FROM distributions d
     LEFT JOIN (SELECT distribution_id AS id, sum(amount) AS amount FROM payouts WHERE reserve_id IS NULL GROUP BY 1) p USING (id)
     LEFT JOIN (SELECT distribution_id AS id, sum(amount) AS amount FROM reserves GROUP BY 1) r USING (id)
     LEFT JOIN (SELECT distribution_id AS id, sum(brought) AS brought, sum(carried) AS carried
                FROM distribution_carries GROUP BY 1) c USING (id)
     LEFT JOIN (SELECT x.distribution_id AS id, sum(i.amount) AS amount, count(*) FILTER (WHERE i.token <> o.token) AS others
                FROM distributed_incomes x JOIN chain.incomes i USING (chain_id, block_number, log_index)
                JOIN distributions o ON o.id = x.distribution_id GROUP BY 1) i USING (id)
     WHERE d.chain_id = chain
       AND (d.amount, d.distributed, d.reserved, d.brought, d.carried, 0)
           IS DISTINCT FROM (coalesce(i.amount, 0), coalesce(p.amount, 0), coalesce(r.amount, 0), coalesce(c.brought, 0),
                             coalesce(c.carried, 0), coalesce(i.others, 0))
     ORDER BY d.id LIMIT 20)
    UNION ALL
    (SELECT c.token::bytea, 'nobody brings more than was carried', format('0x%s', encode(c.account, 'hex'))
     FROM distribution_carries c WHERE c.chain_id = chain
     GROUP BY c.token, c.account HAVING sum(c.brought) > sum(c.carried) ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT k.token::bytea, 'nobody claims more than was paid out',
            format('0x%s claimed %s of %s', encode(k.account, 'hex'), k.claimed, coalesce(p.paid, 0))
     FROM (SELECT c.account, c.token, sum(c.amount) AS claimed FROM chain.claims c WHERE c.chain_id = chain GROUP BY 1, 2) k
     LEFT JOIN (SELECT p.account, p.token, sum(p.amount) AS paid FROM payouts p WHERE p.chain_id = chain GROUP BY 1, 2) p
         USING (account, token)
     WHERE k.claimed > coalesce(p.paid, 0) ORDER BY 1, 3 LIMIT 20)
    UNION ALL
    (SELECT e.token::bytea, 'the root promises what was paid out',
            format('root %s promises 0x%s %s of %s', e.root_id, encode(e.account, 'hex'), e.cumulative, coalesce(p.paid, 0))
     FROM payout_root_entries e
     LEFT JOIN (SELECT p.account, p.token, sum(p.amount) AS paid FROM payouts p WHERE p.chain_id = chain GROUP BY 1, 2) p
         USING (account, token)
     WHERE e.root_id = (SELECT id FROM payout_root_states s WHERE s.chain_id = chain AND s.state <> 'vetoed' ORDER BY id DESC LIMIT 1)
       AND e.cumulative > coalesce(p.paid, 0) ORDER BY 1, 3 LIMIT 20)
$$;

-- Every check of a chain's books. As long as the newest one found faults, nothing is distributed in the currencies concerned.
CREATE TABLE book_checks (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id     bigint NOT NULL,
    -- The block through which the mirror was compared with the contracts.
    block_number bigint NOT NULL,
    block_hash   chain.hash NOT NULL,
    -- By currency: the accounts, and what the contracts hold.
    currencies   jsonb NOT NULL,
    -- [{"token", "rule", "detail"}]
    faults       jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX book_checks_newest ON book_checks (chain_id, id DESC);
