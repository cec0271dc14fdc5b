-- What the agents advised, with all that is needed to make each piece again, byte for byte.

-- Every rule base that advice was made with: [{"name", "text"}]. The version is the hash of names and texts.
CREATE TABLE rule_bases (
    version    chain.hash PRIMARY KEY,
    files      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What an agent had learned by a day, from that market's own history: the newest row is what it knows now.
CREATE TABLE agent_models (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id   bigint NOT NULL,
    agent      text NOT NULL CHECK (agent IN ('pricing', 'risk', 'collaboration', 'market')),
    version    chain.hash NOT NULL,
    -- What happened before this day was learned from.
    day        date NOT NULL,
    model      bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (chain_id, agent, version)
);

-- Never changed. An agent that would say the same again of the same says nothing.
CREATE TABLE advice (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id   bigint NOT NULL,
    agent      text NOT NULL CHECK (agent IN ('pricing', 'risk', 'collaboration', 'market')),
    -- asset:7, order:0x.., account:0x.. or market
    subject    text NOT NULL CHECK (length(subject) BETWEEN 1 AND 120),
    -- The history before this day was known; all of it was final.
    day        date NOT NULL,
    -- What was asked, as canonical JSON.
    question   text NOT NULL,
    rule_base  chain.hash NOT NULL REFERENCES rule_bases,
    -- None when the rules alone decided.
    model      chain.hash,
    -- What was advised, as canonical JSON, and its SHA-256.
    advice     text NOT NULL,
    hash       chain.hash NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (chain_id, agent, model) REFERENCES agent_models (chain_id, agent, version)
);
CREATE INDEX advice_newest ON advice (chain_id, subject, agent, id DESC);
