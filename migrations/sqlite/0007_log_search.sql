-- Attempts that did not deliver, for the log's filters by state and status. A delivery that succeeds at once never has a
-- row here.
CREATE INDEX attempt_unsuccessful ON attempt (endpoint_id, delivery_id, status_code, after) WHERE after <> 'delivered';

-- A program's webhooks, deleted ones among them.
CREATE INDEX endpoint_program ON endpoint (program_id);
