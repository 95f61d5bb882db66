-- Table 17 as measured: IoU between two languages' masks, average over blocks; pairs beyond the paper's are in figure2; floor: of a mask with itself pruned again, summed backwards; from the mask_overlap analysis.
CREATE OR REPLACE VIEW table17 AS
SELECT model, method, pattern, sparsity, setting, submodule AS linear,
  avg(iou) FILTER (calibration IN ('de', 'en') AND other IN ('de', 'en')) AS de_en,
  avg(iou) FILTER (calibration IN ('de', 'zh') AND other IN ('de', 'zh')) AS de_zh,
  avg(iou) FILTER (calibration IN ('en', 'zh') AND other IN ('en', 'zh')) AS en_zh,
  avg(chance) AS chance,
  avg(floor) AS floor
FROM figure2 WHERE kind = 'languages'
GROUP BY ALL
ORDER BY ALL;
