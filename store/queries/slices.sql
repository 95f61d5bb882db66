-- What there is of a quantity (of all if NULL): slices of the runs, and what they were measured on.
WITH measured AS (
  SELECT run_key, quantity, task, evaluation, any_value(unit) AS unit, any_value(better) AS better, max(written_at) AS written_at
  FROM measurement
  WHERE block = -1 AND (linear = '' OR quantity = 'iou') AND ($quantity IS NULL OR quantity = $quantity)
  GROUP BY ALL)
SELECT
  model, method, pattern, sparsity, setting, preview, quantity,
  CASE WHEN task IN ('arc_easy', 'arc_challenge') THEN 'arc' ELSE task END AS task_group, task, evaluation,
  any_value(unit) AS unit, any_value(better) AS better, bool_or(calibration IS NOT NULL) AS calibrated, count(*) AS n_runs,
  epoch_us(max(measured.written_at)) AS newest
FROM measured JOIN runs USING (run_key)
WHERE source = $source
GROUP BY ALL
ORDER BY model, method, pattern, sparsity, setting, quantity, task, evaluation;
