-- Emails and logins that belong to one account at GitHub, as the works of an owner tell: GitHub names the login of an author in a
-- push, and a repository's mailmap puts one address in the place of another. What one owner's works tell says nothing about the
-- works of others, because an owner can write whatever they like into their own. Rows are only added: an email stays with the login
-- that was told first, so that nobody comes to another account's earlier work by taking over its address.
CREATE TABLE account_names (
    owner   chain.address NOT NULL,
    email   text NOT NULL CHECK (email ~ '^mailto:.' AND length(email) <= 400),
    login   text NOT NULL CHECK (login ~ '^github:.' AND length(login) <= 400),
    told_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, email)
);
CREATE INDEX account_names_email ON account_names (email);
CREATE INDEX account_names_login ON account_names (login, owner);

-- Earlier versions recorded people under the private addresses that GitHub gives them, which tell the login.
INSERT INTO account_names (owner, email, login)
SELECT DISTINCT w.owner, p.key, 'github:' || substring(p.key FROM '^mailto:(?:[0-9]+\+)?([a-z0-9][a-z0-9-]{0,38})@users\.noreply\.github\.com$')
FROM contributions c JOIN works w ON w.id = c.work_id JOIN contributors p ON p.id = c.contributor_id
WHERE p.key ~ '^mailto:([0-9]+\+)?[a-z0-9][a-z0-9-]{0,38}@users\.noreply\.github\.com$';

-- All names of the account that goes by a name in the works of an owner, the name itself included.
CREATE FUNCTION account_keys(of_owner chain.address, name text) RETURNS TABLE (key text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE names (key) AS (
        SELECT name
        UNION
        SELECT other.key FROM names CROSS JOIN LATERAL (
            SELECT a.login FROM account_names a WHERE a.owner = of_owner AND a.email = names.key
            UNION ALL
            SELECT a.email FROM account_names a WHERE a.owner = of_owner AND a.login = names.key) AS other (key))
    SELECT names.key FROM names
$$;
