-- Names are ranked over the hours and days of all nodes by the numbers that the pages show
-- most; of each hour and day only the first names are read.

-- +goose Up
CREATE INDEX ON postvet.hour (at, node, kind, failed DESC) WHERE failed > 0;
CREATE INDEX ON postvet.hour (at, node, kind, rejected DESC) WHERE rejected > 0;
CREATE INDEX ON postvet.hour (at, node, kind, spared DESC) WHERE spared > 0;
CREATE INDEX ON postvet.hour (at, node, kind, forwarded DESC) WHERE forwarded > 0;
CREATE INDEX ON postvet.hour (at, node, kind, broken DESC) WHERE broken > 0;
CREATE INDEX ON postvet.day (at, node, kind, failed DESC) WHERE failed > 0;
CREATE INDEX ON postvet.day (at, node, kind, rejected DESC) WHERE rejected > 0;
CREATE INDEX ON postvet.day (at, node, kind, spared DESC) WHERE spared > 0;
CREATE INDEX ON postvet.day (at, node, kind, forwarded DESC) WHERE forwarded > 0;
CREATE INDEX ON postvet.day (at, node, kind, broken DESC) WHERE broken > 0;

-- The likely causes are those of some domains alone.
DROP INDEX IF EXISTS postvet.hour_facts_at_node_idx;
DROP INDEX IF EXISTS postvet.day_facts_at_node_idx;
CREATE INDEX ON postvet.hour_facts (at, node, org);
CREATE INDEX ON postvet.day_facts (at, node, org);
