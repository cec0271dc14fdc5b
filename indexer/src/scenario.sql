-- The state of all contracts from what the mirror holds, a line each, as contracts/test/differential/Journal.sol writes it.
WITH modules AS (
    SELECT m.*, l.seq FROM chain.module_events m
    JOIN chain.logs l USING (chain_id, block_number, log_index)
),
nonces AS (
    SELECT maker, nonce FROM chain.fills UNION SELECT maker, nonce FROM chain.cancelled_nonces
),
declared AS (
    SELECT token, max(amount) AS amount
    FROM (
        SELECT lower(total ->> 'token') AS token, (total ->> 'amount')::numeric - coalesce((
                   SELECT sum(o.amount) FROM chain.totals_passed_over o
                   WHERE o.chain_id = p.chain_id AND o.number = p.number
                     AND '0x' || encode(o.token, 'hex') = lower(total ->> 'token')), 0) AS amount
        FROM chain.root_proposals p JOIN chain.root_decisions d USING (chain_id, number), jsonb_array_elements(p.totals) AS total
        WHERE d.decision = 'activated'
    ) totals
    GROUP BY token
),
disputes AS (
    SELECT r.details ->> 'disputeId' AS id, r.details ->> 'bond' AS bond, r.details ->> 'claimant' AS claimant,
           r.details ->> 'respondent' AS respondent,
           CASE WHEN EXISTS (SELECT FROM modules c WHERE c.event = 'Closed' AND c.details ->> 'disputeId' = r.details ->> 'disputeId') THEN 3
                WHEN EXISTS (SELECT FROM modules c WHERE c.event = 'Countered' AND c.details ->> 'disputeId' = r.details ->> 'disputeId') THEN 2
                ELSE 1 END AS status
    FROM modules r WHERE r.contract = 'Disputes' AND r.event = 'Raised'
),
bonds AS (
    SELECT account, sum(amount) AS amount FROM (
        SELECT d.claimant AS account, (c.details ->> 'toClaimant')::numeric AS amount
        FROM modules c JOIN disputes d ON d.id = c.details ->> 'disputeId' WHERE c.event = 'Closed'
        UNION ALL
        SELECT d.respondent, (c.details ->> 'toRespondent')::numeric
        FROM modules c JOIN disputes d ON d.id = c.details ->> 'disputeId' WHERE c.event = 'Closed'
        UNION ALL
        SELECT details ->> 'account', -(details ->> 'amount')::numeric FROM modules WHERE event = 'BondWithdrawn'
    ) moved GROUP BY account
)
SELECT concat_ws(' ', 'asset', a.asset_id, '0x' || encode(a.owner, 'hex'), a.epoch, a.royalty_bps,
                 coalesce(extract(epoch FROM f.frozen_until)::bigint, 0)) AS line
FROM chain.assets a LEFT JOIN chain.frozen f USING (chain_id, asset_id)
UNION ALL
SELECT concat_ws(' ', 'staked', asset_id, sum(amount)) FROM chain.stakes GROUP BY asset_id HAVING sum(amount) > 0
UNION ALL
SELECT concat_ws(' ', 'stake', account, asset_id, amount) FROM chain.stakes WHERE amount > 0
UNION ALL
SELECT concat_ws(' ', 'maker', '0x' || encode(maker, 'hex'), max(epoch)) FROM chain.maker_epochs GROUP BY maker
UNION ALL
SELECT concat_ws(' ', 'nonce', '0x' || encode(maker, 'hex'), nonce) FROM nonces
UNION ALL
SELECT concat_ws(' ', 'credit', '0x' || encode(account, 'hex'), '0x' || encode(currency, 'hex'), sum(change))
FROM chain.credits GROUP BY account, currency HAVING sum(change) > 0
UNION ALL
SELECT concat_ws(' ', 'claimed', '0x' || encode(account, 'hex'), '0x' || encode(token, 'hex'), max(cumulative))
FROM chain.claims GROUP BY account, token
UNION ALL
SELECT concat_ws(' ', 'payee', '0x' || encode(account, 'hex'), '0x' || encode(recipient, 'hex')) FROM (
    SELECT DISTINCT ON (account) account, recipient FROM chain.payout_addresses
    ORDER BY account, block_number DESC, log_index DESC) newest
WHERE recipient <> account AND recipient <> '\x0000000000000000000000000000000000000000'
UNION ALL
SELECT concat_ws(' ', 'declared', token, amount) FROM declared WHERE amount > 0
UNION ALL
(SELECT concat_ws(' ', 'fee', fee_bps, '0x' || encode(recipient, 'hex')) FROM chain.fee_changes
 ORDER BY block_number DESC, log_index DESC LIMIT 1)
UNION ALL
SELECT concat_ws(' ', 'roots', '0x' || encode(coalesce(
    (SELECT root FROM chain.root_decisions WHERE decision = 'activated' ORDER BY number DESC LIMIT 1), decode(repeat('00', 32), 'hex')), 'hex'),
    '0x' || encode(coalesce((SELECT p.root FROM chain.root_proposals p LEFT JOIN chain.root_decisions d USING (chain_id, number)
     WHERE d.number IS NULL ORDER BY p.number DESC LIMIT 1), decode(repeat('00', 32), 'hex')), 'hex'))
UNION ALL
SELECT concat_ws(' ', 'licence', licence_id, asset_id, terms_id, holder, uses, expires_at) FROM chain.licences
UNION ALL
SELECT concat_ws(' ', 'cooling', u.seq, CASE WHEN EXISTS (
    SELECT FROM modules w WHERE w.contract = 'Staking' AND w.event = 'Withdrawn' AND (w.details ->> 'exit')::numeric = u.seq)
    THEN '0' ELSE u.details ->> 'amount' END)
FROM modules u WHERE u.contract = 'Staking' AND u.event = 'Unstaked'
UNION ALL
SELECT concat_ws(' ', 'dispute', id, status, bond, claimant, respondent) FROM disputes
UNION ALL
SELECT concat_ws(' ', 'bonds', account, amount) FROM bonds WHERE amount > 0
UNION ALL
(SELECT concat_ws(' ', 'anchor', seq, size, head) FROM chain.anchors ORDER BY seq DESC LIMIT 1)
