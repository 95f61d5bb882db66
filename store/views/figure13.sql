-- Figure 13: as figures 11 and 12, for the paper's other model: filter by model and linear; from the activations measure.
CREATE OR REPLACE VIEW figure13 AS
SELECT * FROM output_change;
