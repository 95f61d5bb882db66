-- Runs, the last started first.
SELECT
  run_id, source, status, model, method, pattern, sparsity, calibration, seed, setting, grid, started_at, finished_at, wall_s,
  peak_memory_bytes, host, device, git_commit, attempt, error
FROM runs
WHERE source = $source
ORDER BY started_at DESC NULLS LAST, run_id;
