-- Table 17 as measured: IoU between two languages' masks, average over blocks; pairs beyond the paper's are in figure2; from the mask_overlap analysis.
CREATE OR REPLACE VIEW table17 AS
SELECT model, method, submodule AS linear,
  avg(iou) FILTER (calibration IN ('de', 'en') AND other IN ('de', 'en')) AS de_en,
  avg(iou) FILTER (calibration IN ('de', 'zh') AND other IN ('de', 'zh')) AS de_zh,
  avg(iou) FILTER (calibration IN ('en', 'zh') AND other IN ('en', 'zh')) AS en_zh,
  avg(chance) AS chance
FROM figure2 WHERE kind = 'languages'
GROUP BY ALL
ORDER BY ALL;
