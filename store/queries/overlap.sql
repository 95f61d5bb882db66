-- IoU of masks by linear and block: of two calibrations ('languages'), or of one's seeds ('seeds', other is NULL).
SELECT linear, block, avg(iou) AS iou, avg(chance) AS chance
FROM figure2
WHERE kind = $kind AND model = $model AND method = $method
  AND (calibration = $a AND other IS NOT DISTINCT FROM $b OR calibration = $b AND other = $a)
GROUP BY ALL
ORDER BY linear, block;
