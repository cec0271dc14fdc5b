-- Contributions are proposed, decided and corrected; their costs follow from rules and prices; people's names are linked to accounts.

-- For what only grows: a change is another row.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are facts: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Add a row that corrects it.';
END $$;

-- Prices, in US dollars. A new price is a new version, so that what an old one gave can be computed again.
CREATE TABLE price_profiles (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('tool', 'compute')),
    name           text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    version        integer NOT NULL CHECK (version > 0),
    id             text NOT NULL UNIQUE GENERATED ALWAYS AS (kind || ':' || name || '@' || version::text) STORED,
    -- Of a tool: a token read, and a token written.
    input_rate     numeric(20, 12) CHECK (input_rate >= 0),
    output_rate    numeric(20, 12) CHECK (output_rate >= 0),
    -- Of a machine: what it draws, what that costs, what it cost to buy, and how long it lasts.
    kilowatts      numeric(12, 6) CHECK (kilowatts >= 0),
    price_per_kwh  numeric(12, 6) CHECK (price_per_kwh >= 0),
    hardware_price numeric(12, 2) CHECK (hardware_price >= 0),
    lifetime_hours numeric(12, 2) CHECK (lifetime_hours > 0),
    -- It prices what happened from then on, until the next version does.
    valid_from     timestamptz NOT NULL,
    source         text NOT NULL CHECK (length(source) BETWEEN 1 AND 500),
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, name, version),
    CHECK (num_nonnulls(input_rate, output_rate) = CASE kind WHEN 'tool' THEN 2 ELSE 0 END),
    CHECK (num_nonnulls(kilowatts, price_per_kwh, hardware_price, lifetime_hours) = CASE kind WHEN 'compute' THEN 4 ELSE 0 END)
);
CREATE TRIGGER facts BEFORE UPDATE OR DELETE OR TRUNCATE ON price_profiles FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO price_profiles (kind, name, version, input_rate, output_rate, valid_from, source) VALUES
    ('tool', 'claude-sonnet-4', 1, 0.000003, 0.000015, '2025-05-22', 'Anthropic''s list price: 3 and 15 USD a million tokens'),
    ('tool', 'claude-sonnet-4-5', 1, 0.000003, 0.000015, '2025-09-29', 'Anthropic''s list price: 3 and 15 USD a million tokens'),
    ('tool', 'claude-haiku-4-5', 1, 0.000001, 0.000005, '2025-10-15', 'Anthropic''s list price: 1 and 5 USD a million tokens'),
    ('tool', 'gpt-4o', 1, 0.000005, 0.000015, '2024-05-13', 'OpenAI''s list price: 5 and 15 USD a million tokens'),
    ('tool', 'gpt-4o', 2, 0.0000025, 0.00001, '2024-10-02', 'OpenAI''s list price: 2.50 and 10 USD a million tokens'),
    ('tool', 'gpt-4o-mini', 1, 0.00000015, 0.0000006, '2024-07-18', 'OpenAI''s list price: 0.15 and 0.60 USD a million tokens');
INSERT INTO price_profiles (kind, name, version, kilowatts, price_per_kwh, hardware_price, lifetime_hours, valid_from, source) VALUES
    ('compute', 'power-140w', 1, 0.14, 0.15, 0, 10000, '2020-01-01', 'The rules'' example: 140 W at 0.15 USD a kWh, wear not counted'),
    ('compute', 'hardware-7199', 1, 0, 0, 7199, 10000, '2020-01-01', 'The rules'' example: 7199 USD over 10000 hours, power not counted'),
    ('compute', 'workstation', 1, 0.14, 0.15, 7199, 10000, '2020-01-01', 'The rules'' example: 140 W at 0.15 USD a kWh, and 7199 USD over 10000 hours'),
    ('compute', 'rtx-4090', 1, 0.45, 0.15, 1599, 10000, '2022-10-12', 'NVIDIA: 450 W and 1599 USD; assumed: 0.15 USD a kWh, 10000 hours');

ALTER TABLE works
    -- Who may propose contributions.
    ADD COLUMN proposals text NOT NULL DEFAULT 'anyone' CHECK (proposals IN ('anyone', 'contributors', 'nobody')),
    -- Whether what imports and pushes bring counts without another decision of the owner.
    ADD COLUMN preaccepted boolean NOT NULL DEFAULT true;

ALTER TABLE contributions
    ADD COLUMN state text NOT NULL DEFAULT 'accepted' CHECK (state IN ('proposed', 'accepted', 'rejected', 'corrected')),
    -- A correction is another row, of the next revision under the same key.
    ADD COLUMN revision integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    ADD COLUMN corrects bigint REFERENCES contributions,
    ADD COLUMN decided_by chain.address,
    ADD COLUMN decided_at timestamptz,
    ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
    -- What this work's records call the contributor; null for the name they have elsewhere.
    ADD COLUMN contributor_name text CHECK (length(contributor_name) <= 200),
    -- Who made a SYSTEM act: other SYSTEMs, nearest first, and the person at the end.
    ADD COLUMN triggered_by bigint[] NOT NULL DEFAULT '{}' CHECK (cardinality(triggered_by) <= 10),
    -- The rule and all inputs that gave the cost (domain::cost::Basis); null where the cost was given, or counted from a commit.
    ADD COLUMN basis jsonb,
    -- What the cost rests on (domain::cost::Evidence), which decides the confidence.
    ADD COLUMN evidence_kind text CHECK (evidence_kind IN ('assumed', 'declared', 'submitted', 'files_or_lines', 'files_and_lines',
                                                           'invoice', 'receipt', 'transaction')),
    ADD CHECK ((revision = 0) = (corrects IS NULL)),
    ADD CHECK (num_nulls(decided_by, decided_at) IN (0, 2)),
    ADD CHECK (state <> 'rejected' OR decided_by IS NOT NULL);
UPDATE contributions SET evidence_kind = CASE confidence WHEN 0.75 THEN 'files_and_lines' WHEN 0.65 THEN 'files_or_lines' ELSE 'declared' END;
ALTER TABLE contributions ALTER COLUMN evidence_kind SET NOT NULL;

-- What comes again under the same key is known, whatever became of it. Each recorder has keys of their own, so that nobody's
-- proposal stands in the way of what the owner records.
ALTER TABLE contributions
    DROP CONSTRAINT contributions_work_id_source_key_contributor_id_key,
    ADD CONSTRAINT contributions_once UNIQUE (work_id, source_key, contributor_id, revision, recorded_by);
-- A contribution is replaced at most once, and nobody has two proposals to replace it.
CREATE UNIQUE INDEX contributions_replaced ON contributions (corrects) WHERE state IN ('accepted', 'corrected');
CREATE UNIQUE INDEX contributions_correction_open ON contributions (corrects, recorded_by) WHERE state = 'proposed';
CREATE INDEX contributions_people ON contributions (work_id, contributor_id, state);
CREATE INDEX contributions_uncounted ON contributions (work_id, state, recorded_by) WHERE state <> 'accepted';
CREATE INDEX contributions_triggered ON contributions USING gin (triggered_by) WHERE triggered_by <> '{}';
CREATE TRIGGER facts
    BEFORE UPDATE OF work_id, contributor_id, kind, cost, coherence, confidence, weight, source_key, summary, evidence, occurred_at,
                     recorded_by, created_at, revision, corrects, contributor_name, triggered_by, basis, evidence_kind
    ON contributions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One person may use a tool for one contribution, and another for the next.
ALTER TABLE contributors DROP COLUMN triggered_by;

-- "This name is mine, and I am paid at this account", signed by the account (EIP-191, or ERC-1271 for contracts).
CREATE TABLE identity_claims (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- As in contributors.key: 'mailto:..' or 'github:..'.
    key        text NOT NULL CHECK (key ~ '^(mailto|github):.' AND length(key) <= 400),
    account    chain.address NOT NULL,
    statement  text NOT NULL,
    signature  bytea NOT NULL CHECK (octet_length(signature) <= 4096),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (key, account)
);
CREATE INDEX identity_claims_account ON identity_claims (account, id DESC);
-- What became of a claim: by an owner's word for all works of that owner (`work_id` is null), or by what one work's repository says.
CREATE TABLE identity_proofs (
    claim_id   bigint NOT NULL REFERENCES identity_claims,
    owner      chain.address NOT NULL,
    work_id    bigint REFERENCES works,
    state      text NOT NULL CHECK (state IN ('proven', 'refused')),
    -- 'owner', or where the repository or its import names the account.
    source     text NOT NULL CHECK (source IN ('owner', 'trailer', 'FUNDING.json', 'mapping')),
    reason     text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
    decided_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (claim_id, owner, work_id)
);
CREATE INDEX identity_proofs_proven ON identity_proofs (owner) WHERE state = 'proven';
-- An address that its owner signed for outranks what files say later.
ALTER TABLE contributor_addresses
    ADD COLUMN claim_id bigint REFERENCES identity_claims,
    ADD UNIQUE (work_id, contributor_id, claim_id);

-- Whether somebody did something for a work, or made a SYSTEM do it.
CREATE FUNCTION takes_part(work bigint, contributor bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM contributions c WHERE c.work_id = work AND c.contributor_id = contributor)
        OR EXISTS (SELECT FROM contributions c WHERE c.work_id = work AND c.triggered_by <> '{}' AND c.triggered_by @> ARRAY[contributor])
$$;
