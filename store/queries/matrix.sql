-- A matrix: mean and sample sd over seeds by calibration (row) and evaluation language (place); dense for reference.
SELECT
  calibration, method, place, avg(value) AS mean, stddev_samp(value) FILTER (isfinite(value)) AS sd,
  list(run_id ORDER BY seed, run_id) AS run_ids, list_distinct(list(note)) AS notes, max(paper_table) AS paper_table
FROM cells
WHERE source = $source AND model = $model AND quantity = $quantity AND list_contains($tasks, task)
  AND list_contains($evaluations, evaluation)
  AND (method = $method AND pattern IS NOT DISTINCT FROM $pattern AND sparsity IS NOT DISTINCT FROM $sparsity
      AND setting = $setting
    OR method = 'dense' AND setting = $dense_setting)
GROUP BY ALL;
