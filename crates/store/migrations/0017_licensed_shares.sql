-- What a derived work passes on to each work it was licensed from: the revenue share of the terms that its registration used.
CREATE VIEW chain.licensed_shares AS
SELECT u.chain_id, (u.details ->> 'childId')::numeric AS asset_id, u.asset_id AS parent_id,
       (t.details -> 'terms' ->> 'revenueShareBps')::integer AS share
FROM chain.module_events u
JOIN chain.module_events b ON b.chain_id = u.chain_id AND b.asset_id = u.asset_id AND b.contract = 'Licences'
    AND b.event = 'LicenceBought' AND b.details ->> 'licenceId' = u.details ->> 'licenceId'
JOIN LATERAL (
    SELECT details FROM chain.module_events t
    WHERE t.chain_id = b.chain_id AND t.asset_id = b.asset_id AND t.contract = 'Licences' AND t.event = 'TermsOffered'
      AND t.details ->> 'termsId' = b.details ->> 'termsId'
    ORDER BY t.block_number, t.log_index LIMIT 1) t ON true
WHERE u.contract = 'Licences' AND u.event = 'LicenceUsed';
