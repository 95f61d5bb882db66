-- Runs, measured ('run') and published ('paper'): what was set, where and how long it ran; `setting` is all else that was set; times are UTC.
CREATE OR REPLACE VIEW runs AS
SELECT
  run_id, source, status, model, method, pattern, sparsity, bits, group_size, calibration, seed,
  CASE WHEN source = 'paper' THEN '' ELSE concat_ws(' ',
    calibration_source,
    samples || 'x' || length,
    sampling,
    dtype,
    numerics,
    CASE WHEN spec ->> '$.calibration.bos' = 'true' THEN 'bos' END,
    taken,
    'temperature ' || (spec ->> '$.calibration.temperature'),
    'skips ' || skip_blocks,
    nullif(trim(translate(regexp_replace(json_merge_patch(spec -> '$.method',
      '{"name":null,"pattern":null,"sparsity":null,"bits":null,"group_size":null,"skip_blocks":null,
        "path":null,"of":null,"calibration":null,"source":null,"samples":null,"length":null,"seed":null}')::VARCHAR,
      '"\w+":(\[\]|false|null)(,|})', '', 'g'), '{}"', ''), ','), ''),
    left(model_revision, 8),
    CASE WHEN preview THEN 'preview' END) END AS setting,
  calibration_source, samples, length, sampling, dtype, numerics, skip_blocks, coalesce(preview, false) AS preview,
  sparsity_reached, make_timestamp(epoch_us(started_at)) AS started_at,
  make_timestamp(epoch_us(finished_at)) AS finished_at, wall_s, device_s, peak_memory_bytes, host, device, git_commit, grid, attempt,
  error, paper_table, note,
  make_timestamp(epoch_us(written_at)) AS written_at, regexp_replace(lower(model), '^meta-', '') AS model_folded, run_key
FROM (
  SELECT *, nullif(translate(spec ->> '$.method.skip_blocks', '[]', ''), '') AS skip_blocks,
    -- a checkpoint from elsewhere: whose it is; its own name where nothing tells its calibration
    CASE WHEN spec ->> '$.method.name' = 'checkpoint' THEN
      trim('checkpoint ' || split_part(spec ->> '$.method.path', '/', CASE WHEN calibration IS NULL THEN -1 ELSE -2 END)) END AS taken
  FROM run);
