-- Where each contributor to a work is paid: the newest address that is known of them for that work. Whoever asks restricts the view
-- to a contributor, and to a work where it is known, so that the index on both answers.
CREATE VIEW payees AS
SELECT DISTINCT ON (work_id, contributor_id) work_id, contributor_id, address, source, claim_id
FROM contributor_addresses ORDER BY work_id, contributor_id, id DESC;
