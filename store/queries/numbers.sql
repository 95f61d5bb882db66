-- Every quantity, task and language of some rows of a slice: for comparing two calibrations and for one cell's neighbours.
SELECT
  coalesce(calibration, method) AS name, quantity, task_group, place, evaluation, any_value(unit) AS unit, any_value(better) AS better,
  avg(value) AS mean, stddev_samp(value) FILTER (isfinite(value)) AS sd,
  count(DISTINCT run_id) AS n_seeds, string_agg(DISTINCT note, '; ') AS note, max(written_at) AS newest
FROM cells
WHERE source = $source AND model = $model AND list_contains($rows, coalesce(calibration, method))
  AND ($place IS NULL OR place = $place)
  AND (method = $method AND pattern IS NOT DISTINCT FROM $pattern AND sparsity IS NOT DISTINCT FROM $sparsity
      AND setting = $setting
    OR method = 'dense' AND setting = $dense_setting)
GROUP BY ALL
ORDER BY quantity, task_group, place, name;
