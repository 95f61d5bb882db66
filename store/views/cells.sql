-- The numbers of whole models, one per run and evaluation; of what the paper prints twice, the better copy (table 6 over 1, 8 over 4).
CREATE OR REPLACE VIEW cells AS
WITH whole AS (
  SELECT *,
    CASE WHEN task IN ('arc_easy', 'arc_challenge') THEN 'arc' ELSE task END AS task_group,
    CASE task WHEN 'arc_easy' THEN language || '-e' WHEN 'arc_challenge' THEN language || '-c' ELSE
      coalesce(nullif(language, ''), linear) END AS place
  FROM metrics WHERE block = -1)
SELECT * FROM whole WHERE source = 'run' AND linear = ''
UNION ALL BY NAME
SELECT * EXCLUDE (copy) FROM (
  SELECT *, row_number() OVER (
    PARTITION BY model, method, pattern, sparsity, calibration, quantity, task, place
    ORDER BY contains(note, 'ocr_suspect'), paper_table IN (1, 4), paper_table) AS copy
  FROM whole WHERE source = 'paper')
WHERE copy = 1;
