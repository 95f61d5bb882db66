-- A quantity by decoder block, mean over seeds, one curve per calibration and evaluation language of a slice.
SELECT calibration, language, block, avg(value) AS mean, count(DISTINCT run_id) AS n_seeds
FROM by_block
WHERE model = $model AND method = $method AND pattern IS NOT DISTINCT FROM $pattern
  AND sparsity IS NOT DISTINCT FROM $sparsity AND setting = $setting AND quantity = $quantity
  AND list_contains($calibrations, calibration) AND language = $language
  AND evaluation = (
    SELECT arg_max(evaluation, written_at) FROM by_block
    WHERE model = $model AND method = $method AND setting = $setting AND quantity = $quantity)
GROUP BY ALL
ORDER BY calibration, language, block;
