-- Every number of the store with its run's columns, one row each; source 'run' is measured here, 'paper' published; times are UTC.
CREATE OR REPLACE VIEW metrics AS
SELECT
  r.run_id, r.source, r.model, r.method, r.pattern, r.sparsity, r.bits, r.group_size, r.calibration, r.seed,
  m.quantity, m.unit, m.better, m.task, m.language, m.block, m.linear, m.value, m.stderr, m.n,
  m.evaluation, m.measure, r.setting, r.calibration_source, r.samples, r.length, r.skip_blocks, r.preview, r.sparsity_reached,
  concat_ws('; ', m.note, r.note) AS note,
  r.status, r.paper_table, make_timestamp(epoch_us(m.written_at)) AS written_at, r.run_key, r.model_folded
FROM measurement m JOIN runs r USING (run_key);
