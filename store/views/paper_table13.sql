-- Table 13 as published: ARC of Aya-23-8B with SparseGPT at 50 %.
CREATE OR REPLACE VIEW paper_table13 AS
SELECT model, method, pattern, sparsity, calibration, seeds, arc_ar, arc_de, arc_en_e, arc_en_c, arc_es, arc_ru, arc_zh, setting, suspect
FROM by_task
WHERE source = 'paper' AND paper_table = 13
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
