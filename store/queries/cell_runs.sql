-- The runs behind one cell, with the number that each gave.
SELECT
  run_id, seed, any_value(value) AS value, any_value(status), any_value(host), any_value(device), any_value(started_at),
  any_value(finished_at), any_value(wall_s), any_value(git_commit), any_value(sparsity_reached), paper_table
FROM runs LEFT JOIN (
  SELECT run_id, value FROM cells
  WHERE list_contains($run_ids, run_id) AND quantity = $quantity AND place = $place
    AND list_contains($evaluations, evaluation)) USING (run_id)
WHERE list_contains($run_ids, run_id)
GROUP BY run_id, seed, paper_table
ORDER BY seed, run_id;
