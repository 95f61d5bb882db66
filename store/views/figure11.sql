-- Figure 11: mean activation of the MLP's down projection per output unit, dense and pruned; from the activations measure.
CREATE OR REPLACE VIEW figure11 AS
SELECT * FROM output_change WHERE linear LIKE '%down_proj';
