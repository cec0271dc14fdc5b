-- What people said about works: titles, versions, contributions, and the external works beneath them.
-- A work becomes an asset when its owner registers one of its versions' content hash on chain; nothing here changes then:
-- `asset_works` joins the two.

CREATE TABLE uploads (
    content_hash chain.hash NOT NULL,
    account      chain.address NOT NULL,
    cid          text NOT NULL,
    size         bigint NOT NULL CHECK (size >= 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (content_hash, account)
);

CREATE TABLE works (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner       chain.address NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('CODE', 'MODEL', 'MUSIC', 'TEXT', 'IMAGE', 'DATASET', 'DESIGN', 'PHYSICAL')),
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 5000),
    -- 'upload', or 'git' with the repository's key (its first commit), by which a later import finds the same work.
    source      text NOT NULL CHECK (source IN ('upload', 'git')),
    source_key  text NOT NULL CHECK (length(source_key) BETWEEN 1 AND 300),
    source_url  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (owner, source, source_key)
);
CREATE TABLE work_versions (
    work_id      bigint NOT NULL REFERENCES works,
    content_hash chain.hash NOT NULL,
    cid          text NOT NULL,
    label        text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (work_id, content_hash)
);
CREATE INDEX work_versions_content ON work_versions (content_hash);

-- People, tools and bots. `key` says who: 'account:0x..', 'mailto:..', 'name:..', 'tool:..'.
CREATE TABLE contributors (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text NOT NULL UNIQUE CHECK (length(key) BETWEEN 3 AND 400),
    kind         text NOT NULL CHECK (kind IN ('HUMAN', 'SYSTEM')),
    name         text NOT NULL CHECK (length(name) <= 200),
    triggered_by bigint REFERENCES contributors,
    created_at   timestamptz NOT NULL DEFAULT now()
);
-- Where a contributor is paid for one work, and who said so; the newest row of a work wins.
CREATE TABLE contributor_addresses (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_id        bigint NOT NULL REFERENCES works,
    contributor_id bigint NOT NULL REFERENCES contributors,
    address        chain.address NOT NULL,
    source         text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX contributor_addresses_newest ON contributor_addresses (work_id, contributor_id, id DESC);

CREATE TABLE contributions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_id        bigint NOT NULL REFERENCES works,
    contributor_id bigint NOT NULL REFERENCES contributors,
    kind           text NOT NULL CHECK (kind IN ('PROJECT_INCEPTION', 'MANUAL_LABOR', 'TOOL_EXECUTION', 'ASSET_COMPOSITION')),
    cost           numeric(20, 6) NOT NULL CHECK (cost >= 0),
    coherence      numeric(7, 6) NOT NULL CHECK (coherence BETWEEN 0 AND 1),
    confidence     numeric(3, 2) NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    -- cost x (0.5 + coherence), in units of 1e-12, exact.
    weight         numeric(40, 0) NOT NULL CHECK (weight >= 0),
    -- What it was, once per work and contributor: 'git:<commit id>', or the client's own id.
    source_key     text NOT NULL CHECK (length(source_key) BETWEEN 1 AND 200),
    summary        text NOT NULL DEFAULT '' CHECK (length(summary) <= 1000),
    evidence       text,
    occurred_at    timestamptz NOT NULL,
    recorded_by    chain.address NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (work_id, source_key, contributor_id)
);
CREATE INDEX contributions_contributor ON contributions (contributor_id);

-- Works known only by a package URL. They belong to their maintainers: nobody registers them for others.
CREATE TABLE external_works (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purl         text NOT NULL UNIQUE CHECK (length(purl) BETWEEN 5 AND 1000),
    name         text NOT NULL,
    version      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
-- The dependency graph as one work's lock files give it, so that no work can bend another's.
-- `user_id` is null where the work itself uses the dependency; `uses` is by how many of its packages.
CREATE TABLE work_uses (
    work_id       bigint NOT NULL REFERENCES works,
    user_id       bigint REFERENCES external_works,
    dependency_id bigint NOT NULL REFERENCES external_works,
    uses          integer NOT NULL CHECK (uses > 0),
    UNIQUE NULLS NOT DISTINCT (work_id, user_id, dependency_id)
);
-- What each work's lock files say of a dependency's content: the checksum is the claim of that lock file alone.
CREATE TABLE work_dependencies (
    work_id      bigint NOT NULL REFERENCES works,
    external_id  bigint NOT NULL REFERENCES external_works,
    content_hash chain.hash,
    integrity    text,
    PRIMARY KEY (work_id, external_id)
);

-- Which work's records speak for which asset: the one whose owner registered one of its versions.
CREATE VIEW asset_works AS
    SELECT DISTINCT ON (a.chain_id, a.asset_id) a.chain_id, a.asset_id, w.id AS work_id
    FROM chain.assets a
    JOIN work_versions v ON v.content_hash = a.content_hash
    JOIN works w ON w.id = v.work_id AND w.owner IN (a.registrant, a.first_owner)
    ORDER BY a.chain_id, a.asset_id, (w.owner = a.first_owner) DESC, w.id;
