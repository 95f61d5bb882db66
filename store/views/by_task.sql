-- One row per calibration, accuracy in % (mean over seeds) in the paper's 25 columns: task and evaluation language; ARC English easy and challenge.
CREATE OR REPLACE VIEW by_task AS
SELECT
  source, paper_table, model, method, pattern, sparsity, skip_blocks, calibration, count(DISTINCT run_id) AS seeds,
  avg(value) FILTER (task_group = 'arc' AND place = 'ar') AS arc_ar,
  avg(value) FILTER (task_group = 'arc' AND place = 'de') AS arc_de,
  avg(value) FILTER (task_group = 'arc' AND place = 'en-e') AS arc_en_e,
  avg(value) FILTER (task_group = 'arc' AND place = 'en-c') AS arc_en_c,
  avg(value) FILTER (task_group = 'arc' AND place = 'es') AS arc_es,
  avg(value) FILTER (task_group = 'arc' AND place = 'ru') AS arc_ru,
  avg(value) FILTER (task_group = 'arc' AND place = 'zh') AS arc_zh,
  avg(value) FILTER (task_group = 'belebele' AND place = 'ar') AS belebele_ar,
  avg(value) FILTER (task_group = 'belebele' AND place = 'de') AS belebele_de,
  avg(value) FILTER (task_group = 'belebele' AND place = 'en') AS belebele_en,
  avg(value) FILTER (task_group = 'belebele' AND place = 'es') AS belebele_es,
  avg(value) FILTER (task_group = 'belebele' AND place = 'ru') AS belebele_ru,
  avg(value) FILTER (task_group = 'belebele' AND place = 'sw') AS belebele_sw,
  avg(value) FILTER (task_group = 'belebele' AND place = 'zh') AS belebele_zh,
  avg(value) FILTER (task_group = 'mmlu' AND place = 'ar') AS mmlu_ar,
  avg(value) FILTER (task_group = 'mmlu' AND place = 'de') AS mmlu_de,
  avg(value) FILTER (task_group = 'mmlu' AND place = 'en') AS mmlu_en,
  avg(value) FILTER (task_group = 'mmlu' AND place = 'es') AS mmlu_es,
  avg(value) FILTER (task_group = 'mmlu' AND place = 'ru') AS mmlu_ru,
  avg(value) FILTER (task_group = 'mmlu' AND place = 'zh') AS mmlu_zh,
  avg(value) FILTER (task_group = 'hellaswag' AND place = 'ar') AS hellaswag_ar,
  avg(value) FILTER (task_group = 'hellaswag' AND place = 'de') AS hellaswag_de,
  avg(value) FILTER (task_group = 'hellaswag' AND place = 'en') AS hellaswag_en,
  avg(value) FILTER (task_group = 'hellaswag' AND place = 'es') AS hellaswag_es,
  avg(value) FILTER (task_group = 'hellaswag' AND place = 'ru') AS hellaswag_ru,
  setting, string_agg(task || ' ' || place, ', ' ORDER BY task, place) FILTER (contains(note, 'ocr_suspect')) AS suspect, model_folded
FROM current WHERE quantity = 'acc' AND linear = ''
GROUP BY ALL;
