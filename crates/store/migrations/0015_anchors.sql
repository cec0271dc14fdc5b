-- The ledger's anchors, oldest first, each under the number that its contract gave it. Counting them would read all of them to find
-- the newest one.
CREATE OR REPLACE VIEW chain.anchors AS
SELECT e.chain_id,
       (SELECT l.seq FROM chain.logs l
        WHERE l.chain_id = e.chain_id AND l.block_number = e.block_number AND l.log_index = e.log_index) AS seq,
       e.details ->> 'root' AS root, (e.details ->> 'size')::numeric AS size, (e.details ->> 'time')::numeric AS time,
       e.details ->> 'head' AS head, e.block_number, e.log_index, e.tx_hash, e.at
FROM chain.module_events e WHERE e.contract = 'Anchor' AND e.event = 'Anchored';
