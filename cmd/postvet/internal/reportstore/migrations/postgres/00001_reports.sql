-- What DMARC reports are made of, and what becomes of them. A day is a number of days since
-- 1970-01-01 in UTC; columns that end in _at are microseconds since then.

-- +goose Up
-- A policy that a domain published. value is JSON.
CREATE TABLE postvet.report_policy (
	id bigint PRIMARY KEY,
	domain text NOT NULL,
	value text NOT NULL,
	last_day bigint NOT NULL
);
CREATE INDEX report_policy_domain ON postvet.report_policy (domain);

-- The messages of a policy on a day. state is open, closed, frozen or skipped. records is how
-- many rows it has in report_count at most.
CREATE TABLE postvet.report_subject (
	day bigint NOT NULL,
	policy bigint NOT NULL,
	state text NOT NULL DEFAULT 'open',
	why text NOT NULL DEFAULT '',
	records bigint NOT NULL DEFAULT 0,
	passed bigint NOT NULL DEFAULT 0,
	ordinary bigint NOT NULL DEFAULT 0,
	refused bigint NOT NULL DEFAULT 0,
	null_sender bigint NOT NULL DEFAULT 0,
	of_report bigint NOT NULL DEFAULT 0,
	left_out bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (day, policy)
);
CREATE INDEX report_subject_policy ON postvet.report_subject (policy, day);
CREATE INDEX report_subject_state ON postvet.report_subject (state, day) WHERE state IN ('open', 'closed');

-- Messages that fared alike. key is a hash of record, which is in a form of its own.
CREATE TABLE postvet.report_count (
	day bigint NOT NULL,
	policy bigint NOT NULL,
	key bytea NOT NULL,
	kind text NOT NULL,
	record bytea NOT NULL,
	n bigint NOT NULL,
	PRIMARY KEY (day, policy, key, kind)
);

-- A report as it is sent. policy and day are those of an aggregate report.
CREATE TABLE postvet.report_sent (
	id text PRIMARY KEY,
	kind text NOT NULL,
	domain text NOT NULL,
	policy bigint,
	day bigint,
	begin_at bigint NOT NULL,
	end_at bigint NOT NULL,
	submitter text NOT NULL,
	created_at bigint NOT NULL,
	records bigint NOT NULL,
	messages bigint NOT NULL,
	document bytea NOT NULL,
	UNIQUE (policy, day, submitter)
);
CREATE INDEX report_sent_domain ON postvet.report_sent (domain, begin_at);
CREATE INDEX report_sent_created ON postvet.report_sent (created_at);

-- A report on its way to an address. host is the domain of the address. next_at is when it is
-- tried next; in the state sending, when its claim ends. message is what was submitted, as long
-- as it may have to be submitted again.
CREATE TABLE postvet.report_delivery (
	report text NOT NULL REFERENCES postvet.report_sent,
	address text NOT NULL,
	host text NOT NULL,
	token text NOT NULL UNIQUE,
	state text NOT NULL,
	attempts bigint NOT NULL DEFAULT 0,
	next_at bigint NOT NULL,
	claim text NOT NULL DEFAULT '',
	code bigint NOT NULL DEFAULT 0,
	status text NOT NULL DEFAULT '',
	said text NOT NULL DEFAULT '',
	changed_at bigint NOT NULL,
	message bytea,
	PRIMARY KEY (report, address)
);
CREATE INDEX report_delivery_due ON postvet.report_delivery (state, next_at);
CREATE INDEX report_delivery_address ON postvet.report_delivery (address);

-- Addresses that get no reports, as "@domain" all of a domain. until_at is 0 for ever.
CREATE TABLE postvet.report_suppression (
	address text PRIMARY KEY,
	until_at bigint NOT NULL,
	reason text NOT NULL,
	set_by text NOT NULL,
	strikes bigint NOT NULL,
	since_at bigint NOT NULL
);

-- The nodes that add. All messages before flushed_at, by the clock of the node, are here;
-- seen_at is by the clock of the database.
CREATE TABLE postvet.report_node (
	name text PRIMARY KEY,
	flushed_at bigint NOT NULL,
	seen_at bigint NOT NULL
);

-- Those that add batches, and the last one of each that is here.
CREATE TABLE postvet.report_writer (
	name text PRIMARY KEY,
	batch bigint NOT NULL,
	added_at bigint NOT NULL
);

-- Numbers: records is how many rows report_count has at most.
CREATE TABLE postvet.report_number (
	name text PRIMARY KEY,
	value bigint NOT NULL
);
INSERT INTO postvet.report_number VALUES ('records', 0);
