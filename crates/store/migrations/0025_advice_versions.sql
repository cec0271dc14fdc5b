-- The version of the form in which question and answer are written: `agents::document` reads each. All so far have the first form.
ALTER TABLE advice ADD COLUMN version smallint NOT NULL DEFAULT 1;
