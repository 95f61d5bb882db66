-- Table 12 as published: ARC of Aya-23-8B with SparseGPT, first and last block left dense (46.875 %).
CREATE OR REPLACE VIEW paper_table12 AS
SELECT model, method, pattern, sparsity, calibration, seeds, arc_ar, arc_de, arc_en_e, arc_en_c, arc_es, arc_ru, arc_zh, setting, suspect
FROM by_task
WHERE source = 'paper' AND paper_table = 12
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
