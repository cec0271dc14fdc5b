-- Models that no advice was made with are found, to be deleted.
CREATE INDEX advice_of_model ON advice (chain_id, agent, model) WHERE model IS NOT NULL;
