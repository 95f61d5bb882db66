-- Every quantity of a slice's rows ($rows, all if NULL) in some languages ($places, all if NULL): for one cell, for comparing.
SELECT
  calibration, method, place, avg(value) AS mean, stddev_samp(value) FILTER (isfinite(value)) AS sd,
  list(run_id ORDER BY seed, run_id) AS run_ids, list_distinct(list(note)) AS notes, max(paper_table) AS paper_table,
  list(value ORDER BY seed, run_id) AS run_values,
  quantity, task_group, task, evaluation, any_value(unit) AS unit, any_value(better) AS better, epoch_us(max(written_at)) AS newest
FROM cells
WHERE source = $source AND model = $model
  AND ($rows IS NULL OR list_contains($rows, coalesce(calibration, method)))
  AND ($places IS NULL OR list_contains($places, place))
  AND (method = $method AND pattern IS NOT DISTINCT FROM $pattern AND sparsity IS NOT DISTINCT FROM $sparsity
      AND setting = $setting
    OR method = 'dense' AND setting = $dense_setting)
GROUP BY ALL;
