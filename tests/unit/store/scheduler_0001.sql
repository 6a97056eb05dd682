-- Schema of the scheduler's database before there were observations.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('scheduler_0001');
CREATE TABLE attempts (
	attempt_id TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	user TEXT NOT NULL, 
	order_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	content_hash TEXT NOT NULL, 
	wire JSON NOT NULL, 
	created_utc_s DOUBLE NOT NULL, 
	updated_utc_s DOUBLE NOT NULL, 
	started_utc_s DOUBLE, 
	ended_utc_s DOUBLE, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (attempt_id)
);
CREATE TABLE events (
	cursor INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at_utc_s DOUBLE NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	data JSON NOT NULL
);
CREATE TABLE exposures (
	exposure_id TEXT NOT NULL, 
	attempt_id TEXT NOT NULL, 
	order_receipt TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	frame_type TEXT NOT NULL, 
	filter_name TEXT NOT NULL, 
	t_exptime_s DOUBLE NOT NULL, 
	t_min_mjd DOUBLE NOT NULL, 
	t_max_mjd DOUBLE NOT NULL, 
	s_ra_deg DOUBLE, 
	s_dec_deg DOUBLE, 
	target_name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	is_good BOOLEAN NOT NULL, 
	PRIMARY KEY (exposure_id)
);
CREATE TABLE order_history (
	number INTEGER NOT NULL, 
	receipt TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	at_utc_s DOUBLE NOT NULL, 
	state_before TEXT NOT NULL, 
	state_after TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (number), 
	FOREIGN KEY(receipt) REFERENCES orders (receipt)
);
CREATE TABLE orders (
	receipt TEXT NOT NULL, 
	user TEXT NOT NULL, 
	order_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	state TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	priority DOUBLE NOT NULL, 
	wish_priority DOUBLE, 
	content_hash TEXT NOT NULL, 
	wire JSON NOT NULL, 
	created_utc_s DOUBLE NOT NULL, 
	updated_utc_s DOUBLE NOT NULL, 
	good_count INTEGER NOT NULL, 
	wanted_count INTEGER NOT NULL, 
	good_exposure_s DOUBLE NOT NULL, 
	failures INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	repetition INTEGER NOT NULL, 
	PRIMARY KEY (receipt)
);
CREATE UNIQUE INDEX orders_user_order_id ON orders (user, order_id, repetition);
CREATE INDEX orders_state ON orders (state, priority, created_utc_s);
CREATE INDEX order_history_receipt ON order_history (receipt, revision);
CREATE UNIQUE INDEX attempts_user_order_id ON attempts (user, order_id);
CREATE INDEX attempts_parent ON attempts (parent);
CREATE INDEX attempts_state ON attempts (state);
CREATE INDEX exposures_attempt_id ON exposures (attempt_id, sequence);
CREATE INDEX exposures_order_receipt ON exposures (order_receipt);
CREATE INDEX events_at_utc_s ON events (at_utc_s);
DELETE FROM "sqlite_sequence";
COMMIT;
