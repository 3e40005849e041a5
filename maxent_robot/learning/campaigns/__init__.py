"""Several training runs at a time: seeds and sweeps, here or on a cluster."""
