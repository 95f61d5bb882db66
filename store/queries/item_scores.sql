-- Scores of the items behind a matrix by row and place, one for each item: its mean over seeds, in the items' order.
SELECT coalesce(calibration, method) AS row, place, list(score ORDER BY item) AS scores
FROM (
  SELECT calibration, method, place, item, avg(score) AS score
  FROM cells JOIN item USING (run_key, evaluation, task, language)
  WHERE source = $source AND model = $model AND quantity = $quantity AND list_contains($tasks, task)
    AND list_contains($evaluations, evaluation)
    AND (method = $method AND pattern IS NOT DISTINCT FROM $pattern AND sparsity IS NOT DISTINCT FROM $sparsity
        AND setting = $setting
      OR method = 'dense' AND setting = $dense_setting)
  GROUP BY ALL HAVING score IS NOT NULL)
GROUP BY ALL;
