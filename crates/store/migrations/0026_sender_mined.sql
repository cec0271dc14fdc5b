-- Up to which block an endpoint must have come to know all that we sent.
CREATE INDEX sender_transactions_mined ON sender_transactions (chain_id, block_number) WHERE state IN ('mined', 'final');
