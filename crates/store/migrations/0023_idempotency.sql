-- No request has used idempotency keys, so the table of their answers goes. Orders, contributions and uploads are
-- recorded once under keys of their own.
DROP TABLE idempotency_keys;
