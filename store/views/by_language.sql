-- One row per calibration and quantity, the mean over seeds by evaluation language; any quantity, measured and published.
CREATE OR REPLACE VIEW by_language AS
SELECT
  source, paper_table, model, method, pattern, sparsity, skip_blocks, quantity, unit, task, calibration,
  count(DISTINCT run_id) AS seeds,
  avg(value) FILTER (place = 'ar') AS ar,
  avg(value) FILTER (place = 'de') AS de,
  avg(value) FILTER (place = 'en') AS en,
  avg(value) FILTER (place = 'es') AS es,
  avg(value) FILTER (place = 'ru') AS ru,
  avg(value) FILTER (place = 'sw') AS sw,
  avg(value) FILTER (place = 'zh') AS zh,
  setting, evaluation, string_agg(place, ' ' ORDER BY place) FILTER (contains(note, 'ocr_suspect')) AS suspect, model_folded
FROM current WHERE linear = ''
GROUP BY ALL;
