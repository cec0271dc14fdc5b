-- Roots that fetch less than their totals, and income of tokens that keep a part of every transfer.

-- Tables of a generation that is still being filled are not attached, so they are changed by themselves.
DO $$
DECLARE
    home text;
BEGIN
    ALTER TABLE chain.incomes ADD COLUMN forwarded boolean NOT NULL DEFAULT false;
    ALTER TABLE chain.totals_passed_over ADD COLUMN number bigint NOT NULL DEFAULT 0;
    FOR home IN SELECT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
                WHERE n.nspname ~ '^chain_\d+_\d+$' AND c.relname = 'incomes' AND NOT c.relispartition LOOP
        EXECUTE format('ALTER TABLE %I.incomes ADD COLUMN forwarded boolean NOT NULL DEFAULT false', home);
        EXECUTE format('ALTER TABLE %I.totals_passed_over ADD COLUMN number bigint NOT NULL DEFAULT 0', home);
    END LOOP;
END
$$;

COMMENT ON COLUMN chain.incomes.forwarded IS 'The income went on at once to where claims are paid from, because its token had kept a part of it.';
COMMENT ON COLUMN chain.totals_passed_over.number IS 'The number of the root that names the total.';

INSERT INTO chain.secondary_indexes (name, projection, is_unique, definition) VALUES
    ('incomes_forwarded', 'incomes', false, '(token) INCLUDE (amount) WHERE forwarded'),
    ('totals_passed_over_number', 'totals_passed_over', false, '(number, token)');
SELECT chain.index_generation(chain_id, generation, NULL) FROM chain.cursors WHERE NOT in_bulk;

-- The first payout in a currency that no root has.
CREATE INDEX payouts_token ON payouts (chain_id, token, id);
