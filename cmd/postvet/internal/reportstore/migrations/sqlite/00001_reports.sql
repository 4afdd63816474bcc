-- What DMARC reports are made of, and what becomes of them. A day is a number of days since
-- 1970-01-01 in UTC; columns that end in _at are microseconds since then.

-- +goose Up
-- A policy that a domain published. value is JSON.
CREATE TABLE report_policy (
	id INTEGER PRIMARY KEY,
	domain TEXT NOT NULL,
	value TEXT NOT NULL,
	last_day INTEGER NOT NULL
);
CREATE INDEX report_policy_domain ON report_policy (domain);

-- The messages of a policy on a day. state is open, closed, frozen or skipped. records is how
-- many rows it has in report_count at most.
CREATE TABLE report_subject (
	day INTEGER NOT NULL,
	policy INTEGER NOT NULL,
	state TEXT NOT NULL DEFAULT 'open',
	why TEXT NOT NULL DEFAULT '',
	records INTEGER NOT NULL DEFAULT 0,
	passed INTEGER NOT NULL DEFAULT 0,
	ordinary INTEGER NOT NULL DEFAULT 0,
	refused INTEGER NOT NULL DEFAULT 0,
	null_sender INTEGER NOT NULL DEFAULT 0,
	of_report INTEGER NOT NULL DEFAULT 0,
	left_out INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (day, policy)
) WITHOUT ROWID;
CREATE INDEX report_subject_policy ON report_subject (policy, day);
CREATE INDEX report_subject_state ON report_subject (state, day) WHERE state IN ('open', 'closed');

-- Messages that fared alike. key is a hash of record, which is in a form of its own. A new row
-- goes to the end of the table, so that only its entry in the index is on a page of its own.
CREATE TABLE report_count (
	id INTEGER PRIMARY KEY,
	day INTEGER NOT NULL,
	policy INTEGER NOT NULL,
	key BLOB NOT NULL,
	kind TEXT NOT NULL,
	record BLOB NOT NULL,
	n INTEGER NOT NULL
);
CREATE UNIQUE INDEX report_count_key ON report_count (day, policy, key, kind);

-- A report as it is sent. policy and day are those of an aggregate report.
CREATE TABLE report_sent (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	domain TEXT NOT NULL,
	policy INTEGER,
	day INTEGER,
	begin_at INTEGER NOT NULL,
	end_at INTEGER NOT NULL,
	submitter TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	records INTEGER NOT NULL,
	messages INTEGER NOT NULL,
	document BLOB NOT NULL,
	UNIQUE (policy, day, submitter)
);
CREATE INDEX report_sent_domain ON report_sent (domain, begin_at);
CREATE INDEX report_sent_created ON report_sent (created_at);

-- A report on its way to an address. host is the domain of the address. next_at is when it is
-- tried next; in the state sending, when its claim ends. message is what was submitted, as long
-- as it may have to be submitted again.
CREATE TABLE report_delivery (
	report TEXT NOT NULL REFERENCES report_sent,
	address TEXT NOT NULL,
	host TEXT NOT NULL,
	token TEXT NOT NULL UNIQUE,
	state TEXT NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0,
	next_at INTEGER NOT NULL,
	claim TEXT NOT NULL DEFAULT '',
	code INTEGER NOT NULL DEFAULT 0,
	status TEXT NOT NULL DEFAULT '',
	said TEXT NOT NULL DEFAULT '',
	changed_at INTEGER NOT NULL,
	message BLOB,
	PRIMARY KEY (report, address)
);
CREATE INDEX report_delivery_due ON report_delivery (state, next_at);
CREATE INDEX report_delivery_address ON report_delivery (address);

-- Addresses that get no reports, as "@domain" all of a domain. until_at is 0 for ever.
CREATE TABLE report_suppression (
	address TEXT PRIMARY KEY,
	until_at INTEGER NOT NULL,
	reason TEXT NOT NULL,
	set_by TEXT NOT NULL,
	strikes INTEGER NOT NULL,
	since_at INTEGER NOT NULL
);

-- The nodes that add. All messages before flushed_at, by the clock of the node, are here;
-- seen_at is by the clock of the database.
CREATE TABLE report_node (
	name TEXT PRIMARY KEY,
	flushed_at INTEGER NOT NULL,
	seen_at INTEGER NOT NULL
);

-- Those that add batches, and the last one of each that is here.
CREATE TABLE report_writer (
	name TEXT PRIMARY KEY,
	batch INTEGER NOT NULL,
	added_at INTEGER NOT NULL
);

-- Numbers: records is how many rows report_count has at most.
CREATE TABLE report_number (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
);
INSERT INTO report_number VALUES ('records', 0);
