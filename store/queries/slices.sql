-- What there is: slices of the runs, the quantities in each and what they were measured on; quantity '' is the runs themselves.
SELECT
  model, method, pattern, sparsity, setting, preview, quantity, task_group, task, evaluation,
  any_value(unit) AS unit, any_value(better) AS better, bool_or(calibration IS NOT NULL) AS calibrated,
  count(DISTINCT run_id) AS n_runs, max(written_at) AS newest
FROM cells
WHERE source = $source
GROUP BY ALL
UNION ALL
SELECT
  model, method, pattern, sparsity, setting, preview, '', '', '', '', '', '', bool_or(calibration IS NOT NULL),
  count(*), max(written_at)
FROM runs
WHERE source = $source
GROUP BY ALL
ORDER BY model, method, pattern, sparsity, setting, quantity, task, evaluation;
