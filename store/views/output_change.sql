-- Mean activation of each output unit of a linear in the dense and the pruned model; from the activations measure.
CREATE OR REPLACE VIEW output_change AS
SELECT r.run_id, r.model, r.method, r.pattern, r.sparsity, r.calibration, r.seed, r.setting, p.evaluation, p.language, p.block, p.linear, p.output,
  d.mean AS dense, p.mean AS pruned
FROM output_activation p JOIN runs r USING (run_key)
  JOIN run base ON base.model = r.model AND base.method = 'dense'
  JOIN output_activation d ON d.run_key = base.run_key AND d.evaluation = p.evaluation AND d.language = p.language
    AND d.block = p.block AND d.linear = p.linear AND d.output = p.output
WHERE r.method <> 'dense';
