-- Table 13 as measured: ARC with SparseGPT at 50 %, monolingual calibration, dense for reference.
CREATE OR REPLACE VIEW table13 AS
SELECT model, method, pattern, sparsity, calibration, seeds, arc_ar, arc_de, arc_en_e, arc_en_c, arc_es, arc_ru, arc_zh, setting, suspect
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (method = 'sparsegpt' AND pattern = 'unstructured' AND sparsity = 0.5 AND skip_blocks IS NULL AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
