-- Table 12 as measured: ARC with some blocks left dense (the paper: the first and the last), monolingual calibration, dense for reference.
CREATE OR REPLACE VIEW table12 AS
SELECT model, method, pattern, sparsity, skip_blocks, calibration, seeds, arc_ar, arc_de, arc_en_e, arc_en_c, arc_es, arc_ru, arc_zh, setting, suspect
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (pattern = 'unstructured' AND skip_blocks IS NOT NULL AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
