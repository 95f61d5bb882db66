-- Scores, each once: what the paper prints twice counts once (table 6 over 1, 8 over 4, the dense models' rows from one table).
CREATE OR REPLACE VIEW cells AS
SELECT * FROM scores
WHERE source = 'run' OR paper_table NOT IN (1, 4) AND (method <> 'dense' OR paper_table IN (3, 8, 10)
  OR paper_table = 11 AND model = 'Aya-23-35B');
