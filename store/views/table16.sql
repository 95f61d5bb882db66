-- Table 16 as measured: IoU of the masks of several seeds on one calibration language, average over blocks; floor: of a mask with itself pruned again, summed backwards; from the mask_overlap analysis.
CREATE OR REPLACE VIEW table16 AS
SELECT model, method, pattern, sparsity, setting, submodule AS linear,
  avg(iou) FILTER (calibration = 'ar') AS ar,
  avg(iou) FILTER (calibration = 'de') AS de,
  avg(iou) FILTER (calibration = 'en') AS en,
  avg(iou) FILTER (calibration = 'es') AS es,
  avg(iou) FILTER (calibration = 'ru') AS ru,
  avg(iou) FILTER (calibration = 'sw') AS sw,
  avg(iou) FILTER (calibration = 'zh') AS zh,
  avg(chance) AS chance,
  avg(floor) AS floor
FROM figure2 WHERE kind = 'seeds'
GROUP BY ALL
ORDER BY ALL;
