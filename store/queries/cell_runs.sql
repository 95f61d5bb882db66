-- The runs behind one cell.
SELECT run_id, seed, status, host, device, started_at, finished_at, wall_s, git_commit, sparsity_reached, paper_table
FROM runs
WHERE list_contains($run_ids, run_id)
ORDER BY seed, run_id;
