"""Files shipped with the package: units, default configuration, in a wheel the data folders."""
