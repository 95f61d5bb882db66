-- Scores, each once: of what the paper prints twice the better copy (not suspect, table 6 over 1, 8 over 4).
CREATE OR REPLACE VIEW cells AS
SELECT * FROM scores WHERE source = 'run'
UNION ALL BY NAME
SELECT * EXCLUDE (copy) FROM (
  SELECT *, row_number() OVER (
    PARTITION BY model, method, pattern, sparsity, calibration, quantity, task, place
    ORDER BY contains(note, 'ocr_suspect'), paper_table IN (1, 4), paper_table) AS copy
  FROM scores WHERE source = 'paper')
WHERE copy = 1;
