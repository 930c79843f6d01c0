-- Who made what brings somebody in: links and invitations end with who made them.

ALTER TABLE sign_in_link ADD COLUMN made_by TEXT COLLATE "C"; -- the id of an API key; 'mail' of what was sent; NULL is an owner or the operator

ALTER TABLE session ADD COLUMN api_key_id TEXT COLLATE "C"; -- the key that made the link it came of; NULL for all others

ALTER TABLE invitation ADD COLUMN made_by TEXT COLLATE "C"; -- the id of a person or an API key; NULL is the operator
