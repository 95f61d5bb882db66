-- Slices of the runs that were at least begun, whether or not anything was measured.
SELECT
  model, method, pattern, sparsity, setting, preview, '' AS quantity, '' AS task_group, '' AS task, '' AS evaluation,
  '' AS unit, '' AS better, bool_or(calibration IS NOT NULL) AS calibrated, count(*) AS n_runs,
  epoch_us(max(written_at)) AS newest
FROM runs
WHERE source = $source
GROUP BY ALL
ORDER BY model, method, pattern, sparsity, setting;
