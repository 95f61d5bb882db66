-- What the paper prints for the same model, method and sparsity as a measured slice.
SELECT coalesce(calibration, method) AS name, place, value, note, paper_table
FROM cells
WHERE source = 'paper' AND model_folded = $model_folded AND quantity = $quantity AND task_group = $task
  AND (method = 'dense' OR method = $method AND pattern IS NOT DISTINCT FROM $pattern
    AND round(sparsity, 3) IS NOT DISTINCT FROM round($sparsity, 3))
ORDER BY name, place;
