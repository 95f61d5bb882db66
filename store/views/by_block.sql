-- Numbers by decoder block with their run's columns: curves over depth; from the fidelity and lsar measures.
CREATE OR REPLACE VIEW by_block AS
SELECT run_id, model, method, pattern, sparsity, calibration, seed, quantity, unit, better, language, block, value, evaluation, setting, written_at
FROM metrics WHERE source = 'run' AND block >= 0 AND linear = '';
