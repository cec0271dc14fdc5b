-- How coherent a work's repository is, as it was measured; and what GitHub says happens in it.

-- The content of a version in small (crates/importer/src/coherence/signature.rs): its hashes, of 32 bits each. Works that are alike
-- at all share some, so the index finds them. `id` tells which content was known first.
CREATE TABLE work_signatures (
    work_id      bigint NOT NULL,
    content_hash chain.hash NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    hashes       integer[] NOT NULL CHECK (cardinality(hashes) BETWEEN 1 AND 256),
    PRIMARY KEY (work_id, content_hash),
    FOREIGN KEY (work_id, content_hash) REFERENCES work_versions
);
CREATE INDEX work_signatures_hashes ON work_signatures USING gin (hashes);

-- Never changed. A version is measured again when it is imported again, because works are made from it meanwhile; the newest counts.
CREATE TABLE work_measurements (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_id      bigint NOT NULL,
    content_hash chain.hash NOT NULL,
    commit       text NOT NULL CHECK (length(commit) BETWEEN 40 AND 64),
    coherence    numeric(7, 6) NOT NULL CHECK (coherence BETWEEN 0 AND 1),
    -- The share of the inputs' weight that was measured.
    confidence   numeric(3, 2) NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    -- One for each input, in the order of the rules: {"input", "value", "kind", "how"}.
    sources      jsonb NOT NULL,
    measured_at  timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (work_id, content_hash) REFERENCES work_versions
);
CREATE INDEX work_measurements_newest ON work_measurements (work_id, content_hash, id DESC);

-- Takes what GitHub sends about one work.
CREATE TABLE webhooks (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    work_id         bigint NOT NULL REFERENCES works,
    -- What GitHub signs with. It is shown once, when it is made, and is gone when the webhook is revoked.
    secret          text CHECK (length(secret) = 64),
    -- The one before it, with which GitHub may go on signing until then.
    previous_secret text CHECK (length(previous_secret) = 64),
    previous_until  timestamptz,
    -- GitHub's number and name of the repository that the first push was to; others are not this work's.
    repository_id   bigint,
    repository      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    rotated_at      timestamptz,
    revoked_at      timestamptz,
    CHECK (num_nulls(secret, revoked_at) = 1),
    CHECK (num_nulls(previous_secret, previous_until) IN (0, 2)),
    CHECK (num_nulls(repository_id, repository) IN (0, 2))
);
CREATE INDEX webhooks_work ON webhooks (work_id);

-- What came, with a sound signature, and what became of it. `id` is the order in which it came.
CREATE TABLE webhook_deliveries (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id   uuid NOT NULL REFERENCES webhooks,
    work_id      bigint NOT NULL REFERENCES works,
    -- GitHub's name for it. GitHub does not sign it: one body counts once under whatever name.
    guid         text NOT NULL CHECK (length(guid) BETWEEN 1 AND 100),
    event        text NOT NULL CHECK (length(event) BETWEEN 1 AND 100),
    action       text CHECK (length(action) <= 100),
    payload      bytea NOT NULL,
    payload_hash chain.hash NOT NULL,
    state        text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'applied', 'ignored', 'failed')),
    message      text NOT NULL DEFAULT '' CHECK (length(message) <= 1000),
    -- How often applying it failed since it came or was asked for again.
    attempts     integer NOT NULL DEFAULT 0,
    received_at  timestamptz NOT NULL DEFAULT now(),
    settled_at   timestamptz,
    UNIQUE (webhook_id, guid),
    UNIQUE (webhook_id, payload_hash),
    CHECK ((state = 'received') = (settled_at IS NULL))
);
CREATE INDEX webhook_deliveries_work ON webhook_deliveries (work_id, id);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (work_id, id) WHERE state = 'received';
