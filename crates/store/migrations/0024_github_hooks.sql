-- The hooks by which GitHub tells us of pushes are called what they are. The name `webhooks` is free for those by which we
-- tell others of what happens here. Entries that the ledger has already keep their words, `webhook.created` and others, because
-- it is never changed; new ones say `github_hook.created`.
ALTER TABLE webhooks RENAME TO github_hooks;
ALTER INDEX webhooks_work RENAME TO github_hooks_work;

ALTER TABLE webhook_deliveries RENAME TO github_deliveries;
ALTER TABLE github_deliveries RENAME COLUMN webhook_id TO hook_id;
ALTER SEQUENCE webhook_deliveries_id_seq RENAME TO github_deliveries_id_seq;
ALTER INDEX webhook_deliveries_work RENAME TO github_deliveries_work;
ALTER INDEX webhook_deliveries_waiting RENAME TO github_deliveries_waiting;

-- Constraints, and the indexes behind some of them, have the names that PostgreSQL gives: table, columns, kind.
DO $$
DECLARE
    of_old record;
BEGIN
    FOR of_old IN SELECT conrelid::regclass AS relation, conname AS name FROM pg_constraint
                  WHERE conrelid IN ('github_hooks'::regclass, 'github_deliveries'::regclass) AND conname LIKE 'webhook%' LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', of_old.relation, of_old.name,
                       replace(replace(replace(of_old.name, 'webhook_deliveries', 'github_deliveries'), 'webhooks', 'github_hooks'),
                               'webhook_id', 'hook_id'));
    END LOOP;
END $$;
