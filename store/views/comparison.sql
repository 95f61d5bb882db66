-- Measured beside published: means over seeds of the same model, method, calibration, task and language; suspect published numbers are left out.
CREATE OR REPLACE VIEW comparison AS
WITH measured AS (
  SELECT model, model_folded, method, pattern, sparsity,
    round(CASE WHEN skip_blocks IS NULL THEN sparsity ELSE sparsity_reached END, 3) AS share,
    calibration, quantity, unit, better, task, language, setting, evaluation,
    avg(value) AS measured, stddev_samp(value) FILTER (isfinite(value)) AS sd, count(DISTINCT run_id) AS n_seeds
  FROM current WHERE source = 'run'
  GROUP BY ALL),
published AS (
  SELECT model_folded, method, pattern, round(sparsity, 3) AS share, calibration, quantity, task, language, value, note, paper_table
  FROM cells WHERE source = 'paper' AND linear = '' AND NOT contains(note, 'ocr_suspect'))
SELECT m.model, m.method, m.pattern, m.sparsity, m.calibration, m.quantity, m.unit, m.better, m.task, m.language,
  m.measured, m.sd, m.n_seeds, p.value AS published, m.measured - p.value AS difference, p.paper_table, p.note, m.setting, m.evaluation
FROM measured m JOIN published p ON m.model_folded = p.model_folded AND m.method = p.method AND m.quantity = p.quantity
  AND m.task = p.task AND m.language = p.language AND m.pattern IS NOT DISTINCT FROM p.pattern
  AND m.share IS NOT DISTINCT FROM p.share AND m.calibration IS NOT DISTINCT FROM p.calibration;
