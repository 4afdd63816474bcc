-- Reports that others send about our mail.

-- +goose Up
-- key is a hash of what a report says of itself, content one of what it says. head is JSON,
-- document JSON in gzip. author and result are of the mail that it came in, by DMARC; empty for
-- one that was read from a file. place is the queue id, or the file's name.
CREATE TABLE report_received (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	key BLOB NOT NULL,
	content BLOB NOT NULL,
	reporter TEXT NOT NULL,
	email TEXT NOT NULL,
	domain TEXT NOT NULL,
	report_id TEXT NOT NULL,
	begin_at INTEGER NOT NULL,
	end_at INTEGER NOT NULL,
	messages INTEGER NOT NULL,
	passed INTEGER NOT NULL,
	records INTEGER NOT NULL,
	head BLOB NOT NULL,
	document BLOB NOT NULL,
	findings TEXT NOT NULL,
	arrived_at INTEGER NOT NULL,
	last_at INTEGER NOT NULL,
	copies INTEGER NOT NULL DEFAULT 1,
	place TEXT NOT NULL,
	mail_from TEXT NOT NULL,
	subject TEXT NOT NULL,
	message_id TEXT NOT NULL,
	author TEXT NOT NULL,
	result TEXT NOT NULL,
	conflicts INTEGER NOT NULL DEFAULT 0,
	UNIQUE (key, content)
);
CREATE INDEX report_received_domain ON report_received (domain, arrived_at);
CREATE INDEX report_received_arrived ON report_received (arrived_at);
