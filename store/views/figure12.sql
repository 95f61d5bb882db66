-- Figure 12: mean activation of the attention's output projection per output unit, dense and pruned; from the activations measure.
CREATE OR REPLACE VIEW figure12 AS
SELECT * FROM output_change WHERE linear LIKE '%o_proj';
