// What tests of pages in all their states share.
import { execFileSync } from 'node:child_process';
import { barriers } from './barriers.mjs';
import { expect } from './fixtures.mjs';

/** What a page says when the server has failed. */
export const SORRY = 'Something went wrong on our side.';

/** A state that a page cannot be in. */
export const never = (reason) => ({ reason });

/** Puts nonsense in the place of a column, or what it was before back, behind the server's back. */
export function damage(server, place, isDamaged) {
  const [table, column] = place.split('.');
  const file = table === 'inbox_request' ? `${server.database}.inbox` : server.database;
  const run = `
import sqlite3, sys
file, table, column, is_damaged = sys.argv[1:]
ROWS = {
    'draft': "INSERT INTO draft (program_id, version, base_version, rows_json, saved_at_ms) SELECT id, 1, 1, '[]', 1 FROM program",
    'mail_recipient': '''INSERT INTO mail_recipient (id, token, program_id, endpoint_id, email, language, state, created_at_ms)
        SELECT 'rcp_1', 'token', program_id, id, 'grace@example.com', 'en', 'confirmed', 1 FROM endpoint LIMIT 1''',
}
db = sqlite3.connect(file)
if is_damaged == 'true':
    columns = [row[1] for row in db.execute(f'PRAGMA table_info({table})')]
    if table in ROWS:
        db.execute(ROWS[table])
    assert db.execute(f'SELECT 1 FROM {table}').fetchone(), 'there is nothing to damage'
    shown = ', '.join(f"'nonsense' AS {name}" if name == column else name for name in columns)
    db.commit()
    db.executescript(f'BEGIN; ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS SELECT {shown} FROM kept;'
                     f'CREATE TRIGGER leave_it INSTEAD OF DELETE ON {table} BEGIN SELECT 1; END; COMMIT')
else:
    db.executescript(f'BEGIN; DROP VIEW {table}; ALTER TABLE kept RENAME TO {table}; COMMIT')
    if table in ROWS:
        db.execute(f'DELETE FROM {table}')
        db.commit()
`;
  execFileSync('python3', ['-c', run, file, table, column, String(isDamaged)]);
}

/** Looks at the page as it is: a picture in both schemes, and axe. */
export async function look(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `test-results/screens/${name}-${colorScheme}-1280.png`, animations: 'disabled' });
    expect.soft(await barriers(page), name).toEqual([]);
  }
}
