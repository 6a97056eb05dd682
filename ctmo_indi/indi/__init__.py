"""The INDI layer: names, snapshots, transports, commands, BLOBs and the indiserver we start."""
