"""From margin to colour: calibrated probability, bands and what they promise."""
